package actors;

import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import sql.IdempotencyKey;
import sql.Position;
import sql.WriteRequest;
import storage.LoadStep;
import storage.PastTarget;
import storage.ReadPool;

/**
 * What the outside may ask of this node. Thread-safe; nothing here blocks. Stages never complete
 * exceptionally for what a client did: every case is an answer.
 */
public interface Node {

  /**
   * Orders and applies a write.
   *
   * @param timeout the deadline of the whole write, failover included; then the answer is what is
   *     known
   * @param queued answer as soon as the journal holds the write
   * @param caller is told of its way
   */
  CompletionStage<WriteAnswer> write(
      WriteRequest request, Duration timeout, boolean queued, WriteCaller caller);

  /** The same, for nobody in particular. */
  default CompletionStage<WriteAnswer> write(
      WriteRequest request, Duration timeout, boolean queued) {
    return write(request, timeout, queued, WriteCaller.NOBODY);
  }

  /**
   * Makes something of a file of any size as one step of the order: on every node it becomes the
   * database, or its statements are run, whole or not at all. One at a time on each node.
   *
   * @param file must stay as it is until the stage completes. A database was looked through by
   *     {@link storage.LoadFile}, a script written by {@link storage.LoadedScript}
   * @param key by which a repetition is known, whatever was applied since
   * @param timeout the deadline of all of it; then the answer is what is known
   * @param caller is told of the way of the step that decides
   */
  CompletionStage<WriteAnswer> load(
      Path file,
      LoadStep.Content content,
      Optional<IdempotencyKey> key,
      Duration timeout,
      WriteCaller caller);

  /**
   * Waits until the local database may answer a read.
   *
   * @param freshness only with {@link ReadLevel#NONE}: how long ago this node may have known the
   *     head
   * @param minSeq the position that this node must have applied, read-your-writes
   */
  CompletionStage<ReadAdmission> admit(
      ReadLevel level, Optional<Duration> freshness, OptionalLong minSeq, Duration timeout);

  /**
   * Opens the database as of the past.
   *
   * @param target which state; what this node has applied needs no word of anybody, and else {@code
   *     level} says what is waited for first
   * @param freshness as for {@link #admit}
   * @param minSeq as for {@link #admit}
   * @param timeout how long to wait, also for the state to be made; that goes on afterwards
   */
  CompletionStage<PastAdmission> past(
      PastTarget target,
      ReadLevel level,
      Optional<Duration> freshness,
      OptionalLong minSeq,
      Duration timeout);

  /** The read-only connections to the local database. */
  ReadPool reads();

  /**
   * Follows what this node applies, whoever has sent it.
   *
   * @param afterSeq the last event that the follower knows, from an earlier call; empty to begin
   *     now
   * @return a place from which nothing is missed; fails with {@link ChangeLog.ChangesLostException}
   *     if what comes behind {@code afterSeq} is not kept any more. Completes only when the local
   *     database is open
   */
  CompletionStage<ChangeLog.Cursor> changes(OptionalLong afterSeq);

  /** What became of a request with a key, as of a weak read; empty if the key is not known. */
  CompletionStage<Optional<KeyRecord>> keyed(IdempotencyKey key, Duration timeout);

  /** This node's view, now. */
  NodeStatus status();

  /**
   * The members of the cluster, sorted by node id; a node that is in no cluster knows itself only.
   *
   * @param timeout how long to wait for the others; who does not answer is shown as unreachable
   */
  CompletionStage<List<MemberStatus>> members(Duration timeout);

  /**
   * Moves the sequencer to another node.
   *
   * @param nodeId the node to move it to; empty for any other
   * @param timeout how long to wait until it runs there
   * @return empty when it has moved, else why it has not
   */
  CompletionStage<Optional<String>> moveSequencer(Optional<String> nodeId, Duration timeout);

  /**
   * Takes a node out of those who keep the journal on their own disks, for good. Nothing is changed
   * that would leave no majority.
   *
   * @param name the node's, or one of its identities
   * @param timeout how long to wait until that is so
   */
  CompletionStage<MembershipResult> remove(String name, Duration timeout);

  /**
   * Lets a node that has come back with an empty disk keep the journal in the place of the one that
   * it was. Done when its old self is out; it is added again by itself, when it has caught up.
   *
   * @param name the node's
   * @param timeout how long to wait until that is so
   */
  CompletionStage<MembershipResult> replace(String name, Duration timeout);

  /**
   * Takes a snapshot of this node's database now.
   *
   * @return completes with the last event in it, or empty if nothing was applied since the last
   *     one; fails with an {@link java.io.IOException} that says why none can be taken
   */
  CompletionStage<OptionalLong> snapshot();

  /**
   * Has every replica look through its database, as of one event, and compare what is in it with
   * the others'. Takes long; writes and reads go on.
   *
   * @param timeout how long to wait until it is ordered
   */
  CompletionStage<ScrubOrder> scrub(Duration timeout);

  /**
   * Gives up a write that a node cannot get past, as an operator's decision, also after it was
   * decided to apply it. A node that has applied it makes its database anew without it, so that
   * what its client may have been told is no longer so.
   *
   * @param position where it stands in the journal
   * @param timeout how long to wait until that is durable
   */
  CompletionStage<AbortResult> abort(Position position, Duration timeout);

  /**
   * What this node measures. It costs next to nothing until a registry is added that shows it, such
   * as one of an application of its own.
   */
  CompositeMeterRegistry metrics();

  /** Whether foreign keys are enforced; the same on every node. */
  boolean foreignKeys();
}
