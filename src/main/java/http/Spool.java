package http;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.pekko.NotUsed;
import org.apache.pekko.stream.Attributes;
import org.apache.pekko.stream.javadsl.Source;
import org.apache.pekko.util.ByteString;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps in files what clients have not taken yet of their answers, so that a slow client holds
 * neither a connection to the database nor memory. Its files have no name as soon as they are open,
 * so that nothing of them outlives the process, however it ends. Thread-safe.
 */
final class Spool {

  private static final Logger LOG = LoggerFactory.getLogger(Spool.class);

  private static final int READ_BYTES = 64 * 1024;

  private final Path directory;
  private final long bytesMax;
  private final AtomicLong bytes = new AtomicLong();
  private final AtomicBoolean complained = new AtomicBoolean();

  /**
   * Makes a spool that is empty.
   *
   * @param directory where its files are; made when it is needed
   * @param bytesMax what all of them may hold together; 0 turns it off
   */
  Spool(Path directory, long bytesMax) {
    this.directory = directory;
    this.bytesMax = bytesMax;
  }

  /** What is held for all answers, in bytes. */
  long bytes() {
    return bytes.get();
  }

  /** Begins a segment; null if there is no room for one. */
  @Nullable Segment begin() {
    if (bytes.get() >= bytesMax) {
      return null;
    }
    try {
      Files.createDirectories(directory);
      return new Segment(
          FileChannel.open(
              directory.resolve("answer-" + UUID.randomUUID()),
              StandardOpenOption.CREATE_NEW,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              StandardOpenOption.DELETE_ON_CLOSE));
    } catch (IOException failed) {
      complain(failed);
      return null;
    }
  }

  /** Answers go on without the spool, so once is enough to have it looked at. */
  private void complain(IOException failed) {
    if (complained.compareAndSet(false, true)) {
      LOG.warn("answers to slow clients cannot be kept in {}: {}", directory, failed.toString());
    }
  }

  /** A piece of one answer: first written by one thread, then read by one stream, then closed. */
  final class Segment {

    private final FileChannel file;
    private long length;
    private boolean closed;

    private Segment(FileChannel file) {
      this.file = file;
    }

    /**
     * Adds a chunk, whole or not at all; false if there is no room for it.
     *
     * @param count how many bytes of the array it has
     */
    synchronized boolean append(byte[] chunk, int count) {
      if (closed) {
        return false;
      }
      if (bytes.addAndGet(count) > bytesMax) {
        bytes.addAndGet(-count);
        return false;
      }
      try {
        ByteBuffer buffer = ByteBuffer.wrap(chunk, 0, count);
        while (buffer.hasRemaining()) {
          int unused = file.write(buffer, length + buffer.position());
        }
        length += count;
        return true;
      } catch (IOException failed) {
        bytes.addAndGet(-count);
        complain(failed);
        return false;
      }
    }

    /** Its bytes, to be read once; the segment is closed at their end. */
    synchronized Source<ByteString, NotUsed> source() {
      long end = length;
      return Source.unfoldResource(() -> new Cursor(end), Cursor::next, cursor -> close())
          .addAttributes(Attributes.inputBuffer(1, 1));
    }

    synchronized boolean isClosed() {
      return closed;
    }

    /** Gives its room back. A second call has no effect. */
    synchronized void close() {
      if (closed) {
        return;
      }
      closed = true;
      bytes.addAndGet(-length);
      try {
        file.close();
      } catch (IOException failed) {
        complain(failed);
      }
    }

    /** How far the segment is read. For the thread of the stream. */
    private final class Cursor {

      private final long end;
      private long at;

      Cursor(long end) {
        this.end = end;
      }

      Optional<ByteString> next() throws IOException {
        if (at == end) {
          return Optional.empty();
        }
        ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(READ_BYTES, end - at));
        while (buffer.hasRemaining()) {
          int read = file.read(buffer, at + buffer.position());
          if (read < 0) {
            throw new IOException("the spool lost the end of an answer");
          }
        }
        at += buffer.capacity();
        return Optional.of(ByteString.fromArrayUnsafe(buffer.array()));
      }
    }
  }
}
