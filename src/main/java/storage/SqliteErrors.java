package storage;

import java.sql.SQLException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/**
 * What an exception of the SQLite driver says: SQLite's extended result code, SQLite's own message
 * without the driver's decoration, and whether the node or the statement is to blame.
 *
 * <p>Stateless; any thread may call it.
 */
public final class SqliteErrors {

  /** SQLITE_READONLY without an extension: a write on a connection that only reads. */
  static final int READONLY = SQLiteErrorCode.SQLITE_READONLY.code;

  // The driver writes codes that it has no name for as "[UNKNOWN_ERROR] unknown error:4711 (text)".
  private static final Pattern UNKNOWN =
      Pattern.compile("\\[UNKNOWN_ERROR\\] [^:(]*:(-?\\d+) \\((.*)\\)", Pattern.DOTALL);

  private SqliteErrors() {}

  /** The extended result code, or 0 when the exception does not come from SQLite itself. */
  public static int code(SQLException error) {
    if (error instanceof SQLiteException sqlite) {
      SQLiteErrorCode code = sqlite.getResultCode();
      if (code != SQLiteErrorCode.UNKNOWN_ERROR) {
        return code.code;
      }
      Matcher unknown = UNKNOWN.matcher(decorated(error));
      if (unknown.matches()) {
        return Integer.parseInt(unknown.group(1));
      }
    }
    return 0;
  }

  /** The low byte of {@link #code}, which tells the kind of error. */
  public static int primaryCode(SQLException error) {
    return code(error) & 0xff;
  }

  /**
   * SQLite's message as its own shell shows it, such as {@code UNIQUE constraint failed: foo.id}.
   * Never empty.
   */
  public static String message(SQLException error) {
    String decorated = decorated(error);
    if (error instanceof SQLiteException sqlite) {
      // The prefix is exactly the code's own text, so parentheses inside of the message are safe.
      String prefix = sqlite.getResultCode() + " (";
      if (decorated.startsWith(prefix) && decorated.endsWith(")")) {
        return decorated.substring(prefix.length(), decorated.length() - 1);
      }
      Matcher unknown = UNKNOWN.matcher(decorated);
      if (unknown.matches()) {
        return unknown.group(2);
      }
    }
    return decorated;
  }

  /**
   * Whether the node is to blame and not the statement, so that the error may never become the
   * outcome of a write.
   *
   * <p>Outcomes are only the codes that follow from the statement and the data alone: ERROR,
   * CONSTRAINT, MISMATCH, TOOBIG and RANGE. Everything else counts as the environment, known or
   * not: a node that stops for no good reason can be started again, but a node's accident that was
   * taken for an outcome makes the replicas differ for ever. SCHEMA is among the environment's: a
   * connection that writes alone prepares anew by itself and never sees it. So is what the driver
   * raises without asking SQLite.
   */
  public static boolean isEnvironment(SQLException error) {
    if (code(error) == SQLiteErrorCode.SQLITE_CORRUPT_VTAB.code) {
      // What a full-text or r-tree module says of rows that SQL itself has put into its tables.
      return false;
    }
    return switch (primaryCode(error)) {
      case 1, 18, 19, 20, 25 -> false; // ERROR, TOOBIG, CONSTRAINT, MISMATCH, RANGE
      default -> true;
    };
  }

  /** Whether the statement was interrupted, by a progress handler or from another thread. */
  public static boolean isInterrupt(SQLException error) {
    return is(error, SQLiteErrorCode.SQLITE_INTERRUPT);
  }

  /** Whether the disk, or the limit on the database's pages, is full. */
  public static boolean isFull(SQLException error) {
    return is(error, SQLiteErrorCode.SQLITE_FULL);
  }

  /** Whether the database could not be written because it, or the connection, is read-only. */
  public static boolean isReadOnly(SQLException error) {
    return is(error, SQLiteErrorCode.SQLITE_READONLY);
  }

  /** Whether the file is damaged or not a database at all. */
  public static boolean isCorrupt(SQLException error) {
    return is(error, SQLiteErrorCode.SQLITE_CORRUPT) || is(error, SQLiteErrorCode.SQLITE_NOTADB);
  }

  /** Whether what was written once cannot be read any more. */
  public static boolean isDamage(SQLException error) {
    if (isCorrupt(error)) {
      return true;
    }
    int code = code(error);
    return code == SQLiteErrorCode.SQLITE_IOERR_READ.code
        || code == SQLiteErrorCode.SQLITE_IOERR_SHORT_READ.code
        || code == SQLiteErrorCode.SQLITE_IOERR_CORRUPTFS.code;
  }

  /** Whether another connection was in the way, so that the same call may succeed later. */
  static boolean isPassing(SQLException error) {
    return is(error, SQLiteErrorCode.SQLITE_BUSY) || is(error, SQLiteErrorCode.SQLITE_SCHEMA);
  }

  private static boolean is(SQLException error, SQLiteErrorCode primary) {
    return primaryCode(error) == primary.code;
  }

  private static String decorated(SQLException error) {
    String message = error.getMessage();
    return message == null || message.isEmpty() ? error.getClass().getSimpleName() : message;
  }
}
