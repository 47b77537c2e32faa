package storage;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A file that is read from its beginning on while another thread still writes it: reading waits for
 * what is not there yet. For one thread that reads and one that writes.
 */
public final class ArrivingFile extends InputStream {

  private final InputStream file;
  private long position;

  // Guarded by this.
  private long arrived;
  private boolean complete;
  private @Nullable IOException failure;

  /**
   * @param file which exists
   * @param arrived how many of its bytes are there already
   */
  public ArrivingFile(Path file, long arrived) throws IOException {
    this.file = Files.newInputStream(file);
    this.arrived = arrived;
  }

  /** So many bytes have been written, from the beginning on. */
  public synchronized void arrived(long bytes) {
    arrived = bytes;
    notifyAll();
  }

  /** The file ends where it has arrived. */
  public synchronized void complete() {
    complete = true;
    notifyAll();
  }

  /** No more will come: whoever waits for more has this failure. */
  public synchronized void breakOff(IOException why) {
    failure = why;
    notifyAll();
  }

  private synchronized long awaitMore() throws IOException {
    while (arrived <= position && !complete) {
      IOException why = failure;
      if (why != null) {
        throw new IOException(why.getMessage(), why);
      }
      try {
        wait();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted", e);
      }
    }
    return arrived - position;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] bytes, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    long more = awaitMore();
    if (more == 0) {
      return -1;
    }
    int read = file.read(bytes, offset, (int) Math.min(length, more));
    position += Math.max(0, read);
    return read;
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
