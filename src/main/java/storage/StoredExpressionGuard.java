package storage;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Finds indexes and generated columns whose value would change with time.
 *
 * <p>SQLite itself refuses {@code date('now')} there, but only its own functions know how to: the
 * replicated ones hide the refusal, and such an index would be corrupt with the next event. So the
 * schema is played into a scratch database with SQLite's own functions, rows are inserted there,
 * and what SQLite says counts. The rows hold NULLs, a date and a number, so an expression that
 * calls for the time only when it meets some other value escapes; the check of the SQL text, which
 * refuses the words {@code 'now'} and the like in such places, comes before this one.
 *
 * <p>To be called on the applying connection after a statement that changed the schema, inside of
 * its transaction; the answer depends on the schema alone, so it is the same on every replica.
 */
public final class StoredExpressionGuard {

  private static final String REFUSAL = "non-deterministic use of";

  // Every date function has one of these in its name; finding too much only costs time.
  private static final String MENTIONS =
      " (instr(lower(sql), 'date') OR instr(lower(sql), 'time')"
          + " OR instr(lower(sql), 'julianday') OR instr(lower(sql), 'unixepoch'))";

  // Tables before their indexes, each in the order of its making.
  private static final String SUSPECTS =
      "SELECT type, name, sql FROM sqlite_schema"
          + " WHERE type IN ('table', 'index') AND sql IS NOT NULL"
          + " AND sql NOT LIKE 'create virtual%' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
          + " AND tbl_name IN (SELECT tbl_name FROM sqlite_schema WHERE type IN ('table', 'index')"
          + " AND"
          + MENTIONS
          + ") ORDER BY type = 'index', rowid";

  private static final String DATE = "2000-01-01 12:00:00";
  private static final long JULIAN_DAY = 2451545;

  /** What the rows that are tried are made of. */
  private enum Filling {
    NULLS,
    DATES,
    NUMBERS
  }

  private record Suspect(boolean isTable, String name, String sql) {}

  private record TestColumn(String name, String type, boolean needsValue, boolean isRowid) {}

  private StoredExpressionGuard() {}

  /**
   * Says why the schema may not stay as it is, in SQLite's words, or nothing if it may.
   *
   * @throws SQLException if the schema cannot be read: this node's accident
   */
  public static Optional<String> check(Connection applying) throws SQLException {
    List<Suspect> suspects = suspects(applying);
    if (suspects.isEmpty()) {
      return Optional.empty();
    }
    try (Connection scratch = DriverManager.getConnection("jdbc:sqlite::memory:");
        Statement statement = scratch.createStatement()) {
      // A constraint that fails ends an insert before SQLite has looked at every expression.
      statement.executeUpdate("PRAGMA ignore_check_constraints=ON");
      statement.executeUpdate("PRAGMA foreign_keys=OFF");
      for (Suspect suspect : suspects) {
        try {
          statement.executeUpdate(suspect.sql());
        } catch (SQLException e) {
          if (SqliteErrors.isEnvironment(e)) {
            throw e;
          }
          return Optional.of(
              "cannot check "
                  + suspect.name()
                  + " for the use of time: "
                  + SqliteErrors.message(e));
        }
      }
      for (Suspect suspect : suspects) {
        if (suspect.isTable()) {
          Optional<String> reason = tryRows(scratch, suspect.name());
          if (reason.isPresent()) {
            return reason;
          }
        }
      }
    }
    return Optional.empty();
  }

  private static List<Suspect> suspects(Connection applying) throws SQLException {
    List<Suspect> suspects = new ArrayList<>();
    try (PreparedStatement statement = applying.prepareStatement(SUSPECTS);
        ResultSet rows = statement.executeQuery()) {
      while (rows.next()) {
        suspects.add(
            new Suspect(rows.getString(1).equals("table"), rows.getString(2), rows.getString(3)));
      }
    }
    return suspects;
  }

  private static Optional<String> tryRows(Connection scratch, String table) throws SQLException {
    boolean strict = isStrict(scratch, table);
    List<TestColumn> columns = columns(scratch, table);
    StringBuilder names = new StringBuilder();
    for (TestColumn column : columns) {
      names.append(names.isEmpty() ? "" : ", ").append(quoted(column.name()));
    }
    String marks = "?, ".repeat(columns.size() - 1) + "?";
    String insert = "INSERT INTO " + quoted(table) + " (" + names + ") VALUES (" + marks + ")";
    try (PreparedStatement statement = scratch.prepareStatement(insert);
        Statement delete = scratch.createStatement()) {
      for (Filling filling : Filling.values()) {
        for (int i = 0; i < columns.size(); i++) {
          statement.setObject(i + 1, value(columns.get(i), filling, strict));
        }
        try {
          statement.executeUpdate();
        } catch (SQLException e) {
          String message = SqliteErrors.message(e);
          if (message.contains(REFUSAL)) {
            return Optional.of(message);
          }
          // Any other refusal is about the values that were made up here.
        }
        delete.executeUpdate("DELETE FROM " + quoted(table));
      }
    }
    return Optional.empty();
  }

  private static boolean isStrict(Connection scratch, String table) throws SQLException {
    try (PreparedStatement statement =
        scratch.prepareStatement(
            "SELECT strict FROM pragma_table_list WHERE schema = 'main' AND name = ?")) {
      statement.setString(1, table);
      try (ResultSet rows = statement.executeQuery()) {
        return rows.next() && rows.getBoolean(1);
      }
    }
  }

  private static List<TestColumn> columns(Connection scratch, String table) throws SQLException {
    List<TestColumn> columns = new ArrayList<>();
    try (PreparedStatement statement =
        scratch.prepareStatement(
            "SELECT name, upper(type), \"notnull\" OR pk > 0, pk > 0 AND upper(type) = 'INTEGER'"
                + " FROM pragma_table_xinfo(?) WHERE hidden = 0")) {
      statement.setString(1, table);
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) {
          columns.add(
              new TestColumn(
                  rows.getString(1), rows.getString(2), rows.getBoolean(3), rows.getBoolean(4)));
        }
      }
    }
    return columns;
  }

  private static @Nullable Object value(TestColumn column, Filling filling, boolean strict) {
    if (filling == Filling.NULLS && !column.needsValue()) {
      return null;
    }
    if (column.isRowid()) {
      return JULIAN_DAY;
    }
    if (strict) {
      return switch (column.type().toUpperCase(Locale.ROOT)) {
        case "INT", "INTEGER" -> (Object) JULIAN_DAY;
        case "REAL" -> (Object) (JULIAN_DAY + 0.5);
        case "BLOB" -> DATE.getBytes(StandardCharsets.UTF_8);
        case "TEXT" -> filling == Filling.NUMBERS ? String.valueOf(JULIAN_DAY) : DATE;
        default -> filling == Filling.NUMBERS ? (Object) JULIAN_DAY : DATE;
      };
    }
    return filling == Filling.NUMBERS ? (Object) JULIAN_DAY : DATE;
  }

  private static String quoted(String name) {
    return "\"" + name.replace("\"", "\"\"") + "\"";
  }
}
