package storage;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.sqlite.core.Codes;
import org.sqlite.core.CoreStatement;

/**
 * A hash over everything that a replica holds in common with the others: equal replicas have equal
 * digests, however their pages lie.
 *
 * <p>It covers the text of the schema, that of each table's indexes and triggers in the order of
 * their making, because it decides which of them comes first; every row of every table with its
 * rowid and the storage class of each value; and of the internal tables the position, the sessions,
 * the keys, the parts and the pieces. Left out is what differs between equal replicas (page
 * numbers, scratch tables) and what follows from the rest (indexes, virtual tables, generated
 * columns that are not stored). The tables in which virtual tables keep their rows are covered.
 *
 * <p>Meant for a replica that stands between two events. Reads every page once and keeps one row in
 * memory.
 */
public final class ContentDigest {

  private static final String RESERVED = "'\\_peqlite%' ESCAPE '\\'";

  // What is the same on every replica; the columns are named, so that a later release may add some.
  private static final List<String> INTERNAL =
      List.of(
          "SELECT seq, idx, statement, hash, journal_id, epoch, timestamp, clock, key_count,"
              + " settings, foreign_keys, key_age, keys_max, key_outcome_bytes_max"
              + " FROM _peqlite_position",
          "SELECT seq, idx, node, nonce, low, strays FROM _peqlite_sessions ORDER BY seq, idx",
          "SELECT user, key, hash, seq, idx, outcome, clock FROM _peqlite_keys ORDER BY user, key",
          "SELECT seq, idx, number, part, bytes FROM _peqlite_parts ORDER BY part",
          "SELECT seq, idx, load, piece, bytes FROM _peqlite_pieces"
              + " ORDER BY seq, idx, load, piece");

  private static final String SCHEMA =
      "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE tbl_name NOT LIKE "
          + RESERVED
          + " ORDER BY type, tbl_name, rowid";

  private static final String TABLES =
      "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow')"
          + " AND name NOT IN ('sqlite_schema', 'sqlite_master') AND name NOT LIKE "
          + RESERVED
          + " ORDER BY name";

  private static final List<String> ROWID_NAMES = List.of("rowid", "_rowid_", "oid");

  private static final int ROW_ENDS = 100;
  private static final int PART_ENDS = 101;

  private final Connection connection;
  private final MessageDigest digest;
  private final ByteBuffer number = ByteBuffer.allocate(1 + Long.BYTES);

  private ContentDigest(Connection connection) {
    this.connection = connection;
    this.digest = EventHash.newDigest();
  }

  /**
   * The digest of what the connection sees; in a transaction, as of one moment.
   *
   * @param connection to a replica's database, open in this process
   * @return 32 bytes
   * @throws SQLException if it cannot be read
   */
  public static byte[] of(Connection connection) throws SQLException {
    return new ContentDigest(connection).compute();
  }

  private byte[] compute() throws SQLException {
    add(SCHEMA);
    for (Table table : tables()) {
      addText(table.name());
      add(query(table));
    }
    for (String internal : INTERNAL) {
      add(internal);
    }
    return digest.digest();
  }

  private record Table(String name, boolean withoutRowid) {}

  private List<Table> tables() throws SQLException {
    List<Table> tables = new ArrayList<>();
    try (PreparedStatement statement = connection.prepareStatement(TABLES);
        ResultSet row = statement.executeQuery()) {
      while (row.next()) {
        tables.add(new Table(row.getString(1), row.getBoolean(2)));
      }
    }
    return tables;
  }

  /**
   * Reads the table itself and no index, so that the rows come by rowid, or by primary key where
   * there is no rowid. The rowid is a value too, unless columns have taken all of its names.
   */
  private String query(Table table) throws SQLException {
    List<String> stored = new ArrayList<>();
    List<String> all = new ArrayList<>();
    try (PreparedStatement statement =
        connection.prepareStatement("SELECT name, hidden FROM pragma_table_xinfo(?)")) {
      statement.setString(1, table.name());
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          all.add(row.getString(1).toLowerCase(Locale.ROOT));
          if (row.getInt(2) != 2) { // generated when it is read
            stored.add(quoted(row.getString(1)));
          }
        }
      }
    }
    if (!table.withoutRowid()) {
      ROWID_NAMES.stream().filter(name -> !all.contains(name)).findFirst().ifPresent(stored::add);
    }
    return "SELECT " + String.join(", ", stored) + " FROM " + quoted(table.name()) + " NOT INDEXED";
  }

  private void add(String sql) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql);
        ResultSet row = statement.executeQuery()) {
      int columns = row.getMetaData().getColumnCount();
      while (row.next()) {
        for (int i = 1; i <= columns; i++) {
          addValue(statement, row, i);
        }
        digest.update((byte) ROW_ENDS);
      }
    }
    digest.update((byte) PART_ENDS);
  }

  private void addValue(PreparedStatement statement, ResultSet row, int column)
      throws SQLException {
    int type =
        ((CoreStatement) statement)
            .pointer.safeRunInt((db, pointer) -> db.column_type(pointer, column - 1));
    switch (type) {
      case Codes.SQLITE_INTEGER -> addNumber(type, row.getLong(column));
      case Codes.SQLITE_FLOAT -> addNumber(type, Double.doubleToRawLongBits(row.getDouble(column)));
      case Codes.SQLITE_NULL -> digest.update((byte) type);
      // The bytes of a text as they are stored, whether or not they are valid UTF-8.
      default -> addBytes(type, row.getBytes(column));
    }
  }

  private void addText(String text) {
    addBytes(Codes.SQLITE_TEXT, text.getBytes(StandardCharsets.UTF_8));
  }

  private void addBytes(int type, byte @Nullable [] bytes) {
    byte[] present = bytes == null ? new byte[0] : bytes; // the driver's idea of an empty blob
    addNumber(type, present.length);
    digest.update(present);
  }

  private void addNumber(int type, long value) {
    number.clear();
    digest.update(number.put((byte) type).putLong(value).flip());
  }

  private static String quoted(String name) {
    return "\"" + name.replace("\"", "\"\"") + "\"";
  }
}
