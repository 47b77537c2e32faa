package http;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import actors.ReadAdmission;
import java.io.ByteArrayInputStream;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class BackupRoutesTest {

  @TempDir private Path directory;
  private ServerFixture http;

  @BeforeEach
  void start() throws Exception {
    http = new ServerFixture(directory);
    http.execute("CREATE TABLE foo (id INTEGER PRIMARY KEY, name TEXT)");
    http.execute("INSERT INTO foo(name) VALUES ('fiona')");
  }

  @AfterEach
  void stop() throws Exception {
    http.close();
  }

  private HttpResponse<byte[]> bytes(String pathAndQuery) throws Exception {
    return http.client()
        .send(http.request(pathAndQuery).GET().build(), HttpResponse.BodyHandlers.ofByteArray());
  }

  private String name(byte[] database) throws Exception {
    Path file = Files.write(directory.resolve("taken.db"), database);
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("SELECT group_concat(name) FROM foo")) {
      return row.getString(1);
    } catch (SQLException e) {
      throw new AssertionError(new String(database, StandardCharsets.UTF_8), e);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "?fmt=binary", "?vacuum", "?fmt=delete", "?noleader", "?redirect"})
  void isASqliteFile(String query) throws Exception {
    HttpResponse<byte[]> response = bytes("/db/backup" + query);
    assertEquals(200, response.statusCode());
    assertEquals(
        "application/octet-stream", response.headers().firstValue("Content-Type").orElse(""));
    assertEquals(
        response.body().length, response.headers().firstValueAsLong("Content-Length").orElse(-1));
    assertEquals("2", response.headers().firstValue("Peqlite-Seq").orElse(""));
    byte mode = (byte) (query.contains("delete") ? 1 : 2);
    assertArrayEquals(new byte[] {mode, mode}, Arrays.copyOfRange(response.body(), 18, 20));
    assertEquals("fiona", name(response.body()));
  }

  @Test
  void canBeCompressed() throws Exception {
    HttpResponse<byte[]> response = bytes("/db/backup?compress");
    byte[] whole = new GZIPInputStream(new ByteArrayInputStream(response.body())).readAllBytes();
    assertEquals("fiona", name(whole));
  }

  @Test
  void canBeSqlText() throws Exception {
    http.execute("CREATE TABLE bar (id)");
    HttpResponse<String> all = http.get("/db/backup?fmt=sql");
    assertEquals("application/sql", all.headers().firstValue("Content-Type").orElse(""));
    assertEquals(
        """
        PRAGMA foreign_keys=OFF;
        BEGIN TRANSACTION;
        CREATE TABLE foo (id INTEGER PRIMARY KEY, name TEXT);
        INSERT INTO "foo" VALUES(1,'fiona');
        CREATE TABLE bar (id);
        COMMIT;
        """,
        all.body());
    assertEquals(
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE bar (id);\nCOMMIT;\n",
        http.get("/db/backup?fmt=sql&tables=bar").body());
  }

  @Test
  void canBeLoadedAgain() throws Exception {
    String dump = http.get("/db/backup?fmt=sql").body();
    http.execute("DROP TABLE foo");
    assertEquals(200, http.postText("/db/load", dump).statusCode());
    assertTrue(http.query("SELECT name FROM foo").contains("fiona"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "fmt=xml",
        "fmt=sql&vacuum",
        "tables=foo",
        "fmt=sql&tables=none",
        "fmt=sql&tables=_peqlite_position"
      })
  void saysWhatCannotBeAsked(String query) throws Exception {
    HttpResponse<String> response = http.get("/db/backup?" + query);
    assertEquals(400, response.statusCode());
    assertTrue(response.body().contains("\"error\":"), response.body());
  }

  @Test
  void oneAfterTheOtherCanBeTaken() throws Exception {
    for (int i = 0; i < 100; i++) {
      HttpResponse<byte[]> taken = bytes("/db/backup");
      assertEquals(200, taken.statusCode(), () -> new String(taken.body(), StandardCharsets.UTF_8));
    }
  }

  @Test
  void isAsFreshAsAReadWouldBe() throws Exception {
    http.node.admission = new ReadAdmission.Refused("no sequencer");
    HttpResponse<String> response = http.get("/db/backup");
    assertEquals(503, response.statusCode());
    assertTrue(response.body().contains("no sequencer"), response.body());
  }

  @Test
  void leavesNoFileBehind() throws Exception {
    Path spool = directory.resolve("spool");
    bytes("/db/backup");
    http.get("/db/backup?fmt=sql&tables=none");
    try (var files = Files.newDirectoryStream(spool, "peqlite-backup-*")) {
      assertTrue(!files.iterator().hasNext());
    }
  }
}
