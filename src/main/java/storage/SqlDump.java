package storage;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * Writes the content of a database as SQL text that makes it again, as {@code sqlite3 FILE .dump}
 * does, in memory for one row. Every value comes back as it was, texts that are no UTF-8 and row
 * numbers that no column shows included. Internal tables are left out. For one thread.
 *
 * <p>Full-text and other virtual tables are made and filled as their users do, and not by writing
 * their internals: so the text can be loaded anywhere, and not only with the defenses of the
 * database switched off.
 */
public final class SqlDump {

  private static final String INTERNAL = "_peqlite";
  private static final HexFormat HEX = HexFormat.of().withUpperCase();

  /** Such a full-text table keeps no texts, so that they cannot be read back. */
  private static final Pattern CONTENTLESS =
      Pattern.compile("content\\s*=\\s*(''|\"\"|\\[\\]|``)", Pattern.CASE_INSENSITIVE);

  /** The names by which a row number can be asked for, unless a column has taken them. */
  private static final List<String> ROW_NUMBERS = List.of("rowid", "_rowid_", "oid");

  /** A table cannot be written as SQL text, or is not there. */
  public static final class UndumpableException extends Exception {

    private static final long serialVersionUID = 1L;

    UndumpableException(String message) {
      super(message);
    }
  }

  private enum Kind {
    TABLE,
    VIRTUAL,
    SHADOW
  }

  private record Table(String name, Kind kind, boolean withoutRowid, String sql) {}

  private final Connection connection;
  private final OutputStream out;

  private SqlDump(Connection connection, OutputStream out) {
    this.connection = connection;
    this.out = out;
  }

  /**
   * Writes the whole content, or that of some tables with their indexes and triggers.
   *
   * @param connection in a transaction, so that all of it is of one state
   * @param wanted the tables; none for everything
   * @throws UndumpableException if a wanted table is not there, or one cannot be written as text;
   *     nothing is written then
   */
  public static void write(Connection connection, Set<String> wanted, OutputStream out)
      throws SQLException, IOException, UndumpableException {
    BufferedOutputStream buffered = new BufferedOutputStream(out, 1 << 16);
    new SqlDump(connection, buffered).write(wanted);
    buffered.flush();
  }

  private void write(Set<String> wanted) throws SQLException, IOException, UndumpableException {
    List<Table> tables = tables(wanted);
    line("PRAGMA foreign_keys=OFF;");
    line("BEGIN TRANSACTION;");
    for (Table table : tables) {
      if (table.kind == Kind.TABLE) {
        if (!table.name.startsWith("sqlite_")) {
          line(table.sql + ";");
        }
        rows(table);
      }
    }
    // After the tables whose rows they may refer to.
    for (Table table : tables) {
      if (table.kind == Kind.VIRTUAL) {
        line(table.sql + ";");
        rows(table);
      }
    }
    Set<String> made = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
    tables.stream().filter(table -> table.kind == Kind.TABLE).map(Table::name).forEach(made::add);
    rest(wanted.isEmpty(), made);
    line("COMMIT;");
  }

  /** What is to be written, in the order in which it was made. */
  private List<Table> tables(Set<String> wanted) throws SQLException, UndumpableException {
    Set<String> missing = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
    missing.addAll(wanted);
    Set<String> asked = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
    asked.addAll(wanted);
    List<Table> tables = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT s.name, l.type, l.wr, s.sql FROM sqlite_schema AS s"
                    + " JOIN pragma_table_list AS l ON l.schema = 'main' AND l.name = s.name"
                    + " WHERE s.type = 'table' AND s.sql IS NOT NULL"
                    + " ORDER BY s.name = 'sqlite_sequence', s.rowid")) {
      while (row.next()) {
        Table table =
            new Table(
                row.getString(1),
                Kind.valueOf(row.getString(2).toUpperCase(Locale.ROOT)),
                row.getInt(3) != 0,
                row.getString(4));
        boolean taken = asked.isEmpty() || asked.contains(table.name);
        if (taken && !isLeftOut(table)) {
          missing.remove(table.name);
          checkReadable(table);
          tables.add(table);
        }
      }
    }
    if (!missing.isEmpty()) {
      throw new UndumpableException("no such table: " + String.join(", ", missing));
    }
    return tables;
  }

  private static boolean isLeftOut(Table table) {
    return table.kind == Kind.SHADOW
        || table.name.startsWith(INTERNAL)
        || table.name.startsWith("sqlite_") && !table.name.equals("sqlite_sequence");
  }

  private static void checkReadable(Table table) throws UndumpableException {
    if (table.kind == Kind.VIRTUAL && CONTENTLESS.matcher(table.sql).find()) {
      throw new UndumpableException(
          "the table "
              + table.name
              + " keeps no content that could be written as SQL text: take a backup without fmt=sql,"
              + " or name the tables that you want");
    }
  }

  /** Indexes, triggers and views; last, so that no row sets one of them off. */
  private void rest(boolean everything, Set<String> made) throws SQLException, IOException {
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT type, tbl_name, sql FROM sqlite_schema"
                    + " WHERE type IN ('index', 'trigger', 'view') AND sql IS NOT NULL"
                    + " ORDER BY rowid")) {
      while (row.next()) {
        boolean ofView = !row.getString(1).equals("index") && everything;
        if (ofView || made.contains(row.getString(2))) {
          line(row.getString(3) + ";");
        }
      }
    }
  }

  private void rows(Table table) throws SQLException, IOException {
    if (table.name.equals("sqlite_sequence")) {
      line("DELETE FROM sqlite_sequence;");
    }
    List<String> columns = new ArrayList<>();
    boolean all = true;
    boolean ownRowNumber = table.kind == Kind.VIRTUAL || !table.withoutRowid;
    Set<String> names = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
    int keys = 0;
    boolean integerKey = false;
    try (PreparedStatement statement =
        connection.prepareStatement("SELECT name, type, pk, hidden FROM pragma_table_xinfo(?)")) {
      statement.setString(1, table.name);
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          names.add(row.getString(1));
          if (row.getInt(3) > 0) {
            keys++;
            integerKey = row.getString(2).equalsIgnoreCase("INTEGER");
          }
          if (row.getInt(4) == 0) {
            columns.add(quoted(row.getString(1)));
          } else {
            all = false; // generated, or a virtual table's own
          }
        }
      }
    }
    Optional<String> rowNumber =
        ownRowNumber && !(keys == 1 && integerKey) && !table.name.equals("sqlite_sequence")
            ? ROW_NUMBERS.stream().filter(name -> !names.contains(name)).findFirst()
            : Optional.empty();
    rowNumber.ifPresent(name -> columns.add(0, name));
    String list = String.join(",", columns);
    String into =
        "INSERT INTO "
            + quoted(table.name)
            + (all && rowNumber.isEmpty() ? "" : "(" + list + ")")
            + " VALUES(";
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("SELECT " + list + " FROM " + quoted(table.name))) {
      while (row.next()) {
        text(into);
        for (int column = 1; column <= columns.size(); column++) {
          if (column > 1) {
            out.write(',');
          }
          value(row, column);
        }
        line(");");
      }
    }
  }

  private void value(ResultSet row, int column) throws SQLException, IOException {
    Object value = row.getObject(column);
    if (value == null) {
      text("NULL");
    } else if (value instanceof Number number) {
      text(literal(number));
    } else if (value instanceof byte[] blob) {
      hex(blob);
    } else {
      string(row.getBytes(column));
    }
  }

  /** SQLite reads back exactly the number that was written with as many digits as it needs. */
  private static String literal(Number number) {
    if (!(number instanceof Double real)) {
      return number.toString();
    }
    if (real.isInfinite()) {
      return real > 0 ? "9.0e+999" : "-9.0e+999";
    }
    return real.toString();
  }

  private void string(byte[] utf8) throws IOException {
    for (byte b : utf8) {
      if (b == 0) {
        text("CAST(");
        hex(utf8);
        text(" AS TEXT)");
        return;
      }
    }
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString();
      text("'" + text.replace("'", "''") + "'");
    } catch (CharacterCodingException e) {
      text("CAST(");
      hex(utf8);
      text(" AS TEXT)");
    }
  }

  private void hex(byte[] bytes) throws IOException {
    text("X'");
    for (int from = 0; from < bytes.length; from += 1 << 13) {
      text(HEX.formatHex(bytes, from, Math.min(bytes.length, from + (1 << 13))));
    }
    text("'");
  }

  private static String quoted(String name) {
    return '"' + name.replace("\"", "\"\"") + '"';
  }

  private void text(String text) throws IOException {
    out.write(text.getBytes(StandardCharsets.UTF_8));
  }

  private void line(String text) throws IOException {
    text(text);
    out.write('\n');
  }
}
