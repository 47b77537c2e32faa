package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/**
 * What {@code sqlite3 FILE .dump} printed of a database with something of everything: rows before
 * what they refer to, AUTOINCREMENT, statistics, a trigger, a view, odd texts and numbers.
 */
final class Dump {

  private Dump() {}

  static String text() throws IOException {
    try (InputStream dump = Objects.requireNonNull(Dump.class.getResourceAsStream("/dump.sql"))) {
      return new String(dump.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** Whether the node has the same database now. */
  static void assertLoaded(RealNodeFixture node) throws Exception {
    assertEquals(
        "[[1,1,\"\u00c1g\u00e6tis byrjun\",13,\"AP8Q\"],"
            + "[2,2,\"Appetite; for\\nDestruction\",25,null]]",
        node.rows("SELECT * FROM albums"));
    assertEquals(
        "[[\"Guns N' Roses\"],[\"Sigur R\u00f3s\"]]",
        node.rows("SELECT name FROM artists ORDER BY 1"));
    assertEquals("[[1,\"IS\",12.5],[2,\"US\",1e+100]]", node.rows("SELECT * FROM prices"));
    assertEquals(
        "[[\"2004-02-14T07:15:00Z\",\"semi;colon -- no comment /* nor this */\","
            + "-9223372036854775808,0.1],"
            + "[null,\"line one\\nline two\\r\",9223372036854775807,-1.5]]",
        node.rows("SELECT * FROM notes"));
    assertEquals("", node.rows("SELECT * FROM log"));
    assertEquals("[[2]]", node.rows("SELECT count(*) FROM catalogue"));
    String inserted = node.execute("INSERT INTO albums(artist, title) VALUES(1, 'new')");
    assertTrue(inserted.startsWith("{\"results\":[{\"last_insert_id\":4,"), inserted);
    assertEquals("[[\"insert; new\"]]", node.rows("SELECT * FROM log"));
  }
}
