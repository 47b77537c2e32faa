package backup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import storage.History;
import storage.PastTarget;
import storage.SnapshotDirectory;
import storage.SnapshotFile;
import storage.SnapshotHeader;

/** What is backed up to a place can be restored from it, to every position between. */
@Timeout(180)
abstract class BackupJobContract {

  private static final Duration KEEP = Duration.ofDays(3650);

  @TempDir Path folder;
  private History history;
  private BackupStore store;
  private SnapshotDirectory snapshots;
  private BackupJob job;
  private int files;

  /** A place with nothing in it at first, and the same one each time. */
  abstract BackupStore openStore() throws Exception;

  /** How many positions and how many times are restored to. */
  abstract int targets();

  void begin(History past) throws Exception {
    history = past;
    store = openStore();
    snapshots = SnapshotDirectory.open(folder.resolve("snapshots"));
    job = job("work", Duration.ofDays(3650), KEEP, 4_000, true);
    history.head = 0;
  }

  private BackupJob job(
      String work, Duration fullInterval, Duration keep, long segmentBytes, boolean verify)
      throws Exception {
    return BackupJob.open(
        openStore(),
        history.journal(),
        history.journalId(),
        snapshots,
        folder.resolve(work),
        new BackupJob.Settings(fullInterval, segmentBytes, keep, verify, 1));
  }

  @AfterEach
  void close() throws Exception {
    if (history != null) {
      job.close();
      store.close();
      history.close();
    }
  }

  /** The journal is at an event, and so is the replica; everything is backed up. */
  private BackupJob.Result runAt(BackupJob running, long seq) throws Exception {
    history.head = Math.max(history.head, seq);
    history.applyTo(seq);
    return running.run(Long.MAX_VALUE, 0, () -> true);
  }

  private static void runUntil(BackupJob running, long seq) {
    try {
      while (running.run(Long.MAX_VALUE, 0, () -> true).coveredSeq() < seq) {
        // It goes on with what has come meanwhile.
      }
    } catch (Exception e) {
      throw new CompletionException(e);
    }
  }

  /** With a full backup, because a snapshot was asked for. */
  BackupJob.Result runFullAt(long seq) throws Exception {
    history.head = seq;
    history.applyTo(seq);
    history.snapshot(snapshots);
    try (BackupJob due = job("due", Duration.ZERO, KEEP, 4_000, true)) {
      return due.run(Long.MAX_VALUE, seq, () -> true);
    }
  }

  private BackupCatalog catalog() throws IOException {
    return BackupRestore.catalog(store, Optional.empty());
  }

  private BackupRestore.Restored restore(Optional<PastTarget> target, Path output)
      throws IOException {
    return BackupRestore.restore(store, Optional.empty(), target, output, step -> {});
  }

  private static Optional<PastTarget> event(long seq) {
    return Optional.of(new PastTarget.AfterEvent(seq));
  }

  private Path output() {
    return folder.resolve("restored" + files++);
  }

  /** Flips one bit of an object. */
  private void damage(String name) throws IOException {
    Path file = folder.resolve("damage");
    store.get(name, file);
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length * 2 / 3] ^= 4;
    Files.write(file, bytes);
    store.put(name, file);
  }

  @Test
  void anyPositionAndAnyTimeIsAReplicaThatStoppedThere() throws Exception {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    begin(History.random(seed, 200, folder));
    long head = history.events().size();
    long begin = 4 + random.nextInt(10);
    TreeMap<Long, Optional<PastTarget>> bySeq = new TreeMap<>();
    List<Long> times = new ArrayList<>();
    for (int i = 0; i < targets(); i++) {
      long seq = begin + random.nextInt((int) (head - begin + 1));
      bySeq.put(seq, event(seq));
      // Between this event and the next, at its very moment now and then.
      long micros = history.micros(begin + random.nextInt((int) (head - begin + 1)));
      times.add(micros + (random.nextBoolean() ? 0 : random.nextInt(2_000_000)));
    }
    Map<Long, String> contents = new HashMap<>();
    TreeSet<Long> stops = new TreeSet<>(bySeq.keySet());
    times.forEach(micros -> stops.add(seqAt(micros, head)));
    runFullAt(begin);
    long at = begin;
    while (at < head) {
      long next = Math.min(head, at + 1 + random.nextInt(15));
      for (long stop : stops.subSet(at, true, next, true)) {
        history.applyTo(stop);
        contents.put(stop, history.content());
      }
      at = next;
      if (random.nextInt(4) == 0) {
        runFullAt(at);
      } else {
        runAt(job, at);
      }
    }
    assertEquals(
        List.of(begin, head),
        List.of(catalog().ranges().get(0).from(), catalog().ranges().get(0).to()));
    assertEquals(1, catalog().ranges().size(), "seed " + seed);
    for (Map.Entry<Long, Optional<PastTarget>> wanted : bySeq.entrySet()) {
      Path output = output();
      assertEquals(wanted.getKey(), restore(wanted.getValue(), output).seq());
      assertEquals(contents.get(wanted.getKey()), History.content(output), "seed " + seed);
    }
    for (long micros : times) {
      Path output = output();
      long seq = seqAt(micros, head);
      assertEquals(seq, restore(Optional.of(new PastTarget.AtTime(micros)), output).seq());
      assertEquals(contents.get(seq), History.content(output), "seed " + seed);
    }
    assertEquals(List.of(), BackupCheck.all(store, catalog(), folder, step -> {}));
  }

  private long seqAt(long micros, long head) {
    try {
      long seq = head;
      while (history.micros(seq) > micros) {
        seq--;
      }
      return seq;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void twoThatBackUpAtOnceDoNoHarm() throws Exception {
    begin(History.plain(80, folder));
    runFullAt(5);
    try (BackupJob other = job("other", Duration.ofDays(3650), KEEP, 700, false)) {
      // Both know the same now, and each goes on by itself.
      runAt(job, 8);
      runAt(other, 8);
      runAt(job, 30);
      runAt(other, 41);
      runAt(job, 45);
      CompletableFuture<Void> one = CompletableFuture.runAsync(() -> runUntil(job, 80));
      CompletableFuture<Void> two = CompletableFuture.runAsync(() -> runUntil(other, 80));
      for (long head = 46; head <= 80; head++) {
        history.head = head;
        history.applyTo(head);
      }
      one.join();
      two.join();
    }
    assertEquals(80, catalog().ranges().get(0).to());
    Path output = output();
    assertEquals(80, restore(Optional.empty(), output).seq());
    assertEquals(history.content(), History.content(output));
    assertEquals(List.of(), BackupCheck.all(store, catalog(), folder, step -> {}));
  }

  @Test
  void whatIsDamagedIsNamedAndNotUsed() throws Exception {
    begin(History.plain(60, folder));
    runFullAt(5);
    runAt(job, 20);
    runFullAt(30);
    runAt(job, 40);
    String newest = catalog().newestFull().orElseThrow().name();
    damage(newest);
    Path output = output();
    BackupRestore.Restored restored = restore(event(38), output);
    assertEquals(38, restored.seq());
    assertEquals(1, restored.damaged().size());
    assertTrue(restored.damaged().get(0).contains(newest), restored.damaged().toString());
    assertTrue(BackupCheck.all(store, catalog(), folder, step -> {}).toString().contains(newest));

    BackupCatalog.Range range = catalog().ranges().get(0);
    assertEquals(5, range.from());
    BackupObject.Segment broken =
        catalog().segments().stream()
            .filter(one -> one.from() <= 35 && one.seq() >= 35)
            .findFirst()
            .orElseThrow();
    damage(broken.name());
    Path kept = Files.writeString(output(), "what was there");
    NotRestorableException refused =
        assertThrows(NotRestorableException.class, () -> restore(event(38), kept));
    assertTrue(refused.getMessage().contains(broken.name()), refused.getMessage());
    // The events up to there are in a segment that was written before the full backup, too.
    assertTrue(refused.getMessage().contains("before is event 30"), refused.getMessage());
    assertEquals("what was there", Files.readString(kept));
    assertEquals(30, restore(event(30), output()).seq());
    assertThrows(NotRestorableException.class, () -> restore(Optional.empty(), output()));
    try (var left = Files.list(folder)) {
      assertEquals(0, left.filter(path -> path.toString().contains("backup-work-")).count());
    }
  }

  /** What comes behind it can be restored as soon as there is a full backup from behind it. */
  @Test
  void anEventThatTheJournalHoldsDamagedIsAGap() throws Exception {
    begin(History.plain(40, folder));
    runFullAt(5);
    history.damaged = 20;
    BackupJob.Result stopped = runAt(job, 30);
    assertEquals(19, stopped.coveredSeq());
    assertTrue(stopped.gap());
    assertTrue(stopped.takeSnapshot(), "a full backup is to be made");
    history.snapshot(snapshots);
    BackupJob.Result passed = job.run(Long.MAX_VALUE, 30, () -> true);
    assertEquals(30, passed.coveredSeq());
    runAt(job, 40);
    for (long seq : new long[] {19, 30, 40}) {
      assertEquals(seq, restore(event(seq), output()).seq());
    }
    assertThrows(NotRestorableException.class, () -> restore(event(25), output()));
  }

  @Test
  void anotherSegmentWithTheSameEventsTakesTheDamagedOnesPlace() throws Exception {
    begin(History.plain(40, folder));
    runFullAt(5);
    try (BackupJob other = job("other", Duration.ofDays(3650), KEEP, 700, false)) {
      runAt(job, 6);
      runAt(other, 6);
      runAt(job, 40);
      runAt(other, 40);
    }
    BackupObject.Segment largest =
        catalog().segments().stream()
            .filter(one -> one.seq() == 40 && one.from() == 7)
            .findFirst()
            .orElseThrow();
    damage(largest.name());

    BackupRestore.Restored restored = restore(Optional.empty(), output());

    assertEquals(40, restored.seq());
    assertTrue(restored.damaged().toString().contains(largest.name()));
  }

  @Test
  void aContentThatIsNotWhatTheEventsMakeIsFound() throws Exception {
    begin(History.plain(60, folder));
    runFullAt(5);
    runFullAt(30);
    assertEquals(List.of(), BackupCheck.all(store, catalog(), folder, step -> {}));
    String name = catalog().newestFull().orElseThrow().name();
    Path file = folder.resolve("full");
    store.get(name, file);
    SnapshotHeader header = SnapshotFile.header(file);
    Path database = folder.resolve("changed");
    SnapshotFile.extract(file, database);
    try (Connection connection =
            DriverManager.getConnection("jdbc:sqlite:" + database + "?journal_mode=DELETE");
        Statement statement = connection.createStatement()) {
      statement.execute("UPDATE t SET a = a + 1 WHERE rowid = 3");
    }
    SnapshotFile.write(header, database, file, 1, () -> true);
    store.put(name, file);

    List<String> problems = BackupCheck.all(store, catalog(), folder, step -> {});

    assertEquals(1, problems.size(), problems.toString());
    assertTrue(problems.get(0).contains(name + " is not what"), problems.get(0));

    // So does the check of the next one, which is told until one is right, and nothing is deleted.
    history.head = 45;
    history.applyTo(45);
    history.snapshot(snapshots);
    try (BackupJob due = job("due", Duration.ZERO, Duration.ofSeconds(1), 4_000, true)) {
      String doubt = due.run(Long.MAX_VALUE, 45, () -> true).doubt();
      assertTrue(doubt.contains(" is not what " + name), doubt);
      assertEquals(doubt, due.run(Long.MAX_VALUE, 45, () -> true).doubt());
      assertEquals(5, catalog().ranges().get(0).from());
      history.head = 60;
      history.applyTo(60);
      history.snapshot(snapshots);
      assertEquals("", due.run(Long.MAX_VALUE, 60, () -> true).doubt());
      assertEquals(45, catalog().ranges().get(0).from());
    }
  }

  @Test
  void whatIsCutBeforeItWasBackedUpIsMissingAndTheNextFullBackupEndsThat() throws Exception {
    begin(History.plain(60, folder));
    runFullAt(5);
    runAt(job, 20);
    history.first = 31;
    BackupJob.Result found = runAt(job, 40);
    assertTrue(found.gap() && found.takeSnapshot());
    assertEquals(20, found.coveredSeq());
    history.snapshot(snapshots);
    BackupJob.Result ended = runAt(job, 50);
    assertEquals(40, ended.fullSeq());
    assertEquals(50, ended.coveredSeq());
    assertEquals(2, catalog().ranges().size());
    assertEquals(20, restore(event(20), output()).seq());
    assertEquals(50, restore(Optional.empty(), output()).seq());
    for (Optional<PastTarget> lost :
        List.of(
            event(30),
            Optional.<PastTarget>of(new PastTarget.AtTime(history.micros(30))),
            Optional.<PastTarget>of(new PastTarget.AtTime(history.micros(21))))) {
      assertThrows(NotRestorableException.class, () -> restore(lost, output()), lost.toString());
    }
    assertThrows(NotRestorableException.class, () -> restore(event(4), output()));
    assertThrows(NotRestorableException.class, () -> restore(event(51), output()));
    assertTrue(
        BackupCheck.all(store, catalog(), folder, step -> {})
            .toString()
            .contains("events 21 to 39 are missing"));
  }

  @Test
  void whatHasExpiredIsDeletedWhenAFullBackupWasStored() throws Exception {
    begin(History.plain(60, folder));
    runFullAt(5);
    runAt(job, 20);
    runFullAt(25);
    runAt(job, 40);
    history.snapshot(snapshots);
    // Events are a second apart: at 50 the ten seconds before begin at 40.
    try (BackupJob due = job("due", Duration.ofNanos(1000), Duration.ofSeconds(10), 4_000, true)) {
      history.head = 50;
      history.applyTo(50);
      history.snapshot(snapshots);
      due.run(Long.MAX_VALUE, 50, () -> true);
    }
    assertEquals(25, catalog().ranges().get(0).from());
    assertEquals(50, catalog().ranges().get(0).to());
    assertTrue(catalog().segments().stream().allMatch(one -> one.seq() > 25));
    assertEquals(26, restore(event(26), output()).seq());
  }

  @Test
  void aJournalThatWasPutBackIsNotMixedWithWhatItLost() throws Exception {
    begin(History.plain(60, folder));
    runFullAt(5);
    runAt(job, 40);
    history.head = 30;
    try (BackupJob next = job("next", Duration.ofDays(1), KEEP, 4_000, false)) {
      IOException refused =
          assertThrows(IOException.class, () -> next.run(Long.MAX_VALUE, 0, () -> true));
      assertTrue(refused.getMessage().contains("peqlite.backup.url"), refused.getMessage());
    }
  }
}
