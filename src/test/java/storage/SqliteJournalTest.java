package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** The journal in a SQLite file; appended to here by the statement that the plugin uses. */
class SqliteJournalTest extends JournalContract {

  private static final int CONSTRAINT = 19;

  @Override
  protected Journal openJournal() throws JournalException {
    return SqliteJournal.open(file());
  }

  @Override
  protected boolean append(long seq, byte[] bytes) throws SQLException {
    return append(SqliteJournal.PERSISTENCE_ID, seq, bytes);
  }

  private boolean append(String persistenceId, long seq, byte[] bytes) throws SQLException {
    try (Connection connection = DriverManager.getConnection(SqliteJournal.url(file()));
        PreparedStatement insert =
            connection.prepareStatement(
                "INSERT INTO event_journal (persistence_id, sequence_number, writer,"
                    + " write_timestamp, adapter_manifest, event_payload, event_ser_id,"
                    + " event_ser_manifest) VALUES (?, ?, 'w', 0, '', ?, 1, '')")) {
      insert.setString(1, persistenceId);
      insert.setLong(2, seq);
      insert.setBytes(3, bytes);
      insert.execute();
      return true;
    } catch (SQLException e) {
      if (e.getErrorCode() == CONSTRAINT) {
        return false;
      }
      throw e;
    }
  }

  @Override
  protected void remove(long seq) throws SQLException {
    execute("DELETE FROM event_journal WHERE sequence_number = " + seq);
  }

  @Override
  protected void replace(long seq, byte[] bytes) throws SQLException {
    execute(
        "UPDATE event_journal SET event_payload = x'"
            + HexFormat.of().formatHex(bytes)
            + "' WHERE sequence_number = "
            + seq);
  }

  @Test
  void looksAtNothingButItsOwnEvents() throws Exception {
    append("another actor", 1, new byte[1]);
    append("another actor", 2, new byte[1]);
    append(1, bytes(1, 1));
    try (Journal journal = openJournal()) {
      assertEquals(1, journal.head());
      assertEquals(1, journal.count(1, 10));
    }
  }

  @Test
  void isAppendedToWithASyncForEachCommit() throws Exception {
    try (Connection connection = DriverManager.getConnection(SqliteJournal.url(file()));
        Statement statement = connection.createStatement()) {
      assertEquals("2", pragma(statement, "synchronous"));
      assertEquals("wal", pragma(statement, "journal_mode"));
      assertEquals("5000", pragma(statement, "busy_timeout"));
    }
  }

  @Test
  void saysThatTheFileIsNoJournal() throws Exception {
    Path text = folder.resolve("text");
    Files.writeString(text, "this is a text".repeat(1000), StandardCharsets.UTF_8);
    JournalException refused = assertThrows(JournalException.class, () -> SqliteJournal.open(text));
    assertTrue(refused.getMessage().startsWith("cannot open the journal "), refused.getMessage());
  }

  @Test
  void saysThatTheFileCannotBeMade() {
    Path file = folder.resolve("missing").resolve("journal.db");
    JournalException refused = assertThrows(JournalException.class, () -> SqliteJournal.open(file));
    assertTrue(refused.getMessage().startsWith("cannot create the journal "), refused.getMessage());
  }

  @Test
  void goesOnWhenTheFileIsMended() throws Exception {
    append(1, bytes(1, 1));
    try (Journal journal = openJournal()) {
      assertEquals(1, journal.head());
      execute("ALTER TABLE event_journal RENAME TO away");
      assertThrows(JournalException.class, journal::head);
      assertThrows(JournalException.class, () -> journal.read(1, 10, 1000));
      execute("ALTER TABLE away RENAME TO event_journal");
      assertEquals(1, journal.head());
      assertEquals(1, journal.count(1, 10));
    }
  }

  private Path file() {
    return folder.resolve("journal.db");
  }

  private void execute(String sql) throws SQLException {
    try (Connection connection = DriverManager.getConnection(SqliteJournal.url(file()));
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static String pragma(Statement statement, String name) throws SQLException {
    try (ResultSet row = statement.executeQuery("PRAGMA " + name)) {
      return row.getString(1);
    }
  }
}
