package backup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import backup.BackupObject.Full;
import backup.BackupObject.Segment;
import backup.BackupPlan.FullStep;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Event N is of hour N, and its hash is N. */
final class BackupPlanTest {

  private static final String JOURNAL = "7e5b1d1c-0000-0000-0000-000000000000";
  private static final long HOUR_MICROS = 3_600_000_000L;
  private static final BackupPlan.Policy POLICY =
      new BackupPlan.Policy(Duration.ofHours(24), Duration.ofDays(7));

  private final List<Full> fulls = new ArrayList<>();
  private final List<Segment> segments = new ArrayList<>();
  private long first = 1;
  private long head;
  private Optional<BackupPlan.Candidate> candidate = Optional.empty();
  private long takenFrom;

  private static String hash(long seq) {
    return String.format("%016x", seq);
  }

  private void full(long seq) {
    fulls.add(new Full(JOURNAL, seq, seq * HOUR_MICROS, hash(seq)));
  }

  private Segment segment(long from, long to) {
    Segment segment = new Segment(JOURNAL, from, to, to * HOUR_MICROS, hash(from - 1), hash(to));
    segments.add(segment);
    return segment;
  }

  private BackupCatalog catalog() {
    return new BackupCatalog(JOURNAL, fulls, segments);
  }

  private BackupPlan.Decision decide() {
    return BackupPlan.decide(
        new BackupPlan.View(catalog(), first, head, head * HOUR_MICROS, candidate, takenFrom),
        POLICY);
  }

  private void snapshot(long seq) {
    candidate = Optional.of(new BackupPlan.Candidate(seq, seq * HOUR_MICROS));
  }

  @Test
  void aFullBackupComesFirst() {
    assertEquals(FullStep.NONE, decide().full(), "there is nothing to back up");
    head = 10;
    assertEquals(FullStep.TAKE, decide().full());
    takenFrom = 10;
    assertEquals(FullStep.WAIT, decide().full());
    snapshot(10);
    assertEquals(FullStep.PUT, decide().full());
    assertEquals(Optional.empty(), decide().segment(), "there is nothing that it would follow");
  }

  @Test
  void segmentsGoOnWhereTheLastOneEnded() {
    full(10);
    head = 10;
    assertEquals(Optional.empty(), decide().segment(), "nothing is new");
    head = 15;
    assertEquals(Optional.of(new BackupPlan.Start(11, hash(10))), decide().segment());
    segment(11, 15);
    head = 20;
    assertEquals(Optional.of(new BackupPlan.Start(16, hash(15))), decide().segment());
    assertEquals(15, BackupPlan.covered(catalog()));
  }

  @Test
  void twoThatWriteAtOnceOverlapAndNothingIsMissing() {
    full(10);
    segment(5, 12);
    segment(11, 14);
    segment(11, 17);
    segment(15, 16);
    segment(18, 20);
    head = 20;
    assertEquals(Optional.empty(), decide().segment());
    assertEquals(20, BackupPlan.covered(catalog()));
    assertEquals(
        List.of(new BackupCatalog.Range(10, 20, 10 * HOUR_MICROS, 20 * HOUR_MICROS)),
        catalog().ranges());
  }

  @Test
  void aSegmentOfAnotherPastDoesNotFollow() {
    full(10);
    segments.add(new Segment(JOURNAL, 11, 15, 15 * HOUR_MICROS, hash(99), hash(15)));
    assertEquals(10, BackupPlan.covered(catalog()));
  }

  @Test
  void aFullBackupIsDueAfterItsTimeIfAnythingIsNew() {
    full(10);
    segment(11, 33);
    head = 33;
    snapshot(33);
    assertEquals(FullStep.NONE, decide().full());
    head = 34;
    assertEquals(FullStep.PUT, decide().full());
    snapshot(15);
    assertEquals(FullStep.TAKE, decide().full(), "19 hours old, and the next would soon be due");
    takenFrom = 15;
    assertEquals(FullStep.PUT, decide().full(), "it was asked for");
    head = 10;
    segments.clear();
    assertEquals(FullStep.NONE, decide().full(), "nothing is new");
  }

  @Test
  void aGapIsSeenAndEndsWithTheNextFullBackup() {
    full(10);
    segment(11, 15);
    first = 17;
    head = 20;
    snapshot(15);
    assertTrue(decide().gap());
    assertEquals(Optional.empty(), decide().segment());
    assertEquals(FullStep.TAKE, decide().full(), "the snapshot does not reach the journal");
    snapshot(16);
    assertEquals(FullStep.PUT, decide().full());
    full(16);
    assertFalse(decide().gap());
    assertEquals(Optional.of(new BackupPlan.Start(17, hash(16))), decide().segment());
    assertEquals(2, catalog().ranges().size());
    first = 16;
    fulls.remove(1);
    assertFalse(decide().gap(), "it begins where the segments end");
  }

  @Test
  void aJournalThatHasLostItsEndIsNotBackedUp() {
    full(10);
    segment(11, 15);
    head = 14;
    assertTrue(decide().lost());
    assertEquals(Optional.empty(), decide().segment());
  }

  @Test
  void whatIsOlderGoesButForWhatTheOldestTimeNeeds() {
    for (long day = 0; day <= 10; day++) {
      full(1 + 24 * day);
      segment(2 + 24 * day, 24 + 24 * day);
      segment(24 + 24 * day, 25 + 24 * day);
    }
    List<BackupObject> expired = BackupPlan.expired(catalog(), Duration.ofDays(7));
    // The newest event is of hour 265, seven days before is hour 97, of which there is a full one.
    long oldest =
        fulls.stream()
            .filter(full -> !expired.contains(full))
            .mapToLong(Full::seq)
            .min()
            .orElseThrow();
    assertEquals(97, oldest);
    assertEquals(4 + 2 * 4, expired.size());
    BackupCatalog left = catalog();
    for (BackupObject one : expired) {
      left = left.without(one);
    }
    assertEquals(
        List.of(new BackupCatalog.Range(97, 265, 97 * HOUR_MICROS, 265 * HOUR_MICROS)),
        left.ranges());
    assertEquals(List.of(), BackupPlan.expired(left, Duration.ofDays(7)));
    assertEquals(List.of(), BackupPlan.expired(left, Duration.ofDays(30)));
  }

  @Test
  void theJournalWaitsForBackupsAsLongAsItIsTold() {
    BackupJob.Result result = new BackupJob.Result(10, 15, false, false, true, "");
    Duration hold = Duration.ofHours(1);
    assertEquals(15, result.cutMax(hold, hold));
    assertEquals(Long.MAX_VALUE, result.cutMax(hold.plusNanos(1), hold));
    assertEquals(0, BackupJob.Result.NONE.cutMax(Duration.ZERO, hold));
    BackupJob.Result single = new BackupJob.Result(10, 10, false, false, false, "");
    assertEquals(Long.MAX_VALUE, single.cutMax(Duration.ZERO, hold), "it takes no segments");
  }

  @Test
  void whatHasNoNameOfOursIsPassedOver() {
    full(3);
    String name = fulls.get(0).name();
    assertEquals(Optional.of(fulls.get(0)), BackupObject.of(name));
    for (String other :
        List.of(
            "",
            "a",
            name + "x",
            name.replace("full", "fall"),
            name.replaceFirst("/full/0{18}", "/full/" + "9".repeat(18)),
            name.replace("3-", "0-"))) {
      assertEquals(Optional.empty(), BackupObject.of(other), other);
    }
  }
}
