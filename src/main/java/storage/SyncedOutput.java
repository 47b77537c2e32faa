package storage;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * Writes a large file that goes to the disk in portions while it is written, and is synced when it
 * is finished.
 *
 * <p>Otherwise the file system collects it, and the next sync of any other file waits for all of
 * it: with ext4, whose journal is in order, a commit of a database beside it did so for half a
 * second.
 *
 * <p>One thread. What fails makes {@link #finish} or a later write fail; a file that was not
 * finished is to be deleted.
 */
abstract class SyncedOutput extends OutputStream {

  private static final long GENTLE_BYTES = 4L << 20;
  private static final long FAST_BYTES = 64L << 20;
  private static final int CHUNKS_WAITING = 8;

  private final FileChannel file;
  private final long portion;
  private long unsynced;

  private SyncedOutput(Path target, long portion) throws IOException {
    this.file =
        FileChannel.open(
            target,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE);
    this.portion = portion;
  }

  /**
   * Makes the file, or overwrites what is there. As little as possible is on its way to the disk at
   * any time: whoever else syncs there hardly waits.
   */
  static SyncedOutput gentle(Path target) throws IOException {
    return new Gentle(target);
  }

  /** The same, as fast as possible: a thread of its own writes what others still work out. */
  static SyncedOutput fast(Path target) throws IOException {
    return new Fast(target);
  }

  /** Everything is on the disk after this. */
  abstract void finish() throws IOException;

  @Override
  public final void write(int one) throws IOException {
    write(new byte[] {(byte) one}, 0, 1);
  }

  void toFile(byte[] bytes, int offset, int length) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes, offset, length);
    while (buffer.hasRemaining()) {
      file.write(buffer);
    }
    unsynced += length;
    if (unsynced >= portion) {
      file.force(false);
      unsynced = 0;
    }
  }

  void sync() throws IOException {
    file.force(true);
  }

  @Override
  public void close() throws IOException {
    file.close();
  }

  private static final class Gentle extends SyncedOutput {

    Gentle(Path target) throws IOException {
      super(target, GENTLE_BYTES);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      toFile(bytes, offset, length);
    }

    @Override
    void finish() throws IOException {
      sync();
    }
  }

  private static final class Fast extends SyncedOutput {

    private static final byte[] END = {};

    private final BlockingQueue<byte[]> waiting = new ArrayBlockingQueue<>(CHUNKS_WAITING);
    private final Thread writer = new Thread(this::writeAll, "peqlite-restore-writer");
    private volatile @Nullable IOException failure;

    Fast(Path target) throws IOException {
      super(target, FAST_BYTES);
      writer.setDaemon(true);
      writer.start();
    }

    /** What comes after a failure is taken too, so that nobody waits for room. */
    private void writeAll() {
      try {
        for (byte[] chunk = waiting.take(); chunk != END; chunk = waiting.take()) {
          if (failure == null) {
            try {
              toFile(chunk, 0, chunk.length);
            } catch (IOException e) {
              failure = e;
            }
          }
        }
      } catch (InterruptedException e) {
        failure = new IOException("interrupted", e);
      }
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      throwFailure();
      if (length > 0) {
        byte[] chunk = new byte[length];
        System.arraycopy(bytes, offset, chunk, 0, length);
        put(chunk);
      }
    }

    private void put(byte[] chunk) throws IOException {
      try {
        waiting.put(chunk);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted", e);
      }
    }

    private void throwFailure() throws IOException {
      IOException failed = failure;
      if (failed != null) {
        throw new IOException(failed.getMessage(), failed);
      }
    }

    private void end() throws IOException {
      if (writer.isAlive()) {
        put(END);
        try {
          writer.join();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new IOException("interrupted", e);
        }
      }
    }

    @Override
    void finish() throws IOException {
      end();
      throwFailure();
      sync();
    }

    @Override
    public void close() throws IOException {
      try {
        end();
      } finally {
        super.close();
      }
    }
  }
}
