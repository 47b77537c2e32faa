package storage;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.sql.SQLException;
import java.util.List;

/** What PostgreSQL's errors mean for a node: whether it helps to ask again. */
final class PostgresErrors {

  /**
   * SQLSTATEs, or their first two characters, that stay until somebody acts: wrong password or
   * user, no such database, no such schema, missing privilege. See PostgreSQL's manual, appendix A.
   */
  private static final List<String> REFUSALS = List.of("28", "3D", "3F", "42501");

  /** No connection, or one that the server ended: class 08, 57P01 to 57P05, idle in transaction. */
  private static final List<String> LOST = List.of("08", "57P", "25P03");

  private PostgresErrors() {}

  /** Whether the connection is gone. */
  static boolean isLostConnection(SQLException e) {
    return startsWithAny(e, LOST);
  }

  /** The failure to throw, which says where it was and what the server said. */
  static JournalException failure(PostgresSettings settings, SQLException e) {
    if (startsWithAny(e, REFUSALS)) {
      return new JournalRefusedException(
          "the journal at " + settings.place() + " refuses this node: " + text(e), e);
    }
    if (isLostConnection(e)) {
      return new JournalException(
          "cannot reach the journal at " + settings.place() + ": " + text(e), e);
    }
    return new JournalException("the journal at " + settings.place() + " failed: " + text(e), e);
  }

  private static boolean startsWithAny(SQLException e, List<String> prefixes) {
    String state = e.getSQLState();
    return state != null && prefixes.stream().anyMatch(state::startsWith);
  }

  /** The server's words, or what happened to the connection, in one line. */
  private static String text(SQLException e) {
    Throwable cause = e.getCause();
    if (cause instanceof SocketTimeoutException) {
      return "no answer in time";
    }
    if (cause instanceof UnknownHostException) {
      return "unknown host " + cause.getMessage();
    }
    if (cause instanceof IOException) {
      return String.valueOf(cause.getMessage());
    }
    return String.valueOf(e.getMessage()).replaceAll("\\s*\\R\\s*", "; ");
  }
}
