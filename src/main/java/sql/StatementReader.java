package sql;

import java.io.IOException;
import java.io.Reader;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Cuts a text of any length into its statements, as {@link SqlText#split} does, with only a part of
 * it in memory. One thread.
 */
public final class StatementReader implements AutoCloseable {

  /** A statement is longer than any may be. */
  public static final class TooLongException extends IOException {
    private static final long serialVersionUID = 1L;

    TooLongException(long number, int max) {
      super("statement " + number + " is longer than " + max + " characters");
    }
  }

  private static final int BLOCK = 1 << 20;

  private final Reader text;
  private final int lengthMax;
  private final char[] block = new char[BLOCK];
  private final ArrayDeque<String> ready = new ArrayDeque<>();
  private final StringBuilder rest = new StringBuilder();
  private boolean ended;
  private long count;

  /**
   * Reads from the text, which is closed with this.
   *
   * @param lengthMax characters of one statement
   */
  public StatementReader(Reader text, int lengthMax) {
    this.text = text;
    this.lengthMax = lengthMax;
  }

  /**
   * The next statement; empty behind the last.
   *
   * @throws TooLongException if it is too long
   */
  public Optional<String> next() throws IOException {
    while (ready.isEmpty() && !ended) {
      // What had no end in so much is looked at again only when there is twice as much.
      fill(Math.max(BLOCK, rest.length()));
      cut();
    }
    String next = ready.poll();
    if (next != null) {
      count++;
      if (next.length() > lengthMax) {
        throw new TooLongException(count, lengthMax);
      }
    }
    return Optional.ofNullable(next);
  }

  private void fill(int more) throws IOException {
    int wanted = more;
    while (wanted > 0) {
      int read = text.read(block, 0, Math.min(block.length, wanted));
      if (read < 0) {
        ended = true;
        return;
      }
      rest.append(block, 0, read);
      wanted -= read;
    }
  }

  private void cut() throws TooLongException {
    String known = rest.toString();
    List<String> statements = new ArrayList<>();
    int end = SqlText.cutComplete(known, statements);
    ready.addAll(statements);
    rest.setLength(0);
    if (ended) {
      ready.addAll(SqlText.split(known.substring(end)));
    } else {
      rest.append(known, end, known.length());
      if (rest.length() > lengthMax) {
        throw new TooLongException(count + ready.size() + 1, lengthMax);
      }
    }
  }

  @Override
  public void close() throws IOException {
    text.close();
  }
}
