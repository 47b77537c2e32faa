package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import process.Writers.Kind;

/** Copies of a running node's database, by the command. */
@Timeout(180)
class BackupIT {

  private static final Duration WAIT = Duration.ofSeconds(30);

  @RegisterExtension final Nodes nodes = new Nodes();
  @TempDir Path directory;

  private static long asked(Path file, String sql) throws Exception {
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      return row.next() ? row.getLong(1) : -1;
    }
  }

  @Test
  void isWholeThoughClientsWrite() throws Exception {
    NodeProcess node = nodes.start(directory.resolve("data")).awaitReady();
    assertTrue(node.execute(Writers.SCHEMA.toArray()).succeeded());
    assertTrue(node.execute("CREATE TABLE pair (id INTEGER PRIMARY KEY, half)").succeeded());
    Path file = directory.resolve("taken.db");
    String[] command = {"backup", file.toString(), "--url", node.url(), "--verify"};
    try (Writers writers = new Writers(nodes.random())) {
      writers.writeTo(node, Kind.PLAIN, Kind.PLAIN, Kind.BATCH, Kind.LARGE);
      Eventually.eventually("there is a load", WAIT, () -> writers.rowsAcknowledged() > 200);
      long before = writers.rowsAcknowledged();
      Program taken = Program.run(command);
      assertEquals(0, taken.exitCode(), taken::output);
      assertTrue(taken.output().contains("as of position "), taken::output);
      assertTrue(asked(file, "SELECT count(*) FROM log") >= before);
      assertEquals(
          0,
          asked(file, "SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_peq%' ESCAPE '\\'"));

      try (var left = Files.newDirectoryStream(directory, "taken*.part*")) {
        assertFalse(left.iterator().hasNext());
      }

      Program again = Program.run(command);
      assertEquals(2, again.exitCode(), again::output);
      assertTrue(again.output().contains("--overwrite"), again::output);
    }
    Path text = directory.resolve("taken.sql");
    Program dumped =
        Program.run(
            "backup", text.toString(), "--url", node.url(), "--format", "sql", "--tables", "pair");
    assertEquals(0, dumped.exitCode(), dumped::output);
    assertEquals(
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
            + "CREATE TABLE pair (id INTEGER PRIMARY KEY, half);\nCOMMIT;\n",
        Files.readString(text));
    assertEquals(0, node.terminate());
  }

  /** Whoever takes it slowly holds no snapshot; whose node dies has no file. */
  @Test
  void isNotThereWhenItsNodeDies() throws Exception {
    NodeProcess node = nodes.start(directory.resolve("data")).awaitReady();
    assertTrue(node.execute("CREATE TABLE t (x)").succeeded());
    for (int i = 0; i < 16; i++) {
      assertTrue(node.execute("INSERT INTO t VALUES (randomblob(8000000))").succeeded());
    }
    Path file = directory.resolve("taken.db");
    String url = node.url();
    CompletableFuture<Program> taking =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return Program.run("backup", file.toString(), "--url", url);
              } catch (Exception e) {
                throw new IllegalStateException(e);
              }
            });
    Path part = directory.resolve("taken.db.part");
    Eventually.busily("some of it is there", WAIT, () -> Files.exists(part));
    node.kill9();
    Program taken = taking.get(60, TimeUnit.SECONDS);
    if (taken.exitCode() == 0) {
      assertEquals(16, asked(file, "SELECT count(*) FROM t"), "it was faster than the kill");
    } else {
      assertEquals(1, taken.exitCode(), taken::output);
      assertFalse(Files.exists(file), taken::output);
    }
    assertFalse(Files.exists(part));
    NodeProcess next = nodes.start(directory.resolve("data")).awaitReady();
    try (var left = Files.newDirectoryStream(directory.resolve("data").resolve("spool"))) {
      assertFalse(left.iterator().hasNext());
    }
    assertEquals(0, next.terminate());
  }
}
