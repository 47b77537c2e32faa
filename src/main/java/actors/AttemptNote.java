package actors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import sql.Position;

/**
 * A small file beside the database that says which event a process is about to apply first, so that
 * a request that kills the process is found out after a few starts instead of killing it for ever.
 *
 * <p>Written with fsync before the first event after a start, and before each entry once two starts
 * have died in the same event; removed after the first success. One thread.
 */
final class AttemptNote {

  private static final Logger LOG = LoggerFactory.getLogger(AttemptNote.class);

  /** So many starts may die in an event before each of its entries is noted. */
  static final int DEATHS_UNTIL_CAREFUL = 2;

  /**
   * What a note says.
   *
   * @param seq the event
   * @param index the entry, -1 where only the event is known
   * @param deaths starts that ended in this event
   */
  record Note(long seq, int index, int deaths) {}

  private final Path file;
  private boolean written;

  AttemptNote(Path file) {
    this.file = file;
  }

  /** What an earlier process left; empty also if it cannot be read. */
  Optional<Note> read() {
    try {
      if (!Files.exists(file)) {
        return Optional.empty();
      }
      String[] words = Files.readString(file).strip().split(" ", -1);
      written = true;
      return Optional.of(
          new Note(
              Long.parseLong(words[0]), Integer.parseInt(words[1]), Integer.parseInt(words[2])));
    } catch (IOException | RuntimeException e) {
      LOG.warn("cannot read {}: {}", file, e.toString());
      return Optional.empty();
    }
  }

  /** Notes what is about to be done; durable when this returns. */
  void write(Position position, boolean entry, int deaths) {
    String text = position.seq() + " " + (entry ? position.index() : -1) + " " + deaths + "\n";
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
      written = true;
    } catch (IOException e) {
      // Without the note a killing request is found out later; that is no reason not to apply.
      LOG.warn("cannot write {}: {}", file, e.toString());
    }
  }

  /** Whether the database was made anew because it differed from the others'. */
  boolean isMadeAnew() {
    return Files.exists(madeAnewFile());
  }

  /** Notes that the database is made anew because it differs from the others'. */
  void madeAnew() {
    try {
      Files.writeString(madeAnewFile(), "made anew because it differed from the other nodes\n");
    } catch (IOException e) {
      LOG.warn("cannot write {}: {}", madeAnewFile(), e.toString());
    }
  }

  /** It is like the others' now. */
  void agreesAgain() {
    try {
      Files.deleteIfExists(madeAnewFile());
    } catch (IOException e) {
      LOG.warn("cannot remove {}: {}", madeAnewFile(), e.toString());
    }
  }

  private Path madeAnewFile() {
    return file.resolveSibling("made-anew");
  }

  /** Removes the note: what it names was applied. */
  void clear() {
    if (written) {
      try {
        Files.deleteIfExists(file);
        written = false;
      } catch (IOException e) {
        LOG.warn("cannot remove {}: {}", file, e.toString());
      }
    }
  }
}
