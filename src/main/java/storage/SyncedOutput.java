package storage;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;

/**
 * Writes a large file that goes to the disk in small portions while it is written, and is synced
 * when it is closed.
 *
 * <p>Otherwise the file system collects it, and the next sync of any other file waits for all of
 * it: with ext4, as its journal is in order, a commit of a database beside it did so for half a
 * second.
 *
 * <p>One thread. What fails makes {@link #finish} or a write fail; a file that was not finished is
 * to be deleted.
 */
final class SyncedOutput extends OutputStream {

  /** How a portion goes to the disk. */
  enum Way {
    /** The writer waits for it: as little as possible is on its way at any time. */
    GENTLE(4L << 20),
    /** While the writer goes on: as fast as possible. */
    FAST(32L << 20);

    private final long portion;

    Way(long portion) {
      this.portion = portion;
    }
  }

  private static final Executor SYNCS =
      work -> {
        Thread thread = new Thread(work, "peqlite-sync");
        thread.setDaemon(true);
        thread.start();
      };

  private final FileChannel file;
  private final Way way;
  private long unsynced;
  private CompletableFuture<?> syncing = CompletableFuture.completedFuture(null);

  /** Makes the file, or overwrites what is there. */
  SyncedOutput(Path target, Way way) throws IOException {
    this.file =
        FileChannel.open(
            target,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE);
    this.way = way;
  }

  @Override
  public void write(int one) throws IOException {
    write(new byte[] {(byte) one}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes, offset, length);
    while (buffer.hasRemaining()) {
      file.write(buffer);
    }
    unsynced += length;
    if (unsynced >= way.portion) {
      if (way == Way.GENTLE) {
        file.force(false);
        unsynced = 0;
      } else if (syncing.isDone()) {
        await();
        unsynced = 0;
        syncing = CompletableFuture.runAsync(this::sync, SYNCS);
      }
    }
  }

  private void sync() {
    try {
      file.force(false);
    } catch (IOException e) {
      throw new CompletionException(e);
    }
  }

  private void await() throws IOException {
    try {
      syncing.join();
    } catch (CompletionException e) {
      throw new IOException("the file could not be synced: " + e.getCause(), e);
    }
  }

  /** Everything is on the disk after this. */
  void finish() throws IOException {
    await();
    file.force(true);
  }

  @Override
  public void close() throws IOException {
    try {
      await();
    } finally {
      file.close();
    }
  }
}
