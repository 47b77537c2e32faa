package actors;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.RejectedExecutionException;
import org.apache.pekko.actor.typed.ActorRef;
import sql.IdempotencyKey;
import sql.WriteRequest;
import storage.KeyReader;
import storage.ReadLimits;
import storage.ReadPool;
import storage.RequestCodec;

/** The node of this process. Thread-safe. */
final class LocalNode implements Node {

  /** How long a read that wants fresher knowledge than there is waits for the sequencer. */
  private static final Duration FRESHEN = Duration.ofMillis(250);

  /** A sequencer that is open says so twice a second. */
  private static final Duration SEQUENCER_SILENT_MAX = Duration.ofSeconds(3);

  private static final long KEY_BYTES_MAX = 64L << 20;

  private final NodeSettings settings;
  private final ActorRef<WriteSession.Command> session;
  private final ActorRef<ReadGate.Command> readGate;
  private final ReadPool reads;
  private final ReplicaGauge gauge;
  private final WriteGauge writes;
  private final Instant startedAt = Instant.now();
  private volatile String httpUrl = "";

  LocalNode(
      NodeSettings settings,
      Guardian.Parts parts,
      ReadPool reads,
      ReplicaGauge gauge,
      WriteGauge writes) {
    this.settings = settings;
    this.session = parts.session();
    this.readGate = parts.readGate();
    this.reads = reads;
    this.gauge = gauge;
    this.writes = writes;
  }

  void httpUrl(String url) {
    httpUrl = url;
  }

  @Override
  public CompletionStage<WriteAnswer> write(
      WriteRequest request, Duration timeout, boolean queued) {
    byte[] encoded = RequestCodec.encode(request);
    int max = settings.write().requestBytesMax();
    if (encoded.length > max) {
      return CompletableFuture.completedFuture(
          new WriteAnswer.TooLarge(
              "the request takes "
                  + encoded.length
                  + " bytes, more than peqlite.write.request-bytes-max ("
                  + max
                  + "); send it in several requests"));
    }
    CompletableFuture<WriteAnswer> answer = new CompletableFuture<>();
    session.tell(
        new WriteSession.Submit(
            encoded, System.nanoTime() + timeout.toNanos(), timeout.toNanos(), queued, answer));
    return answer;
  }

  @Override
  public CompletionStage<ReadAdmission> admit(
      ReadLevel level, Optional<Duration> freshness, OptionalLong minSeq, Duration timeout) {
    ReplicaGauge.Reading now = gauge.read();
    long deadlineNanos = System.nanoTime() + timeout.toNanos();
    if (level == ReadLevel.NONE && now.servesNone() && now.applied() >= minSeq.orElse(0)) {
      if (now.isFresh(freshness)) {
        return CompletableFuture.completedFuture(new ReadAdmission.Admitted());
      }
      // Nobody has said lately that nothing is missing here; the sequencer is asked before no.
      Duration wait = timeout.compareTo(FRESHEN) < 0 ? timeout : FRESHEN;
      return admit(ReadLevel.WEAK, Optional.empty(), minSeq, wait)
          .thenApply(
              admission ->
                  admission instanceof ReadAdmission.Refused
                      ? new ReadAdmission.Stale()
                      : admission);
    }
    CompletableFuture<ReadAdmission> answer = new CompletableFuture<>();
    readGate.tell(new ReadGate.Admit(level, freshness, minSeq, deadlineNanos, answer));
    return answer;
  }

  @Override
  public ReadPool reads() {
    return reads;
  }

  @Override
  public CompletionStage<Optional<KeyRecord>> keyed(IdempotencyKey key, Duration timeout) {
    long deadlineNanos = System.nanoTime() + timeout.toNanos();
    return admit(ReadLevel.WEAK, Optional.empty(), OptionalLong.empty(), timeout)
        .thenCompose(
            admission -> {
              if (!(admission instanceof ReadAdmission.Admitted)) {
                return CompletableFuture.failedFuture(
                    new RejectedExecutionException("the key cannot be looked up now"));
              }
              return reads.submit(
                  snapshot ->
                      KeyReader.find(snapshot, key, new ReadLimits(deadlineNanos, 1, KEY_BYTES_MAX))
                          .map(found -> new KeyRecord(found.position(), found.outcome())));
            });
  }

  @Override
  public NodeStatus status() {
    ReplicaGauge.Reading now = gauge.read();
    return new NodeStatus(
        settings.nodeId(),
        settings.clusterAddress(),
        startedAt,
        now.sequencerNodeId().isEmpty() ? Optional.empty() : Optional.of(now.sequencerNodeId()),
        now.epoch(),
        now.journalId(),
        now.head(),
        now.applied(),
        isReady(now),
        now.state().text(),
        now.problem(),
        writes.pending(),
        size(NodeSettings.databaseFile(settings.dataDirectory())),
        now.walBytes());
  }

  boolean isReady() {
    return isReady(gauge.read());
  }

  private boolean isReady(ReplicaGauge.Reading now) {
    return now.state() == ReplicaGauge.State.APPLYING
        && now.servesReads()
        && !now.sequencerNodeId().isEmpty()
        && System.nanoTime() - now.heardNanos() < SEQUENCER_SILENT_MAX.toNanos()
        && writes.sessionOpen();
  }

  private static long size(Path file) {
    return file.toFile().length();
  }

  @Override
  public CompletionStage<List<MemberStatus>> members() {
    long start = System.nanoTime();
    ReplicaGauge.Reading now = gauge.read();
    return CompletableFuture.completedFuture(
        List.of(
            new MemberStatus(
                settings.nodeId(),
                httpUrl,
                settings.clusterAddress(),
                settings.version(),
                true,
                true,
                settings.nodeId().equals(now.sequencerNodeId()),
                System.nanoTime() - start)));
  }

  @Override
  public boolean foreignKeys() {
    return settings.replicated().foreignKeys();
  }
}
