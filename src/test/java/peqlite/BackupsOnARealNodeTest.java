package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A node with a place of backups, the command line, and what they make of each other. */
@Timeout(180)
final class BackupsOnARealNodeTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path directory;

  private record Ran(int code, String out, String err) {}

  private static Ran run(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int code = Main.run(arguments, new PrintWriter(out), new PrintWriter(err));
    return new Ran(code, out.toString(), err.toString());
  }

  private static JsonNode backups(RealNodeFixture node) throws Exception {
    return JSON.readTree(node.get("/status").body()).path("peqlite").path("backups");
  }

  private static List<Integer> rows(Path database) throws Exception {
    List<Integer> rows = new ArrayList<>();
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + database);
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("SELECT a FROM t ORDER BY a")) {
      while (row.next()) {
        rows.add(row.getInt(1));
      }
    }
    return rows;
  }

  @Test
  void whatWasWrittenCanBeRestoredAsOfEachMomentSinceTheFirstBackup() throws Exception {
    Path place = Files.createDirectory(directory.resolve("place"));
    String url = place.toUri().toString();
    List<Long> positions = new ArrayList<>();
    try (RealNodeFixture node =
        RealNodeFixture.start(
            directory,
            "peqlite.backup { url = \"" + url + "\", segment-interval = 1s, verify = true }",
            "peqlite.snapshot.look-interval = 200ms")) {
      node.mustExecute("CREATE TABLE t (a)");
      RealNodeFixture.eventually(
          "a full backup is stored", () -> backups(node).path("full_seq").asLong() > 0);
      for (int i = 0; i < 5; i++) {
        // What the status says may be a moment behind the answer.
        positions.add(
            RealNodeFixture.seq(
                node.post("/db/execute", "[\"INSERT INTO t VALUES (" + i + ")\"]")));
      }
      RealNodeFixture.eventually(
          "all of it is backed up", () -> backups(node).path("seq").asLong() >= positions.get(4));
      assertEquals("", backups(node).path("problem").asText());
      assertTrue(backups(node).path("here").asBoolean());
      assertFalse(backups(node).path("last_success").asText().isEmpty());
    }

    assertLoadedFromThePlace(url, positions.get(2));
    Ran listed = run("backups", url, "--verify", "--directory", directory.toString());
    assertEquals(0, listed.code(), listed.toString());
    assertTrue(listed.out().contains("everything can be restored"), listed.out());
    for (int i = 0; i < 5; i++) {
      Path output = directory.resolve("restored" + i + ".db");
      Ran restored =
          run(
              "restore",
              "--from",
              url,
              "--to-seq",
              String.valueOf(positions.get(i)),
              "--output",
              output.toString());
      assertEquals(0, restored.code(), restored.toString());
      assertTrue(restored.out().contains("as of event " + positions.get(i)), restored.out());
      assertEquals(i + 1, rows(output).size());
    }
    Ran beyond = run("restore", "--from", url, "--to-seq", "100000", "--output", "x.db");
    assertEquals(1, beyond.code(), beyond.toString());
    assertTrue(beyond.err().contains("is in no backup yet"), beyond.err());
  }

  /** Without a file to make it goes into a cluster. */
  private void assertLoadedFromThePlace(String url, long seq) throws Exception {
    Path other = Files.createDirectory(directory.resolve("other"));
    try (RealNodeFixture node = RealNodeFixture.start(other)) {
      Ran restored = run("restore", "--from", url, "--to-seq", "" + seq, "--url", node.url());
      assertEquals(0, restored.code(), restored.toString());
      assertTrue(restored.out().contains("is the database now"), restored.out());
      String count = node.get("/db/query?q=SELECT+count(*)+FROM+t").body();
      assertTrue(count.contains("[[3]]"), count);
    }
  }

  @Test
  void aFileIsSentToANode() throws Exception {
    Path file = directory.resolve("sent.db");
    Path text = directory.resolve("sent.sql");
    Path packed = directory.resolve("sent.sql.gz");
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = connection.createStatement()) {
      statement.execute("CREATE TABLE t (a)");
      statement.execute("INSERT INTO t VALUES (1)");
    }
    Files.writeString(text, "INSERT INTO t VALUES (2);");
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(packed))) {
      out.write("INSERT INTO t VALUES (3);".getBytes(StandardCharsets.UTF_8));
    }
    try (RealNodeFixture node = RealNodeFixture.start(directory)) {
      for (Path one : List.of(file, text, packed)) {
        Ran sent = run("restore", one.toString(), "--url", node.url());
        assertEquals(0, sent.code(), sent.toString());
        assertTrue(sent.out().contains("as of position "), sent.out());
      }
      assertTrue(node.get("/db/query?q=SELECT+sum(a)+FROM+t").body().contains("[[6]]"));
      Ran refused = run("restore", file.toString(), "--url", node.url());
      assertEquals(2, refused.code(), refused.toString());
      assertTrue(refused.err().contains("--replace"), refused.err());
      Ran replaced = run("restore", file.toString(), "--replace", "--url", node.url());
      assertEquals(0, replaced.code(), replaced.toString());
      assertTrue(node.get("/db/query?q=SELECT+sum(a)+FROM+t").body().contains("[[1]]"));
      Files.writeString(text, "INSERT INTO t VALUES (4); INSERT INTO nowhere VALUES (5);");
      Ran failed = run("restore", text.toString(), "--url", node.url());
      assertEquals(1, failed.code(), failed.toString());
      assertTrue(failed.err().contains("no such table: nowhere"), failed.err());
      assertTrue(node.get("/db/query?q=SELECT+sum(a)+FROM+t").body().contains("[[1]]"));
    }
  }

  @Test
  void aWrongUseIsOneLine() {
    String output = directory.resolve("a.db").toString();
    for (String[] arguments :
        List.of(
            new String[] {"restore"},
            new String[] {"restore", "some.db", "--from", "file:///nowhere"},
            new String[] {"restore", directory.resolve("nothing.db").toString()},
            new String[] {"restore", "--from", "ftp://a", "--output", output},
            new String[] {"restore", "--from", "file:///a", "--to-time", "x", "--output", output},
            new String[] {
              "restore",
              "--from",
              "file:///a",
              "--to-seq",
              "1",
              "--to-time",
              "x",
              "--output",
              output
            },
            new String[] {
              "restore", "--from", "file:///a", "--output", directory.toString(), "--overwrite"
            },
            new String[] {"backups"})) {
      Ran ran = run(arguments);
      assertEquals(2, ran.code(), String.join(" ", arguments) + ran);
      assertEquals(1, ran.err().lines().count(), ran.err());
    }
    Ran nothing = run("restore", "--from", "file:///nowhere", "--output", output);
    assertEquals(1, nothing.code());
    assertTrue(nothing.err().contains("there is no directory /nowhere"), nothing.err());
  }
}
