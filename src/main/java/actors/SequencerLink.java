package actors;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.pekko.actor.typed.ActorRef;
import org.jspecify.annotations.Nullable;
import sql.Position;

/**
 * The way from this node's parts to the sequencer, wherever it runs; lives as long as the process,
 * while the cluster's actor system may come and go. What is sent while no sequencer is known is
 * dropped: whoever sends, sends again. Thread-safe.
 */
final class SequencerLink {

  /** Envelopes stay well below the largest frame that Pekko takes, which is 256 KiB. */
  static final int ENVELOPE_BYTES_MAX = 128 * 1024;

  /**
   * A sequencer that has said it is open.
   *
   * @param gateway this node's, to which it answers
   * @param here whether it runs in this process, so that nothing is serialized
   */
  record Target(
      ActorRef<Sequencer.Command> sequencer,
      ActorRef<NodeMessage> gateway,
      long epoch,
      String nodeId,
      boolean here) {}

  private volatile @Nullable Target target;

  /** From now on everything goes there; null while there is none. */
  void set(@Nullable Target next) {
    target = next;
  }

  /** The sequencer that is open as far as this node knows, or null. */
  @Nullable Target target() {
    return target;
  }

  /** Sends items to be ordered, in as few envelopes as fit. */
  void submit(List<Sequencer.Item> items) {
    Target to = target;
    if (to == null) {
      return;
    }
    if (to.here()) {
      to.sequencer().tell(new Sequencer.Submit(items, to.gateway()));
      return;
    }
    List<Sequencer.Item> envelope = new ArrayList<>();
    int bytes = 0;
    for (Sequencer.Item item : items) {
      int length = item.entry().length + 64;
      if (length > ENVELOPE_BYTES_MAX) {
        fragments(item, to);
        continue;
      }
      if (bytes + length > ENVELOPE_BYTES_MAX) {
        to.sequencer().tell(new Sequencer.Submit(List.copyOf(envelope), to.gateway()));
        envelope.clear();
        bytes = 0;
      }
      envelope.add(item);
      bytes += length;
    }
    if (!envelope.isEmpty()) {
      to.sequencer().tell(new Sequencer.Submit(List.copyOf(envelope), to.gateway()));
    }
  }

  /** What does not fit into a frame goes in pieces, which the sequencer puts together. */
  private static void fragments(Sequencer.Item item, Target to) {
    byte[] entry = item.entry();
    int count = (entry.length + ENVELOPE_BYTES_MAX - 1) / ENVELOPE_BYTES_MAX;
    for (int i = 0; i < count; i++) {
      int from = i * ENVELOPE_BYTES_MAX;
      byte[] bytes =
          Arrays.copyOfRange(entry, from, Math.min(entry.length, from + ENVELOPE_BYTES_MAX));
      to.sequencer()
          .tell(
              new Sequencer.Fragment(
                  item.session(), item.number(), i, count, entry.length, bytes, to.gateway()));
    }
  }

  /** Asks what is committed; the answer comes through the gateway. */
  void askCommitted(long question) {
    Target to = target;
    if (to != null) {
      to.sequencer().tell(new Sequencer.AskCommitted(question, to.gateway()));
    }
  }

  /** Says what a scrub has found here; see {@link Sequencer.ScrubWord}. */
  void tellScrub(
      String nodeId,
      long seq,
      long timestampMicros,
      boolean running,
      boolean undecided,
      byte[] digest,
      String sqliteVersion) {
    Target to = target;
    if (to != null) {
      to.sequencer()
          .tell(
              new Sequencer.ScrubWord(
                  nodeId,
                  seq,
                  timestampMicros,
                  running,
                  undecided,
                  digest,
                  sqliteVersion,
                  to.gateway()));
    }
  }

  /** Says that this node cannot apply a request and holds before it. */
  void reportHeld(Position position, int statement, List<String> processes, String reason) {
    Target to = target;
    if (to != null) {
      to.sequencer()
          .tell(new Sequencer.ReportHeld(position, statement, processes, reason, to.gateway()));
    }
  }
}
