package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import process.Writers.Kind;

/**
 * A node that takes snapshots all the time is killed in the middle of taking one, cutting the
 * journal, and making its database from a snapshot: whatever it was doing, the next process is
 * ready, has every acknowledged write once, and has cleared away what was not finished.
 *
 * <p>The files tell from outside which step a node is at. {@code -Dpeqlite.runs=5} kills five times
 * as often as by default.
 */
@Timeout(3600)
class SnapshotKillIT {

  private static final Duration WAIT = Duration.ofSeconds(90);
  private static final int KEEP = 2;
  private static final int KILLS = 24;

  /** Where a kill falls. */
  private enum Moment {
    /** The database is being copied. */
    COPYING("snapshots/copy.taking", false),
    /** The copy is being compressed, or about to get its name. */
    COMPRESSING("snapshots/file.taking", false),
    /** The snapshot has its name, and what led to it may still be there. */
    NAMED("", false),
    /** The beginning of the journal is being deleted. */
    CUTTING("", false),
    /** The snapshot is being unpacked, or about to be put in the database's place. */
    UNPACKING("database.db.restored", true),
    /** A damaged database is out of use, and no other one is in its place. */
    ASIDE("database.db.aside", true),
    /** Something in the first seconds of a process whose database is lost. */
    STARTING("", true),
    /** Anything. */
    ANY("", false);

    private final String file;
    private final boolean atStart;

    Moment(String file, boolean atStart) {
      this.file = file;
      this.atStart = atStart;
    }
  }

  @RegisterExtension final Nodes nodes = new Nodes();
  @TempDir Path directory;

  private final Map<Moment, Integer> met = new EnumMap<>(Moment.class);

  private NodeProcess start() throws Exception {
    return nodes
        .at(directory.resolve("data"))
        .set("peqlite.snapshot.journal-bytes", "64KiB")
        .set("peqlite.snapshot.journal-events", "1000")
        .set("peqlite.snapshot.interval", "1s")
        .set("peqlite.snapshot.look-interval", "500ms")
        .set("peqlite.snapshot.keep", Integer.toString(KEEP))
        .start();
  }

  @Test
  @Tag(Clusters.LONG)
  void aKillAtAnyStepOfASnapshotLosesNothing() throws Exception {
    System.out.println("SnapshotKillIT: seed " + nodes.seed());
    Random random = nodes.random();
    NodeProcess node = start().awaitReady();
    assertTrue(node.execute(Writers.SCHEMA.toArray()).succeeded());
    // Large enough for its copying and unpacking to take a while.
    assertTrue(node.execute("CREATE TABLE ballast (bytes BLOB)").succeeded());
    for (int i = 0; i < 8; i++) {
      assertTrue(node.execute("INSERT INTO ballast VALUES (randomblob(4000000))").succeeded());
    }
    try (Writers writers = new Writers(random)) {
      int kills = KILLS * Clusters.runs();
      for (int kill = 0; kill < kills; kill++) {
        Moment moment = Moment.values()[kill % Moment.values().length];
        writers.writeTo(node, Kind.PLAIN, Kind.PLAIN, Kind.BATCH, Kind.TRANSACTION, Kind.KEYED);
        if (kill == 0) {
          awaitCut(node);
        }
        if (moment.atStart) {
          Eventually.pass(Duration.ofMillis(random.nextInt(1000)));
          kill(node, writers);
          damage(node, moment == Moment.ASIDE, random);
          node = start();
          met.merge(moment, awaitAtStart(node, moment, random) ? 1 : 0, Integer::sum);
        } else {
          met.merge(moment, awaitWhileWriting(node, moment, random) ? 1 : 0, Integer::sum);
        }
        kill(node, writers);
        if (!moment.atStart && random.nextInt(3) == 0) {
          damage(node, random.nextBoolean(), random);
        }
        node = start().awaitReady();
        assertClean(node, moment);
        WriteCheck.assertAppliedOnce(writers, node);
        assertEquals("ok", node.query("PRAGMA integrity_check").value().asText());
        assertEquals(8, node.query("SELECT count(*) FROM ballast").value().asInt());
      }
      writers.settleKeyed(node);
      WriteCheck.assertAppliedOnce(writers, node);
      assertEquals(0, node.terminate());
      System.out.println(
          "SnapshotKillIT: "
              + kills
              + " kills, of which at their step "
              + met
              + ", "
              + writers.writes().size()
              + " writes");
      for (Moment moment : Moment.values()) {
        assertTrue(met.get(moment) > 0, () -> "no kill has met " + moment + ": " + met);
      }
      Map<String, String> contents = DatabaseFile.contents(node.databaseFile());
      DatabaseFile.delete(node.databaseFile());
      NodeProcess anew = start().awaitReady();
      assertEquals(0, anew.terminate());
      assertEquals(contents, DatabaseFile.contents(anew.databaseFile()));
    }
  }

  private static void awaitCut(NodeProcess node) throws Exception {
    Eventually.eventually(
        "the journal is cut", WAIT, () -> JournalFile.first(node.journalFile()) > 1);
  }

  private static void kill(NodeProcess node, Writers writers) throws Exception {
    node.kill9();
    writers.awaitGone();
    assertFalse(node.log().contains("out of service"), node::log);
  }

  /** Loses the database, or overwrites its beginning. */
  private static void damage(NodeProcess dead, boolean overwrite, Random random) throws Exception {
    if (overwrite && Files.exists(dead.databaseFile())) {
      DatabaseFile.emptyLog(dead.databaseFile());
      byte[] rubbish = new byte[4096];
      random.nextBytes(rubbish);
      DatabaseFile.overwrite(dead.databaseFile(), 0, rubbish);
    } else {
      DatabaseFile.delete(dead.databaseFile());
    }
  }

  /** Waits for a step of a node that is ready; whether it was seen. */
  private static boolean awaitWhileWriting(NodeProcess node, Moment moment, Random random)
      throws Exception {
    SnapshotFolder snapshots = new SnapshotFolder(node.dataDirectory());
    switch (moment) {
      case NAMED -> {
        List<Path> before = snapshots.newestFirst();
        Eventually.busily(
            "another snapshot", WAIT, () -> !before.containsAll(snapshots.newestFirst()));
      }
      case CUTTING -> {
        long before = JournalFile.first(node.journalFile());
        Eventually.busily("a cut", WAIT, () -> JournalFile.first(node.journalFile()) > before);
      }
      case ANY -> Eventually.pass(Duration.ofMillis(random.nextInt(15_000)));
      default -> {
        Path file = node.dataDirectory().resolve(moment.file);
        Eventually.busily(moment.file, WAIT, () -> Files.exists(file));
        Eventually.pass(Duration.ofMillis(random.nextInt(60)));
        return Files.exists(file);
      }
    }
    return true;
  }

  /** Waits for a step of a node that starts without its database; whether it was seen. */
  private static boolean awaitAtStart(NodeProcess node, Moment moment, Random random)
      throws Exception {
    if (moment == Moment.STARTING) {
      Eventually.pass(Duration.ofMillis(600 + random.nextInt(2_000)));
      return true;
    }
    Path file = node.dataDirectory().resolve(moment.file);
    Eventually.busily(
        moment.file, WAIT, () -> Files.exists(file) || node.hasBeenReady() || !node.isAlive());
    Eventually.pass(Duration.ofMillis(random.nextInt(60)));
    return Files.exists(file);
  }

  /** Of a node that is ready. */
  private static void assertClean(NodeProcess node, Moment killedAt) throws Exception {
    assertFalse(node.log().contains("out of service"), node::log);
    SnapshotFolder snapshots = new SnapshotFolder(node.dataDirectory());
    // A snapshot may be taken again by now, but not before the sequencer is open for a while.
    assertEquals(List.of(), snapshots.files(".taking"), () -> killedAt + ": " + node.log());
    assertEquals(List.of(), snapshots.files(".damaged"), () -> killedAt + ": " + node.log());
    for (String name : List.of("database.db.restored", "database.db.aside")) {
      assertFalse(
          Files.exists(node.dataDirectory().resolve(name)), () -> killedAt + " left " + name);
    }
    List<Path> kept = snapshots.newestFirst();
    assertTrue(kept.size() <= KEEP + 1, () -> killedAt + ": " + kept);
    long first = JournalFile.first(node.journalFile());
    assertTrue(
        first <= snapshots.newestSeq() + 1,
        () -> killedAt + ": the journal begins at " + first + " with " + kept);
  }
}
