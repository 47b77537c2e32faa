package storage;

import java.io.ByteArrayOutputStream;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * The parts of a large request that have arrived, kept in the database until the last one. There is
 * at most one such request: its parts stand in consecutive events, and an opening voids the rest of
 * it. One thread, inside the apply's transaction.
 */
final class Parts {

  private Parts() {}

  /**
   * Takes a part.
   *
   * @return the whole request if this was its last part; the parts before it stay until {@link
   *     #clear}. Null if more is to come, or if parts are missing, so that nothing comes of it
   */
  static byte @Nullable [] add(StatementCache statements, Entry.Part part) throws SQLException {
    if (part.index() == 0) {
      clear(statements);
    }
    ByteArrayOutputStream whole = new ByteArrayOutputStream();
    int arrived = 0;
    PreparedStatement query =
        statements.internal(
            "SELECT bytes FROM _peqlite_parts WHERE seq = ? AND idx = ? AND number = ?"
                + " ORDER BY part");
    query.setLong(1, part.session().seq());
    query.setInt(2, part.session().index());
    query.setLong(3, part.number());
    boolean last = part.index() == part.count() - 1;
    try (ResultSet row = query.executeQuery()) {
      while (row.next()) {
        arrived++;
        if (last) {
          whole.writeBytes(row.getBytes(1));
        }
      }
    }
    if (arrived != part.index()) {
      clear(statements);
      return null;
    }
    if (last) {
      whole.writeBytes(part.bytes());
      return whole.toByteArray();
    }
    PreparedStatement write =
        statements.internal(
            "INSERT INTO _peqlite_parts (part, seq, idx, number, bytes) VALUES (?, ?, ?, ?, ?)");
    write.setInt(1, part.index());
    write.setLong(2, part.session().seq());
    write.setInt(3, part.session().index());
    write.setLong(4, part.number());
    write.setBytes(5, part.bytes());
    write.execute();
    return null;
  }

  /** Forgets all parts: their request was taken, or never will be. */
  static void clear(StatementCache statements) throws SQLException {
    statements.internal("DELETE FROM _peqlite_parts").execute();
  }
}
