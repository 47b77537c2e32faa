package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Reads as of the past, at a whole node. */
@Timeout(240)
final class AsOfOnARealNodeTest {

  private static final Pattern OLDEST = Pattern.compile("that after event ([0-9]+)");

  @TempDir private Path directory;

  private static long write(RealNodeFixture node, String sql) throws Exception {
    HttpResponse<String> answer = node.postText("/db/execute", sql);
    assertTrue(!answer.body().contains("\"error\""), answer.body());
    return RealNodeFixture.seq(answer);
  }

  private static HttpResponse<String> ask(RealNodeFixture node, String when, String sql)
      throws Exception {
    return node.get("/db/query?" + when + "&q=" + RealNodeFixture.encoded(sql));
  }

  /** The only value of the only row, as of an event; the answer must name that event. */
  private static String value(RealNodeFixture node, long seq, String sql) throws Exception {
    HttpResponse<String> answer = ask(node, "as_of_seq=" + seq, sql);
    assertEquals(200, answer.statusCode(), answer.body());
    assertEquals(seq, RealNodeFixture.seq(answer));
    return valueIn(answer);
  }

  private static String valueIn(HttpResponse<String> answer) {
    Matcher value = Pattern.compile("\"values\":\\[\\[(.*)\\]\\]").matcher(answer.body());
    assertTrue(value.find(), answer.body());
    return value.group(1);
  }

  private static void refused(int status, String told, HttpResponse<String> answer) {
    assertEquals(status, answer.statusCode(), answer.body());
    assertTrue(answer.body().contains(told), answer.body());
  }

  private static Instant time(HttpResponse<String> answer) {
    return Instant.parse(answer.headers().firstValue("Peqlite-Time").orElseThrow());
  }

  @Test
  void whatWasDeletedOrOverwrittenIsStillThere() throws Exception {
    try (RealNodeFixture node = RealNodeFixture.start(directory)) {
      long created =
          write(node, "CREATE TABLE t (id INTEGER PRIMARY KEY, v, at DEFAULT CURRENT_TIMESTAMP)");
      long first = write(node, "INSERT INTO t (v) VALUES ('first')");
      long second = write(node, "UPDATE t SET v = 'second'");
      long last = write(node, "DELETE FROM t");
      String all = "SELECT max(v) FROM t";

      assertEquals("null", value(node, created, all));
      assertEquals("\"first\"", value(node, first, all));
      assertEquals("\"second\"", value(node, second, all));
      assertEquals("null", value(node, last, all));
      assertEquals("0", value(node, 0, "SELECT count(*) FROM sqlite_master WHERE name = 't'"));

      Instant then = time(ask(node, "as_of_seq=" + second, all));
      for (Instant when :
          List.of(then, then.plus(1, ChronoUnit.MICROS), then.minus(1, ChronoUnit.MICROS))) {
        HttpResponse<String> answer = ask(node, "seq&as_of_time=" + when, all);
        long seq = when.isBefore(then) ? first : second;
        assertEquals(seq, RealNodeFixture.seq(answer));
        assertEquals(seq == second, time(answer).equals(then));
        assertTrue(
            answer.body().contains("\"seq\":" + seq + ",\"as_of_time\":\"" + time(answer)),
            answer.body());
      }
      String seconds = String.format("%d.%06d", then.getEpochSecond(), then.getNano() / 1_000);
      assertEquals("\"second\"", valueIn(ask(node, "as_of_time=" + seconds, all)));
      assertEquals(last, RealNodeFixture.seq(ask(node, "as_of_time=" + Instant.now(), all)));
      assertEquals(0, RealNodeFixture.seq(ask(node, "as_of_time=0", "SELECT 1")));

      // By POST, at both places, at every level, several statements of one state.
      for (String path : List.of("/db/query", "/db/request")) {
        for (String level : List.of("none", "weak", "strong")) {
          HttpResponse<String> answer =
              node.post(
                  path + "?as_of_seq=" + first + "&level=" + level,
                  "[\"SELECT v FROM t\", [\"SELECT ?\", 5]]");
          assertTrue(
              answer.body().contains("[[\"first\"]]") && answer.body().contains("[[5]]"),
              answer.body());
        }
      }
      // The present is untouched.
      assertEquals("null", valueIn(ask(node, "level=strong", all)));
    }
  }

  @Test
  void theQuorumsJournalGoesBackToo() throws Exception {
    try (RealNodeFixture node = RealNodeFixture.startQuorum(directory)) {
      write(node, "CREATE TABLE t (v)");
      long before = write(node, "INSERT INTO t VALUES ('before')");
      Instant then = time(ask(node, "as_of_seq=" + before, "SELECT 1"));
      write(node, "UPDATE t SET v = 'after'");
      assertEquals("\"before\"", value(node, before, "SELECT v FROM t"));
      assertEquals("\"before\"", valueIn(ask(node, "as_of_time=" + then, "SELECT v FROM t")));
    }
  }

  @Test
  void whatCannotBeAskedIsRefused() throws Exception {
    try (RealNodeFixture node = RealNodeFixture.start(directory)) {
      long head = write(node, "CREATE TABLE t (v)");
      String select = "SELECT * FROM t";
      refused(400, "the last one is event " + head, ask(node, "as_of_seq=" + (head + 1), select));
      refused(
          400,
          "the last one is event " + head,
          ask(node, "level=none&as_of_seq=" + (head + 1), select));
      refused(400, "event " + head, ask(node, "as_of_time=2999-01-01T00:00:00Z", select));
      refused(400, "exclude each other", ask(node, "as_of_seq=1&as_of_time=1", select));
      refused(400, "not a valid time", ask(node, "as_of_time=yesterday", select));
      refused(400, "behind as_of_seq", ask(node, "as_of_seq=1&min_seq=2", select));
      for (String path : List.of("/db/query", "/db/request", "/db/execute")) {
        HttpResponse<String> answer =
            node.post(path + "?as_of_seq=" + head, "[\"INSERT INTO t VALUES (1)\"]");
        assertEquals(400, answer.statusCode(), answer.body());
      }
      refused(400, "writes", ask(node, "as_of_seq=" + head, "INSERT INTO t VALUES (1)"));
      assertEquals(400, node.get("/db/backup?as_of_seq=1").statusCode());
      assertEquals("0", valueIn(ask(node, "level=strong", "SELECT count(*) FROM t")));
      assertEquals(0, node.number("peqlite.past.states"));
    }
  }

  @Test
  void aPositionBeforeWhatIsRetainedIsRefusedAndTheOldestNamed() throws Exception {
    try (RealNodeFixture node =
        RealNodeFixture.start(
            directory, "peqlite.snapshot.keep = 1", "peqlite.snapshot.look-interval = 100ms")) {
      write(node, "CREATE TABLE t (v)");
      write(node, "INSERT INTO t VALUES (0)");
      Instant early = time(ask(node, "as_of_seq=3", "SELECT 1"));
      long cut = 0;
      for (int i = 1; i <= 1_050; i++) {
        cut = write(node, "UPDATE t SET v = " + i);
      }
      assertEquals(200, node.post("/snapshot", "").statusCode());
      long later = write(node, "UPDATE t SET v = 'later'");
      write(node, "UPDATE t SET v = 'last'");
      // A state that was made once may be asked for again, so that each question is for another.
      AtomicLong next = new AtomicLong(10);
      RealNodeFixture.eventually(
          "the journal is cut",
          () -> ask(node, "as_of_seq=" + next.incrementAndGet(), "SELECT 1").statusCode() == 410);
      HttpResponse<String> gone = ask(node, "as_of_seq=9", "SELECT 1");
      Matcher oldest = OLDEST.matcher(gone.body());
      assertTrue(oldest.find(), gone.body());
      assertEquals(cut, Long.parseLong(oldest.group(1)), gone.body());
      refused(410, "that after event " + cut, ask(node, "as_of_time=" + early, "SELECT 1"));
      refused(410, "that after event " + cut, ask(node, "as_of_seq=0", "SELECT 1"));

      assertEquals("1050", value(node, cut, "SELECT v FROM t"));
      assertEquals("\"later\"", value(node, later, "SELECT v FROM t"));
      Instant time = time(ask(node, "as_of_seq=" + cut, "SELECT 1"));
      assertEquals(cut, RealNodeFixture.seq(ask(node, "as_of_time=" + time, "SELECT 1")));
    }
  }

  @Test
  void whoAsksForTheSameStateWaitsForTheSameMaking() throws Exception {
    try (RealNodeFixture node = RealNodeFixture.start(directory)) {
      write(node, "CREATE TABLE t (v)");
      long seq = 0;
      for (int i = 0; i < 100; i++) {
        seq = write(node, "INSERT INTO t VALUES (" + i + ")");
      }
      long asked = seq;
      List<CompletableFuture<String>> answers = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        answers.add(
            CompletableFuture.supplyAsync(
                () -> {
                  try {
                    return value(node, asked, "SELECT count(*) FROM t");
                  } catch (Exception e) {
                    throw new IllegalStateException(e);
                  }
                }));
      }
      for (CompletableFuture<String> answer : answers) {
        assertEquals("100", answer.join());
      }
      RealNodeFixture.eventually(
          "the metrics show it",
          () -> node.get("/metrics").body().contains("peqlite_past_states 1.0"));
      String metrics = node.get("/metrics").body();
      assertTrue(metrics.contains("peqlite_past_made_seconds_count 1"), metrics);
      assertEquals(1, node.number("peqlite.past.states"));
      assertTrue(node.number("peqlite.past.bytes") > 0);
    }
  }

  private long files() throws Exception {
    try (Stream<Path> files = Files.list(directory.resolve("data").resolve("past"))) {
      return files.filter(file -> file.toString().endsWith(".db")).count();
    }
  }

  @Test
  void statesAreBoundedGoWhenIdleAndEndWithTheProcess() throws Exception {
    long first;
    try (RealNodeFixture node = RealNodeFixture.start(directory, "peqlite.as-of.states-max = 2")) {
      first = write(node, "CREATE TABLE t (v)");
      for (int i = 0; i < 5; i++) {
        long seq = write(node, "INSERT INTO t VALUES (" + i + ")");
        assertEquals(String.valueOf(i + 1), value(node, seq, "SELECT count(*) FROM t"));
        assertTrue(node.number("peqlite.past.states") <= 2);
        assertTrue(files() <= 2);
      }
      assertEquals(2, node.number("peqlite.past.states"));
      assertEquals("1", value(node, first + 1, "SELECT count(*) FROM t"));
    }
    Files.writeString(directory.resolve("data").resolve("past").resolve("state7.db"), "left");
    try (RealNodeFixture node = RealNodeFixture.start(directory, "peqlite.as-of.idle = 100ms")) {
      assertEquals(0, files());
      assertEquals("3", value(node, first + 3, "SELECT count(*) FROM t"));
      RealNodeFixture.eventually(
          "what nobody reads goes", () -> node.number("peqlite.past.states") == 0 && files() == 0);
      assertEquals("3", value(node, first + 3, "SELECT count(*) FROM t"));
    }
    try (RealNodeFixture node = RealNodeFixture.start(directory, "peqlite.as-of.states-max = 0")) {
      refused(503, "switched off", ask(node, "as_of_seq=" + first, "SELECT 1"));
    }
  }

  @Test
  void aStateThatIsTooLargeIsRefused() throws Exception {
    try (RealNodeFixture node =
        RealNodeFixture.start(directory, "peqlite.as-of.bytes-max = 1MiB")) {
      long small = write(node, "CREATE TABLE t (v)");
      long large = write(node, "INSERT INTO t VALUES (randomblob(2000000))");
      refused(503, "full", ask(node, "as_of_seq=" + large, "SELECT 1"));
      assertEquals("0", value(node, small, "SELECT count(*) FROM t"));
    }
  }
}
