package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A whole node that was started with foreign keys on. */
@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ForeignKeysOnARealNodeTest {

  private static final String VIOLATED =
      "{\"results\":[{\"error\":\"FOREIGN KEY constraint failed\"}]}";

  private RealNodeFixture node;

  @BeforeAll
  void start(@TempDir Path directory) throws Exception {
    node = RealNodeFixture.start(directory, "peqlite.foreign-keys = on");
  }

  @AfterAll
  void stop() {
    node.close();
  }

  @BeforeEach
  void empty() throws Exception {
    // Children first, or their parents cannot go.
    node.mustExecute("DROP TABLE IF EXISTS child; DROP TABLE IF EXISTS late_child");
    node.mustExecute("DROP VIEW IF EXISTS catalogue; DROP TABLE IF EXISTS albums");
    node.dropAll();
    node.mustExecute("CREATE TABLE parent (id INTEGER PRIMARY KEY)");
    node.mustExecute("CREATE TABLE child (p REFERENCES parent)");
    node.mustExecute("CREATE TABLE late_child (p REFERENCES parent DEFERRABLE INITIALLY DEFERRED)");
  }

  @Test
  void refusesAChildWithoutAParent() throws Exception {
    for (String path : List.of("/db/execute", "/db/request", "/db/query")) {
      assertEquals(VIOLATED, node.post(path, "[\"INSERT INTO child VALUES(1)\"]").body());
      assertEquals(VIOLATED, node.post(path, "[\"INSERT INTO late_child VALUES(1)\"]").body());
    }
    assertEquals("", node.rows("SELECT * FROM child UNION ALL SELECT * FROM late_child"));
  }

  @Test
  void aTransactionThatCannotCommitHasATopLevelErrorAndLeavesNothing() throws Exception {
    String orphan = "\"INSERT INTO late_child VALUES(1)\"";
    String parent = "\"INSERT INTO parent VALUES(1)\"";
    String inserted = "{\"last_insert_id\":1,\"rows_affected\":1}";
    assertEquals(
        "{\"results\":[],\"error\":\"FOREIGN KEY constraint failed\"}",
        node.post("/db/execute?transaction", "[" + orphan + "]").body());
    assertEquals("", node.rows("SELECT * FROM late_child"));
    assertEquals(
        "{\"results\":[" + inserted + "," + inserted + "]}",
        node.post("/db/execute?transaction", "[" + orphan + "," + parent + "]").body());
    assertEquals("[[1]]", node.rows("SELECT * FROM late_child"));
  }

  @Test
  void loadsADumpWhoseChildrenComeFirst() throws Exception {
    node.mustExecute("DROP TABLE child; DROP TABLE late_child; DROP TABLE parent");
    String answer = node.postText("/db/load", Dump.text()).body();
    assertTrue(answer.startsWith("{\"results\":[{") && !answer.contains("error"), answer);
    Dump.assertLoaded(node);
    assertEquals(VIOLATED, node.execute("INSERT INTO albums(artist, title) VALUES(99, 'x')"));
    assertEquals("", node.rows("PRAGMA foreign_key_check"));
  }

  @Test
  void refusesADumpThatBreaksForeignKeys() throws Exception {
    String before = node.content();
    String answer =
        node.postText(
                "/db/load",
                "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE x(a);\n"
                    + "INSERT INTO child VALUES(5);\nCOMMIT;\n")
            .body();
    assertEquals("{\"results\":[],\"error\":\"FOREIGN KEY constraint failed\"}", answer);
    assertEquals(before, node.content());
  }

  @Test
  void acceptsThePragmaThatSaysWhatIsSo() throws Exception {
    assertEquals("{\"results\":[{}]}", node.execute("PRAGMA foreign_keys=ON"));
    assertEquals("{\"results\":[{}]}", node.query("PRAGMA foreign_keys = 1"));
    assertTrue(node.execute("PRAGMA foreign_keys=OFF").contains("\"error\":\"PRAGMA foreign_keys"));
    assertEquals("[[1]]", node.rows("PRAGMA foreign_keys"));
    assertEquals("true", node.get("/status?key=store.db_conf.fk_constraints").body());
  }
}
