package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import storage.Arbiter.Entry;
import storage.Arbiter.Standing;

/**
 * The arbiter in a real PostgreSQL: that its decisions have one order and last. What follows from
 * times is tested in {@link ArbiterStateTest}.
 */
class PostgresArbiterTest {

  private static final Arbiter.Process A = new Arbiter.Process("a", "host-a:1", 1);
  private static final Arbiter.Process B = new Arbiter.Process("b", "host-b:1", -2);
  private static final Arbiter.Process C = new Arbiter.Process("c", "host-c:1", 3);

  private static final int ROUNDS = 20;
  private static final int NODES = 6;

  @TempDir static Path servers;
  private static PostgresServer server;
  private static final AtomicInteger SCHEMAS = new AtomicInteger();

  private final List<PostgresArbiter> opened = new ArrayList<>();
  private String schema = "";
  private PostgresArbiter arbiter;

  @BeforeAll
  static void startServer() throws Exception {
    server = PostgresServer.start(servers);
  }

  @AfterAll
  static void stopServer() {
    server.close();
  }

  @BeforeEach
  void open() throws Exception {
    schema = "arbiter_" + SCHEMAS.incrementAndGet();
    server.execute("CREATE SCHEMA " + schema);
    try (PostgresJournal journal = new PostgresJournal(settings())) {
      journal.prepare();
    }
    arbiter = another();
  }

  @AfterEach
  void close() {
    opened.forEach(PostgresArbiter::close);
  }

  private PostgresSettings settings() {
    return new PostgresSettings(
        server.bareUrl() + "?currentSchema=" + schema,
        Optional.of(PostgresServer.USER),
        Optional.of(PostgresServer.PASSWORD));
  }

  /** As another node has it. */
  private PostgresArbiter another() {
    PostgresArbiter another = new PostgresArbiter(settings());
    opened.add(another);
    return another;
  }

  private void execute(String sql) throws Exception {
    try (Connection connection =
            DriverManager.getConnection(server.url() + "&currentSchema=" + schema);
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  /** Makes everything that was noted so many seconds older. */
  private void pass(double seconds) throws Exception {
    long micros = (long) (seconds * 1_000_000);
    execute(
        "UPDATE peqlite_process SET heard_at = heard_at - %1$d, entered_at = entered_at - %1$d,"
                .formatted(micros)
            + " attended_from = attended_from - "
            + micros);
  }

  private static void assertIn(Standing standing) {
    assertInstanceOf(Standing.In.class, standing);
  }

  private static String assertOut(Standing standing) {
    return assertInstanceOf(Standing.Out.class, standing).reason();
  }

  @Test
  void hasOneClusterIdForAllNodes() throws Exception {
    String id = arbiter.clusterId();
    assertEquals(id, another().clusterId());
    try (PostgresJournal journal = new PostgresJournal(settings())) {
      journal.prepare();
    }
    assertEquals(id, another().clusterId());
    open();
    assertNotEquals(id, arbiter.clusterId(), "of another schema");
  }

  @Test
  void letsOneFormAndTheOthersJoin() throws Exception {
    assertEquals(new Entry.Form(1), arbiter.enter(A));
    assertInstanceOf(Entry.Wait.class, arbiter.enter(B));
    assertIn(arbiter.renew(A, 1, true));
    assertEquals(new Entry.Join(1, List.of(A.address())), arbiter.enter(B));
    assertEquals(List.of(A, B), arbiter.known());
    pass(6);
    assertEquals(List.of(), arbiter.known());
    assertIn(arbiter.renew(A, 1, true));
    assertEquals(List.of(A), arbiter.known());
  }

  @Test
  void letsExactlyOneFormOfManyAtOnce() throws Exception {
    List<PostgresArbiter> arbiters = new ArrayList<>();
    for (int i = 0; i < NODES; i++) {
      arbiters.add(another());
    }
    for (int round = 0; round < ROUNDS; round++) {
      CyclicBarrier together = new CyclicBarrier(NODES);
      List<CompletableFuture<Entry>> entries = new ArrayList<>();
      for (int i = 0; i < NODES; i++) {
        PostgresArbiter theirs = arbiters.get(i);
        Arbiter.Process process = new Arbiter.Process("n" + i, "host-" + i + ":1", round);
        entries.add(
            CompletableFuture.supplyAsync(
                () -> {
                  try {
                    together.await(30, TimeUnit.SECONDS);
                    return theirs.enter(process);
                  } catch (Exception e) {
                    throw new AssertionError(e);
                  }
                }));
      }
      int formed = 0;
      for (CompletableFuture<Entry> entry : entries) {
        if (entry.get(60, TimeUnit.SECONDS) instanceof Entry.Form form) {
          assertEquals(round + 1, form.formation());
          formed++;
        }
      }
      assertEquals(1, formed, "round " + round);
      // None of them is known any more in the next one.
      execute("DELETE FROM peqlite_process");
    }
  }

  @Test
  void letsExactlyOneOfTwoPutTheOtherOut() throws Exception {
    arbiter.enter(A);
    arbiter.renew(A, 1, true);
    PostgresArbiter others = another();
    for (int round = 1; round <= ROUNDS; round++) {
      Arbiter.Process left = new Arbiter.Process("left", "left:1", round);
      Arbiter.Process right = new Arbiter.Process("right", "right:1", round);
      arbiter.renew(left, 1, true);
      arbiter.renew(right, 1, true);
      CyclicBarrier together = new CyclicBarrier(2);
      CompletableFuture<Standing> first = putOut(together, arbiter, left, right);
      CompletableFuture<Standing> second = putOut(together, others, right, left);
      boolean leftIn = first.get(60, TimeUnit.SECONDS) instanceof Standing.In;
      boolean rightIn = second.get(60, TimeUnit.SECONDS) instanceof Standing.In;
      assertNotEquals(leftIn, rightIn, "round " + round);
      assertEquals(leftIn, arbiter.renew(left, 1, true) instanceof Standing.In);
      assertEquals(rightIn, arbiter.renew(right, 1, true) instanceof Standing.In);
    }
  }

  private static CompletableFuture<Standing> putOut(
      CyclicBarrier together,
      PostgresArbiter arbiter,
      Arbiter.Process self,
      Arbiter.Process other) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            together.await(30, TimeUnit.SECONDS);
            return arbiter.putOut(self, 1, List.of(other));
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        });
  }

  @Test
  void whoWasPutOutStaysOutAndEntersAnew() throws Exception {
    arbiter.enter(A);
    for (Arbiter.Process process : List.of(A, B, C)) {
      assertIn(arbiter.renew(process, 1, true));
    }
    assertIn(arbiter.putOut(A, 1, List.of(B)));
    // Its answer got lost; and nobody puts itself out.
    assertIn(arbiter.putOut(A, 1, List.of(B)));
    assertIn(arbiter.putOut(C, 1, List.of(B, C)));
    PostgresArbiter theirs = another();
    String reason = assertOut(theirs.renew(B, 1, true));
    assertEquals("it was put out: node a could not reach it", reason);
    assertOut(theirs.putOut(B, 1, List.of(A, C)));
    assertInstanceOf(Entry.Wait.class, theirs.enter(B));
    assertIn(arbiter.renew(A, 1, true));
    pass(3600);
    assertOut(theirs.renew(B, 1, true));
    Arbiter.Process anew = new Arbiter.Process("b", "host-b:1", 77);
    assertIn(arbiter.renew(A, 1, true));
    assertEquals(new Entry.Join(1, List.of(A.address())), theirs.enter(anew));
    assertIn(theirs.renew(anew, 1, true));
    assertOut(theirs.renew(B, 1, true));
    assertIn(theirs.putOut(anew, 1, List.of(B)));
    assertIn(theirs.renew(anew, 1, true));
  }

  @Test
  void whoHasLeftIsNotMadeKnownByALateRenewal() throws Exception {
    arbiter.enter(A);
    arbiter.renew(A, 1, true);
    arbiter.leave(A);
    arbiter.leave(A);
    assertEquals(List.of(), arbiter.known());
    assertOut(arbiter.renew(A, 1, true));
    assertEquals(List.of(), arbiter.known());
    assertEquals(new Entry.Form(2), arbiter.enter(B), "nobody is waited for");
  }

  @Test
  void anotherFormationIsFormedOnlyWhenTheFirstIsSilentForLong() throws Exception {
    arbiter.enter(A);
    arbiter.renew(A, 1, true);
    pass(60);
    assertInstanceOf(Entry.Wait.class, arbiter.enter(B));
    // As if B had been heard all the time; again if this machine is so slow that it was not.
    Entry entry = arbiter.enter(B);
    for (int i = 0; i < 20 && entry instanceof Entry.Wait; i++) {
      execute("UPDATE peqlite_process SET attended_from = attended_from - 5000000");
      entry = arbiter.enter(B);
    }
    assertEquals(new Entry.Form(2), entry);
    assertEquals(
        "formation 1 is not the cluster's: formation 2 is", assertOut(arbiter.renew(A, 1, true)));
    assertOut(arbiter.putOut(A, 1, List.of(B)));
    assertIn(arbiter.renew(B, 2, true));
  }

  @Test
  void forgetsWhoWasPutOutLongAgo() throws Exception {
    arbiter.enter(A);
    arbiter.putOut(A, 1, List.of(B));
    execute("UPDATE peqlite_put_out SET at = at - 8 * 24 * 3600 * 1000000::bigint");
    arbiter.leave(A);
    assertEquals(new Entry.Form(2), arbiter.enter(C));
    assertIn(arbiter.renew(B, 2, false));
    assertOut(arbiter.renew(A, 2, false));
  }

  /** A process frozen in the middle of a decision is cut off by the server. */
  @Test
  void aFrozenDecisionHoldsUpTheOthersForSecondsOnly() throws Exception {
    arbiter.enter(A);
    PostgresSettings settings = settings();
    try (Connection frozen =
            DriverManager.getConnection(settings.bareUrl(), settings.properties(3000));
        Statement statement = frozen.createStatement()) {
      frozen.setAutoCommit(false);
      statement.execute("SELECT * FROM peqlite_cluster FOR UPDATE");
      long startNanos = System.nanoTime();
      while (true) {
        try {
          assertIn(arbiter.renew(A, 1, true));
          break;
        } catch (JournalException e) {
          assertTrue(System.nanoTime() - startNanos < TimeUnit.SECONDS.toNanos(20), e.toString());
        }
      }
    }
  }

  @Test
  void decidesNothingWhileTheServerIsAwayAndGoesOnAtOnce() throws Exception {
    try (PostgresServer own = PostgresServer.start(servers);
        PostgresJournal journal = new PostgresJournal(own.settings());
        PostgresArbiter there = new PostgresArbiter(own.settings())) {
      journal.prepare();
      assertEquals(new Entry.Form(1), there.enter(A));
      assertIn(there.renew(A, 1, true));
      own.kill();
      assertThrows(JournalException.class, () -> there.renew(A, 1, true));
      assertThrows(JournalException.class, () -> there.putOut(A, 1, List.of(B)));
      assertThrows(JournalException.class, () -> there.enter(C));
      assertThrows(JournalException.class, there::known);
      own.startAgain();
      assertIn(there.renew(A, 1, true));
      assertIn(there.putOut(A, 1, List.of(B)));
      own.kill();
      own.startAgain();
      assertOut(there.renew(B, 1, true));
      assertIn(there.renew(A, 1, true));
    }
  }

  @Test
  void aSoloArbiterLetsItsOnlyNodeFormAlways() {
    try (SoloArbiter solo = new SoloArbiter();
        SoloArbiter other = new SoloArbiter()) {
      assertEquals(new Entry.Form(1), solo.enter(A));
      assertIn(solo.renew(A, 1, true));
      assertEquals(List.of(A), solo.known());
      assertIn(solo.putOut(A, 1, List.of()));
      solo.leave(A);
      assertEquals(List.of(), solo.known());
      assertNotEquals(solo.clusterId(), other.clusterId());
    }
  }
}
