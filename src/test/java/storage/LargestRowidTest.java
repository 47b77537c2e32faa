package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import sql.StatementResult;

/** The largest rowid is refused, because SQLite picks those behind it at random. */
class LargestRowidTest {

  @TempDir private Path folder;
  private final EventChain chain = EventChain.create();
  private ReplicaFixture replica;

  @BeforeEach
  void open() throws ReplicaException {
    replica = ReplicaFixture.open(folder);
    replica.run(
        chain,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
        "CREATE TABLE plain (v)",
        "CREATE TABLE auto (id INTEGER PRIMARY KEY AUTOINCREMENT, v)",
        "CREATE VIRTUAL TABLE words USING fts5(w)",
        "CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1)",
        "CREATE TABLE log (v)",
        "CREATE TRIGGER deep AFTER INSERT ON log WHEN new.v = 'deep'"
            + " BEGIN INSERT INTO t VALUES (9223372036854775807, 'x'); END",
        "CREATE TABLE keyed (k INTEGER, v, PRIMARY KEY (k)) WITHOUT ROWID",
        "INSERT INTO t VALUES (1, 'one')");
  }

  @AfterEach
  void close() {
    replica.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "INSERT INTO t VALUES (9223372036854775807, 'x')",
        "INSERT INTO t (rowid, v) VALUES (5, 'y'), (9223372036854775807, 'x'), (6, 'z')",
        "REPLACE INTO t VALUES (9223372036854775807, 'x')",
        "UPDATE t SET id = 9223372036854775807",
        "UPDATE t SET rowid = 9223372036854775806 + 1 WHERE id = 1",
        "INSERT INTO t VALUES (1, 'y') ON CONFLICT DO UPDATE SET id = 9223372036854775807",
        "INSERT INTO plain (rowid, v) VALUES (9223372036854775807, 'x')",
        "INSERT INTO plain (_rowid_, v) VALUES (9223372036854775806, 'x'), (NULL, 'y')",
        "INSERT INTO auto VALUES (9223372036854775807, 'x')",
        "INSERT INTO words (rowid, w) VALUES (9223372036854775807, 'x')",
        "INSERT INTO boxes VALUES (9223372036854775807, 1, 2)",
        "INSERT INTO log VALUES ('deep')",
        "UPDATE sqlite_sequence SET seq = 9223372036854775807",
        "INSERT INTO sqlite_sequence VALUES ('auto', 9.3e18)",
        "UPDATE \"sqlite_sequence\" SET seq = '9223372036854775807'"
      })
  void isRefused(String sql) throws SQLException {
    replica.run(chain, "INSERT INTO auto (v) VALUES ('a')");
    String before = contents();
    List<StatementResult> results =
        replica.run(chain, "INSERT INTO log VALUES ('b')", sql, "INSERT INTO log VALUES ('c')");
    StatementResult.Failed failed = (StatementResult.Failed) results.get(1);
    assertTrue(failed.message().contains("9223372036854775807 is refused"), failed.message());
    assertEquals(before, contents());
    assertEquals(List.of("b", "c"), replica.read("SELECT v FROM log"));
    List<StatementResult> whole =
        replica.run(chain, EventChain.transaction("INSERT INTO log VALUES ('d')", sql));
    assertInstanceOf(StatementResult.Failed.class, whole.get(1));
    assertEquals(List.of("b", "c"), replica.read("SELECT v FROM log"));
  }

  @Test
  void isNoMatterWhereThereIsNoRowid() {
    assertInstanceOf(
        StatementResult.Changed.class,
        replica.run(chain, "INSERT INTO keyed VALUES (9223372036854775807, 'x')").get(0));
  }

  @Test
  void refusesTheRowBehindTheLastButOne() throws SQLException {
    List<StatementResult> results =
        replica.run(
            chain,
            "INSERT INTO t VALUES (9223372036854775806, 'x')",
            "INSERT INTO t (v) VALUES ('y')",
            "INSERT INTO auto VALUES (9223372036854775806, 'x')",
            "INSERT INTO auto (v) VALUES ('y')");
    assertInstanceOf(StatementResult.Changed.class, results.get(0));
    assertInstanceOf(StatementResult.Failed.class, results.get(1));
    assertInstanceOf(StatementResult.Changed.class, results.get(2));
    assertInstanceOf(StatementResult.Failed.class, results.get(3));
    assertEquals(List.of("9223372036854775806"), replica.read("SELECT max(id) FROM auto"));
  }

  private String contents() throws SQLException {
    return replica.read("SELECT * FROM t").toString()
        + replica.read("SELECT * FROM plain")
        + replica.read("SELECT * FROM auto")
        + replica.read("SELECT * FROM sqlite_sequence")
        + replica.read("SELECT rowid, w FROM words")
        + replica.read("SELECT * FROM boxes");
  }
}
