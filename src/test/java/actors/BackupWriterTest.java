package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import backup.BackupCatalog;
import backup.BackupJob;
import backup.BackupRestore;
import backup.BackupStore;
import backup.BackupStoreSettings;
import backup.BackupStores;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.FishingOutcomes;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import storage.History;
import storage.SnapshotDirectory;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BackupWriterTest {

  private static final Duration LONG = Duration.ofSeconds(60);

  private final ActorTestKit testKit = ActorTestKit.create(TestConfig.local());
  private final ExecutorService executor = Executors.newCachedThreadPool();

  @TempDir private Path parent;
  private Path place;
  private History history;
  private SnapshotDirectory snapshots;
  private TestParts parts;
  private TestProbe<SnapshotCoordinator.Command> coordinator;
  private int tests;

  @BeforeEach
  void begin() throws Exception {
    Path folder = Files.createDirectory(parent.resolve("test" + tests++));
    place = folder.resolve("place");
    history = History.plain(40, folder);
    snapshots = SnapshotDirectory.open(folder.resolve("snapshots"));
    parts = new TestParts(testKit);
    coordinator = testKit.createTestProbe();
  }

  @AfterEach
  void end() throws IOException {
    history.close();
  }

  @AfterAll
  void stop() {
    testKit.shutdownTestKit();
    executor.shutdownNow();
  }

  private ActorRef<BackupWriter.Command> spawn(Duration holdJournal) {
    BackupSettings settings =
        new BackupSettings(
            place.toUri(),
            BackupStoreSettings.defaults(),
            Duration.ofMillis(10),
            holdJournal,
            new BackupJob.Settings(Duration.ofDays(1), 1_000, Duration.ofDays(7), false, 1));
    return testKit.spawn(
        BackupWriter.create(
            new BackupWriter.Setup(
                settings,
                snapshots,
                place.resolveSibling("work"),
                parts.local(),
                history.journal(),
                executor),
            history.journalId(),
            coordinator.getRef()));
  }

  private void awaitCutMax(long seq) {
    coordinator.fishForMessage(
        LONG,
        told ->
            told.equals(new SnapshotCoordinator.BackedUp(seq))
                ? FishingOutcomes.complete()
                : FishingOutcomes.continueAndIgnore());
  }

  private BackupCatalog catalog() throws IOException {
    try (BackupStore store = BackupStores.open(place.toUri(), BackupStoreSettings.defaults())) {
      return BackupRestore.catalog(store, Optional.empty());
    }
  }

  @Test
  void hasASnapshotTakenStoresItWhenItIsAgreedOnAndThenWhatFollows() throws Exception {
    Files.createDirectory(place);
    history.head = 10;
    ActorRef<BackupWriter.Command> writer = spawn(LONG);
    SnapshotKeeper.TakeNow ask =
        parts.snapshots.expectMessageClass(SnapshotKeeper.TakeNow.class, LONG);
    history.applyTo(10);
    history.snapshot(snapshots);
    ask.answer().complete(10L);
    awaitCutMax(0);
    writer.tell(new BackupWriter.Agreed(9));
    awaitCutMax(0);
    writer.tell(new BackupWriter.Agreed(10));
    awaitCutMax(10);
    history.head = 25;
    awaitCutMax(25);
    assertEquals(
        List.of(10L, 25L),
        List.of(catalog().ranges().get(0).from(), catalog().ranges().get(0).to()));
    NodeStatus.Backups now = parts.metrics.backups();
    assertTrue(now.here() && now.lastSuccess().isPresent() && now.problem().isEmpty());
    assertEquals(List.of(10L, 25L), List.of(now.fullSeq(), now.seq()));
    testKit.stop(writer, LONG);
    assertEquals(NodeStatus.Backups.ELSEWHERE, parts.metrics.backups());
  }

  @Test
  void aPlaceThatIsNotThereHoldsTheJournalAndIsTriedUntilItIs() throws Exception {
    history.head = 10;
    history.applyTo(10);
    history.snapshot(snapshots);
    ActorRef<BackupWriter.Command> writer = spawn(LONG);
    writer.tell(new BackupWriter.Agreed(10));
    awaitCutMax(0);
    TestProbe<Object> nothing = testKit.createTestProbe();
    nothing.awaitAssert(
        LONG,
        () -> {
          assertTrue(
              parts.metrics.backups().problem().contains("there is no directory"),
              parts.metrics.backups().problem());
          return null;
        });
    awaitCutMax(0);
    Files.createDirectory(place);
    awaitCutMax(10);
    assertEquals("", parts.metrics.backups().problem());
    testKit.stop(writer, LONG);
  }

  @Test
  void theJournalDoesNotWaitForLongerThanItIsTold() {
    history.head = 10;
    ActorRef<BackupWriter.Command> writer = spawn(Duration.ZERO);
    awaitCutMax(Long.MAX_VALUE);
    testKit.stop(writer, LONG);
  }
}
