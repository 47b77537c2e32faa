package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ContentDigestTest {

  private static final String[] SCHEMA = {
    "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
    "CREATE TABLE plain (v, g AS (v || 'x') VIRTUAL, s AS (v || 'y') STORED)",
    "CREATE TABLE keyed (k, j, v, PRIMARY KEY (j DESC, k)) WITHOUT ROWID",
    "CREATE TABLE names (rowid, _rowid_, oid)",
    "CREATE TABLE \"quo\"\"ted\" (\"a \"\"column\")",
    "CREATE INDEX t_v ON t (v)",
    "CREATE INDEX plain_v ON plain (v)",
    "CREATE VIRTUAL TABLE words USING fts5(w)",
    "INSERT INTO t VALUES (1, 'a'), (2, 1), (3, 1.5), (4, x'00'), (5, NULL)",
    "INSERT INTO plain (v) VALUES ('p'), ('q')",
    "INSERT INTO keyed VALUES (1, 2, 3), (2, 1, 4)",
    "INSERT INTO names VALUES (1, 2, 3), (1, 2, 3)",
    "INSERT INTO \"quo\"\"ted\" VALUES (1)",
    "INSERT INTO words VALUES ('some words')"
  };

  @TempDir private Path folder;

  @Test
  void isTheSameHoweverThePagesLie() throws Exception {
    EventChain chain = EventChain.create();
    try (ReplicaFixture replica = ReplicaFixture.open(folder)) {
      replica.run(chain, SCHEMA);
      String digest = replica.digest();
      Path copy = folder.resolve("copy.db");
      try (Connection plain = connect(folder.resolve("replica.db"));
          Statement statement = plain.createStatement()) {
        statement.execute("VACUUM INTO '" + copy + "'");
      }
      try (Connection vacuumed = connect(copy)) {
        assertEquals(digest, hex(vacuumed));
      }
      replica.applier().hasSpace();
      replica.applier().checkpoint();
      replica.reopen();
      assertEquals(digest, replica.digest());
    }
  }

  /** Whatever a statement changes in content shows. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "UPDATE t SET v = '1' WHERE id = 2",
        "UPDATE t SET v = 1 WHERE id = 3",
        "UPDATE t SET v = '' WHERE id = 5",
        "UPDATE t SET v = x'' WHERE id = 5",
        "UPDATE t SET v = x'61' WHERE id = 1",
        "UPDATE t SET v = 'A' WHERE id = 1",
        "UPDATE t SET id = 6 WHERE id = 5",
        "UPDATE plain SET rowid = 9 WHERE v = 'q'",
        "DELETE FROM plain",
        "UPDATE keyed SET v = 5 WHERE j = 1",
        "UPDATE names SET oid = 4 WHERE oid = 3",
        "INSERT INTO words VALUES ('more')",
        "CREATE TABLE empty (v)",
        "CREATE INDEX another ON t (id, v)",
        "CREATE VIEW seen AS SELECT 1",
        "DROP INDEX t_v",
        "ALTER TABLE t RENAME v TO w",
        "UPDATE _peqlite_position SET seq = seq + 1",
        "UPDATE _peqlite_position SET clock = clock + 1",
        "UPDATE _peqlite_sessions SET low = low + 1",
        "INSERT INTO _peqlite_keys VALUES ('', 'k', x'00', 1, 1, NULL, 1)",
        "INSERT INTO _peqlite_parts VALUES (0, 1, 1, 1, x'00')"
      })
  void differsWhenContentDiffers(String change) throws Exception {
    assertNotEquals(digestAfter(), digestAfter(change));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "REINDEX",
        "INSERT INTO _peqlite_space (bytes) VALUES (x'00')",
        "INSERT INTO _peqlite_rowid VALUES (99)",
        "UPDATE _peqlite_position SET last_rowid = 7, digest = 8"
      })
  void leavesOutWhatIsTheNodesOwn(String change) throws Exception {
    assertEquals(digestAfter(), digestAfter(change));
  }

  @Test
  void tellsValuesApartThatStandSideBySide() throws Exception {
    Set<String> digests = new HashSet<>();
    String[] rows = {
      "('ab', 'c')",
      "('a', 'bc')",
      "('abc', '')",
      "('abc', NULL)",
      "(NULL, 'abc')",
      "('a', 'b'), ('c', NULL)"
    };
    for (String row : rows) {
      digests.add(digestAfter("CREATE TABLE pairs (x, y)", "INSERT INTO pairs VALUES " + row));
    }
    assertEquals(rows.length, digests.size());
  }

  private int files;

  private String digestAfter(String... changes) throws Exception {
    Path file = folder.resolve("replica" + files++ + ".db");
    EventChain chain = EventChain.create();
    try (ReplicaFixture replica = new ReplicaFixture(file, ReplicaFixture.settings(false))) {
      replica.run(chain, SCHEMA);
    }
    try (Connection connection = connect(file);
        Statement statement = connection.createStatement()) {
      for (String change : changes) {
        statement.execute(change);
      }
      return hex(connection);
    }
  }

  private static Connection connect(Path file) throws SQLException {
    return DriverManager.getConnection("jdbc:sqlite:" + file);
  }

  private static String hex(Connection connection) throws SQLException {
    return HexFormat.of().formatHex(ContentDigest.of(connection));
  }
}
