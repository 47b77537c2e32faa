package backup;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Takes an object's bytes from the network into a file, over as many connections as that needs.
 *
 * <p>A connection that is cut after something came is followed by another one, which asks only for
 * the rest if the place can do that ({@link #offset}). An object that is replaced meanwhile is not
 * mixed with its successor: its version goes with every question. For one thread at a time.
 */
final class Download {

  /** One request for the object's bytes. */
  interface Source {
    /**
     * Asks for the bytes from {@link Download#offset} on and hands them to the download: {@link
     * Download#begin}, {@link Download#write}, {@link Download#end}.
     *
     * @throws CutException if the connection ended in the middle; then it is called again
     * @throws IOException if there is no use in asking again
     */
    void fetch(Download download) throws IOException;
  }

  /**
   * What an answer contains.
   *
   * @param offset of its first byte in the object
   * @param bytes of the whole object; -1 if the place does not say
   */
  record Extent(long offset, long bytes) {

    private static final Pattern CONTENT_RANGE =
        Pattern.compile("bytes (\\d{1,18})-\\d{1,18}/(\\d{1,18})");

    /** Reads the header of an answer with a part of the object (RFC 9110, section 14.4). */
    static Extent ofContentRange(String header) throws IOException {
      Matcher matcher = CONTENT_RANGE.matcher(header);
      if (!matcher.matches()) {
        throw new IOException("the answer's Content-Range cannot be read: " + header);
      }
      return new Extent(Long.parseLong(matcher.group(1)), Long.parseLong(matcher.group(2)));
    }
  }

  private static final int CONNECTIONS_MAX = 8;
  private static final Duration PAUSE_MIN = Duration.ofMillis(100);

  private final FileChannel file;
  private Optional<String> version = Optional.empty();
  private Optional<String> digest = Optional.empty();
  private long received;
  private long bytes = -1;

  /**
   * Writes an object to a file.
   *
   * @param name for errors
   * @param target as for {@link BackupStore#get}
   * @param pauseMax before another connection
   */
  static void run(String name, Path target, Duration pauseMax, Source source) throws IOException {
    try (WholeFile whole = WholeFile.beside(target)) {
      Download download = new Download(whole.channel());
      download.fetchAll(name, pauseMax, source);
      download.checkDigest(name, whole.written());
      whole.takePlace();
    }
  }

  private Download(FileChannel file) {
    this.file = file;
  }

  private void fetchAll(String name, Duration pauseMax, Source source) throws IOException {
    Duration pause = PAUSE_MIN;
    for (int connections = 1; ; connections++) {
      try {
        source.fetch(this);
        return;
      } catch (CutException cut) {
        if (received == 0 || connections == CONNECTIONS_MAX) {
          throw new IOException(
              name
                  + " could not be read: "
                  + cut.getMessage()
                  + " (after "
                  + received
                  + " bytes, connection "
                  + connections
                  + ')',
              cut);
        }
      }
      pause(pause.compareTo(pauseMax) < 0 ? pause : pauseMax);
      pause = pause.multipliedBy(2);
    }
  }

  private static void pause(Duration pause) throws InterruptedIOException {
    try {
      Thread.sleep(pause.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while a backup was read");
    }
  }

  private void checkDigest(String name, Path written) throws IOException {
    if (digest.isPresent()) {
      String read = HexFormat.of().formatHex(Digests.sha256(written));
      if (!read.equalsIgnoreCase(digest.get())) {
        throw new DamagedObjectException(
            name + " is damaged: its SHA-256 is " + read + ", and was " + digest.get(), null);
      }
    }
  }

  /** The first byte to ask for; 0 unless the place can give the rest of the same version. */
  long offset() {
    return version.isPresent() ? received : 0;
  }

  /** Of which version to ask for the rest; present if {@link #offset} is not 0. */
  Optional<String> version() {
    return version;
  }

  /**
   * An answer has come.
   *
   * @param extent of the answer; an answer from 0 begins anew
   * @param newVersion by which the rest can be asked for, if it can
   * @param newDigest SHA-256 of the whole object in hexadecimal, if the place has it
   */
  void begin(Extent extent, Optional<String> newVersion, Optional<String> newDigest)
      throws IOException {
    boolean rest = extent.offset() != 0;
    if (rest && newVersion.isPresent() && !newVersion.equals(version)) {
      throw new IOException("it was replaced while it was read");
    }
    if (rest && (extent.offset() != received || extent.bytes() != bytes)) {
      throw new IOException(
          "asked for the bytes from "
              + received
              + " of "
              + bytes
              + ", got those from "
              + extent.offset()
              + " of "
              + extent.bytes());
    }
    file.truncate(extent.offset());
    file.position(extent.offset());
    received = extent.offset();
    bytes = extent.bytes();
    version = newVersion;
    digest = newDigest;
  }

  void write(ByteBuffer buffer) throws IOException {
    if (bytes >= 0 && buffer.remaining() > bytes - received) {
      throw new IOException("more came than the " + bytes + " bytes that were announced");
    }
    while (buffer.hasRemaining()) {
      received += file.write(buffer);
    }
  }

  /** The answer is over. */
  void end() throws CutException {
    if (bytes >= 0 && received < bytes) {
      throw new CutException("the connection ended before the last of " + bytes + " bytes", null);
    }
  }

  /** Writes all that a stream has. */
  void writeAll(InputStream in) throws IOException {
    byte[] buffer = new byte[64 * 1024];
    while (true) {
      int read;
      try {
        read = in.read(buffer);
      } catch (IOException cut) {
        throw new CutException(cut.toString(), cut);
      }
      if (read < 0) {
        return;
      }
      write(ByteBuffer.wrap(buffer, 0, read));
    }
  }
}
