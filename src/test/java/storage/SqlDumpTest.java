package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import sql.SqlText;

/** What is written is loaded into an empty database, and both are compared. */
class SqlDumpTest {

  private Connection source;
  private Connection target;

  @BeforeEach
  void open() throws SQLException {
    source = DriverManager.getConnection("jdbc:sqlite::memory:");
    target = DriverManager.getConnection("jdbc:sqlite::memory:");
  }

  @AfterEach
  void close() throws SQLException {
    source.close();
    target.close();
  }

  private void run(String... statements) throws SQLException {
    run(source, List.of(statements));
  }

  private static void run(Connection connection, List<String> statements) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      for (String sql : statements) {
        statement.execute(sql);
      }
    }
  }

  private static String dump(Connection connection, String... tables) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    SqlDump.write(connection, Set.of(tables), out);
    return out.toString(StandardCharsets.UTF_8);
  }

  private void load(String text) throws SQLException {
    run(target, SqlText.split(text));
  }

  private static List<String> rows(Connection connection, String query) throws SQLException {
    List<String> rows = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      while (row.next()) {
        StringBuilder line = new StringBuilder();
        for (int column = 1; column <= row.getMetaData().getColumnCount(); column++) {
          line.append(row.getString(column)).append('|');
        }
        rows.add(line.toString());
      }
    }
    return rows;
  }

  private void assertSame(String query) throws SQLException {
    List<String> expected = rows(source, query);
    assertFalse(expected.isEmpty(), query);
    assertEquals(expected, rows(target, query), query);
  }

  @Test
  void readsAsTheShellWritesIt() throws Exception {
    run(
        "CREATE TABLE foo (id integer not null primary key, name text)",
        "INSERT INTO foo VALUES (1, 'fiona'), (2, 'o''neil')",
        "CREATE INDEX named ON foo (name)");
    assertEquals(
        """
        PRAGMA foreign_keys=OFF;
        BEGIN TRANSACTION;
        CREATE TABLE foo (id integer not null primary key, name text);
        INSERT INTO "foo" VALUES(1,'fiona');
        INSERT INTO "foo" VALUES(2,'o''neil');
        CREATE INDEX named ON foo (name);
        COMMIT;
        """,
        dump(source));
  }

  @Test
  void everyValueComesBackAsItWas() throws Exception {
    run(
        "CREATE TABLE v (x)",
        "INSERT INTO v VALUES (NULL), (0), (-1), (9223372036854775807), (-9223372036854775808),"
            + " (0.1), (1e300), (5e-324), (-0.0), (9e999), (-9e999), (''), ('it''s'), ('line\nline'),"
            + " ('semi;colon -- no comment'), ('nul' || char(0) || 'inside'), (X''), (X'00FF27'),"
            + " (CAST(X'ff61fe' AS TEXT)), ('\u00e4\u20ac\ud83d\ude00'), (zeroblob(40000)),"
            + " (123456789012345680.0), (1.0), ('1.0'), ('9e999')");
    load(dump(source));
    assertSame("SELECT rowid, typeof(x), quote(x), hex(x), length(x) FROM v");
  }

  @Test
  void realNumbersAreNotRounded() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    run("CREATE TABLE v (x REAL)");
    try (PreparedStatement insert = source.prepareStatement("INSERT INTO v VALUES (?)")) {
      source.setAutoCommit(false);
      for (int i = 0; i < 50_000; i++) {
        double any = Double.longBitsToDouble(random.nextLong());
        insert.setDouble(1, Double.isNaN(any) ? random.nextGaussian() : any);
        insert.execute();
      }
      source.commit();
      source.setAutoCommit(true);
    }
    load(dump(source));
    try (Statement one = source.createStatement();
        Statement other = target.createStatement();
        ResultSet written = one.executeQuery("SELECT x FROM v ORDER BY rowid");
        ResultSet read = other.executeQuery("SELECT x FROM v ORDER BY rowid")) {
      while (written.next()) {
        assertTrue(read.next());
        assertEquals(
            Double.doubleToLongBits(written.getDouble(1)),
            Double.doubleToLongBits(read.getDouble(1)),
            () -> "seed " + seed);
      }
    }
  }

  @Test
  void rowNumbersThatNoColumnShowsAreKept() throws Exception {
    run(
        "CREATE TABLE hidden (a)",
        "INSERT INTO hidden (rowid, a) VALUES (7, 'x'), (-3, 'y'), (900, 'z')",
        "CREATE TABLE taken (rowid TEXT, a)",
        "INSERT INTO taken (_rowid_, rowid, a) VALUES (41, 'r', 1)",
        "CREATE TABLE keyed (a INTEGER PRIMARY KEY, b)",
        "INSERT INTO keyed VALUES (12, 'k')",
        "CREATE TABLE counted (a INTEGER PRIMARY KEY AUTOINCREMENT, b)",
        "INSERT INTO counted VALUES (50, 'c')",
        "DELETE FROM counted",
        "CREATE TABLE without (a TEXT PRIMARY KEY, b) WITHOUT ROWID",
        "INSERT INTO without VALUES ('k', 1)");
    load(dump(source));
    assertSame("SELECT rowid, a FROM hidden");
    assertSame("SELECT _rowid_, rowid, a FROM taken");
    assertSame("SELECT rowid, * FROM keyed");
    assertSame("SELECT * FROM without");
    assertSame("SELECT name, seq FROM sqlite_sequence");
  }

  @Test
  void whatStandsBesideTheTablesIsMadeLast() throws Exception {
    run(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE \"a \"\"b\"\" table\" (id INTEGER PRIMARY KEY, half AS (id / 2), kept AS (id * 2)"
            + " STORED, p REFERENCES parent)",
        "CREATE TABLE log (what)",
        "CREATE TRIGGER noted AFTER INSERT ON parent BEGIN INSERT INTO log VALUES (new.id); END",
        "CREATE VIEW seen AS SELECT id FROM parent",
        "CREATE TRIGGER through INSTEAD OF INSERT ON seen"
            + " BEGIN INSERT INTO parent VALUES (new.id); END",
        "CREATE UNIQUE INDEX one ON \"a \"\"b\"\" table\" (p) WHERE p > 0",
        "INSERT INTO parent VALUES (1), (2)",
        "INSERT INTO \"a \"\"b\"\" table\" (id, p) VALUES (10, 1), (11, 2)");
    load(dump(source));
    assertSame("SELECT id, half, kept, p FROM \"a \"\"b\"\" table\"");
    assertSame("SELECT rowid, what FROM log");
    assertSame("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name");
    assertSame("SELECT id FROM seen");
  }

  @Test
  void virtualTablesAreMadeAsTheirUsersDo() throws Exception {
    run(
        "CREATE TABLE doc (id INTEGER PRIMARY KEY, body)",
        "CREATE VIRTUAL TABLE own USING fts5 (title, body)",
        "CREATE VIRTUAL TABLE outer_one USING fts5 (body, content='doc', content_rowid='id')",
        "CREATE VIRTUAL TABLE box USING rtree (id, x0, x1)",
        "INSERT INTO doc VALUES (3, 'quick brown fox'), (9, 'lazy dog')",
        "INSERT INTO own (rowid, title, body) VALUES (5, 'one', 'alpha beta'), (8, 'two', 'beta')",
        "INSERT INTO outer_one (outer_one) VALUES ('rebuild')",
        "INSERT INTO box VALUES (4, 0.5, 1.5), (6, -2, 7)");
    String text = dump(source);
    assertFalse(text.contains("own_data"), text);
    load(text);
    assertSame("SELECT rowid, title FROM own WHERE own MATCH 'beta' ORDER BY rowid");
    assertSame("SELECT rowid FROM outer_one WHERE outer_one MATCH 'fox'");
    assertSame("SELECT id, x0, x1 FROM box WHERE x1 > 1 ORDER BY id");
  }

  @ParameterizedTest
  @ValueSource(strings = {"content=''", "content = ''", "CONTENT=\"\""})
  void aTableWithoutContentIsRefusedAndNotLost(String option) throws Exception {
    run("CREATE VIRTUAL TABLE bare USING fts5 (a, " + option + ")", "CREATE TABLE t (a)");
    SqlDump.UndumpableException refused =
        assertThrows(SqlDump.UndumpableException.class, () -> dump(source));
    assertTrue(String.valueOf(refused.getMessage()).contains("bare"), refused::getMessage);
    assertTrue(dump(source, "t").contains("CREATE TABLE t (a)"));
  }

  @Test
  void someTablesBringWhatBelongsToThem() throws Exception {
    run(
        "CREATE TABLE a (x)",
        "CREATE TABLE b (x)",
        "CREATE INDEX on_a ON a (x)",
        "CREATE INDEX on_b ON b (x)",
        "CREATE VIEW v AS SELECT * FROM a",
        "INSERT INTO b VALUES (1)");
    load(dump(source, "B"));
    assertEquals(
        Set.of("b|", "on_b|"), new TreeSet<>(rows(target, "SELECT name FROM sqlite_schema")));
    assertThrows(SqlDump.UndumpableException.class, () -> dump(source, "b", "none"));
  }

  @Test
  void internalTablesAreLeftOut() throws Exception {
    run("CREATE TABLE _peqlite_position (seq)", "CREATE TABLE t (a)", "ANALYZE");
    String text = dump(source);
    assertFalse(text.contains("_peqlite"), text);
    assertFalse(text.contains("sqlite_stat"), text);
    assertThrows(SqlDump.UndumpableException.class, () -> dump(source, "_peqlite_position"));
  }
}
