package quorum;

import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.ratis.protocol.RaftPeer;
import storage.Journal;
import storage.JournalDamagedException;
import storage.JournalException;
import storage.JournalGapException;
import storage.StoredEvent;
import storage.TrimSteps;

/**
 * The journal kept on a majority of the nodes' own disks: where it begins and ends is asked of the
 * group's leader, its events are read from this node's own copy. The copy can be behind: what the
 * leader says to be in the journal is waited for, up to a limit, and never taken for missing. What
 * was cut away it can give for a moment longer. A copy that turns out to be damaged is made anew
 * from another member's, and cannot be read until then.
 */
public final class QuorumJournal implements Journal {

  private static final Duration ASK_MAX = Duration.ofSeconds(5);

  /** As long as a node usually takes to start its part; whoever asks before that waits for it. */
  private static final Duration START_MAX = Duration.ofSeconds(5);

  private static final Duration SHORT_MAX = Duration.ofSeconds(1);
  private static final Duration BEHIND_MAX = Duration.ofSeconds(2);

  /** For each step of a cut; another leader may have to be elected meanwhile. */
  private static final Duration STEP_MAX = Duration.ofSeconds(8);

  private static final Duration CLOCK_MAX = Duration.ofSeconds(1);

  private final QuorumPart part;

  /** Reads through this node's part, which outlives it. */
  public QuorumJournal(QuorumPart part) {
    this.part = part;
  }

  @Override
  public long head() throws JournalException {
    return head(ASK_MAX);
  }

  private long head(Duration max) throws JournalException {
    QuorumCalls calls = part.server(START_MAX).calls();
    if (calls.ask(new Question.AskEnd(), max) instanceof Answer.End end) {
      return end.highest();
    }
    throw new JournalException("the quorum gave another answer than where the journal ends");
  }

  @Override
  public long first() throws JournalException {
    QuorumCalls calls = part.server(START_MAX).calls();
    if (calls.ask(new Question.AskState(), ASK_MAX) instanceof Answer.State state) {
      return state.trimmedTo() + 1;
    }
    throw new JournalException("the quorum gave another answer than where the journal begins");
  }

  /**
   * What the copy holds, and if that is less than was asked for, what the group's leader says that
   * it lacks. Without a leader the events that are here are given.
   */
  @Override
  public List<StoredEvent> read(long from, int eventsMax, long bytesMax) throws JournalException {
    QuorumServer server = part.server();
    List<StoredEvent> events = read(server, server.table(), from, eventsMax, bytesMax);
    long bytes = events.stream().mapToLong(event -> event.bytes().length).sum();
    if (events.size() >= eventsMax || bytes >= bytesMax) {
      return events;
    }
    try {
      long head = head(events.isEmpty() ? ASK_MAX : SHORT_MAX);
      if (head < from + events.size()) {
        return events;
      }
      QuorumTable copy = server.copyWith(Math.min(head, from + eventsMax - 1), BEHIND_MAX);
      List<StoredEvent> more = read(server, copy, from, eventsMax, bytesMax);
      if (more.isEmpty()) {
        throw damaged(
            server,
            new JournalException("this node's copy of the journal does not give event " + from));
      }
      return more;
    } catch (JournalException e) {
      if (events.isEmpty()) {
        throw e;
      }
      return events;
    }
  }

  private static List<StoredEvent> read(
      QuorumServer server, QuorumTable copy, long from, int eventsMax, long bytesMax)
      throws JournalException {
    try {
      return JournalDamagedException.before(copy.read(from, eventsMax, bytesMax));
    } catch (JournalDamagedException e) {
      throw damaged(server, e);
    } catch (JournalGapException e) {
      throw e.isCutAway() ? e : damaged(server, e);
    } catch (SQLException e) {
      throw unreadable(server, e);
    }
  }

  /** The failure as it is, if there is no other copy. */
  private static JournalException damaged(QuorumServer server, JournalException failure) {
    String what = String.valueOf(failure.getMessage());
    return server.copyDamaged(what)
        ? new JournalException("this node's copy of the journal is being made anew: " + what)
        : failure;
  }

  /** What is missing in this node's copy alone is damage of that, and not of the journal. */
  @Override
  public boolean holdsAll(long from, long to) throws JournalException {
    boolean holds = Journal.super.holdsAll(from, to);
    if (!holds
        && to <= head()
        && part.server().copyDamaged("it lacks an event from " + from + " to " + to)) {
      throw new JournalException("this node's copy of the journal lacks an event");
    }
    return holds;
  }

  @Override
  public long count(long from, long to) throws JournalException {
    long head = head();
    try {
      return part.server().copyWith(Math.min(to, head), BEHIND_MAX).count(from, to);
    } catch (SQLException e) {
      throw unreadable(part.server(), e);
    }
  }

  /**
   * Ordered step by step: whoever applies one applies nothing else meanwhile, on every node. Where
   * the steps end follows from this node's copy, which must hold what is to be cut away.
   */
  @Override
  public void trim(long to) throws JournalException {
    TrimSteps.run(this, to, this::cut);
  }

  private long cut(long from, long to) throws JournalException {
    long last;
    try {
      last = part.server().copyWith(to, BEHIND_MAX).endOfStep(from, to);
    } catch (SQLException e) {
      throw unreadable(part.server(), e);
    }
    part.server().calls().order(new Command.Trim(last), STEP_MAX);
    return last;
  }

  /** Of this node's copy. */
  @Override
  public long bytes() throws JournalException {
    try {
      return part.server(START_MAX).table().bytes();
    } catch (SQLException e) {
      throw unreadable(part.server(), e);
    }
  }

  private static JournalException unreadable(QuorumServer server, SQLException e) {
    JournalException failure =
        new JournalException("cannot read this node's copy of the journal: " + e.getMessage(), e);
    return CopyDamagedException.isDamage(e) ? damaged(server, failure) : failure;
  }

  /** The median of the clocks of those who answer: one wild clock changes nothing. */
  @Override
  public long timeMicros() throws JournalException {
    QuorumServer server = part.server();
    List<CompletableFuture<Long>> asked = new ArrayList<>();
    long askedNanos = System.nanoTime();
    for (RaftPeer peer : server.peers()) {
      if (!peer.getId().toString().equals(server.peerId())) {
        asked.add(CompletableFuture.supplyAsync(() -> clock(server, peer), part.executor()));
      }
    }
    List<Long> aheadMicros = new ArrayList<>(List.of(0L));
    for (CompletableFuture<Long> answer : asked) {
      try {
        long leftNanos = askedNanos + CLOCK_MAX.toNanos() - System.nanoTime();
        long ahead = answer.get(Math.max(0, leftNanos), TimeUnit.NANOSECONDS);
        if (ahead != Long.MIN_VALUE) {
          aheadMicros.add(ahead);
        }
      } catch (TimeoutException | ExecutionException e) {
        answer.cancel(false);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new JournalException("interrupted", e);
      }
    }
    aheadMicros.sort(null);
    return Clocks.micros() + aheadMicros.get((aheadMicros.size() - 1) / 2);
  }

  /** By how much a peer's clock is ahead of this node's; the smallest number if it is not known. */
  private static long clock(QuorumServer server, RaftPeer peer) {
    try {
      long before = Clocks.micros();
      if (server.calls().askPeer(peer, new Question.AskClock()) instanceof Answer.Clock clock) {
        return clock.micros() - (before + Clocks.micros()) / 2;
      }
    } catch (IOException e) {
      // It says nothing: the others' clocks decide.
    }
    return Long.MIN_VALUE;
  }

  @Override
  public void close() {}
}
