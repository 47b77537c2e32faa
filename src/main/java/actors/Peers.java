package actors;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.pekko.actor.typed.ActorRef;
import org.jspecify.annotations.Nullable;
import storage.Formats;

/**
 * The nodes that a sequencer pushes events to, and how far each of them is. A node that has not
 * applied what was pushed to it gets no more until it has: it reads the journal, and the messages
 * on their way to it stay bounded. Pure; one thread.
 */
final class Peers {

  /** Events pushed to a node and not applied there, at most. */
  private static final int PUSHED_MAX = 512;

  /** Half of what a replica remembers of its outcomes. */
  private static final long COMPARED_BEHIND_MAX = 2_048;

  /** Their bytes. */
  private static final long PUSHED_BYTES_MAX = 8L << 20;

  private record Pushed(long seq, int bytes) {}

  /** One node. */
  static final class Peer {
    final String nodeId;
    final String processId;
    private final ArrayDeque<Pushed> pushed = new ArrayDeque<>();
    private long pushedBytes;
    private long applied;
    private long heardNanos;
    private int rules;
    private Sequencer.@Nullable Progress compared;

    Peer(String nodeId, String processId) {
      this.nodeId = nodeId;
      this.processId = processId;
    }
  }

  private final Map<ActorRef<NodeMessage>, Peer> peers = new HashMap<>();

  /** A node says how far it is; returns whether it is a new one. */
  boolean heard(ActorRef<NodeMessage> node, Sequencer.Progress progress, long nowNanos) {
    Peer peer = peers.get(node);
    boolean isNew = peer == null || !peer.processId.equals(progress.processId());
    if (peer == null || isNew) {
      // What an earlier start of the same node has said counts no longer.
      peers
          .entrySet()
          .removeIf(
              other ->
                  other.getValue().nodeId.equals(progress.nodeId())
                      && !other.getKey().equals(node));
      peer = new Peer(progress.nodeId(), progress.processId());
      peers.put(node, peer);
    }
    peer.heardNanos = nowNanos;
    peer.rules = progress.rules();
    peer.compared = progress;
    applied(node, progress.applied());
    return isNew;
  }

  /** A node has applied so much. */
  void applied(ActorRef<NodeMessage> node, long seq) {
    Peer peer = peers.get(node);
    if (peer == null) {
      return;
    }
    peer.applied = Math.max(peer.applied, seq);
    for (Pushed first = peer.pushed.peek();
        first != null && first.seq <= peer.applied;
        first = peer.pushed.peek()) {
      peer.pushed.remove();
      peer.pushedBytes -= first.bytes;
    }
  }

  /** Forgets who has been silent for longer than that. */
  void forgetSilent(long nowNanos, long silenceNanosMax) {
    peers.values().removeIf(peer -> nowNanos - peer.heardNanos > silenceNanosMax);
  }

  /** Calls for each node to which an event of that size may be pushed now. */
  void push(long seq, int bytes, Consumer<ActorRef<NodeMessage>> action) {
    peers.forEach(
        (node, peer) -> {
          if (peer.pushed.size() < PUSHED_MAX && peer.pushedBytes + bytes <= PUSHED_BYTES_MAX) {
            peer.pushed.add(new Pushed(seq, bytes));
            peer.pushedBytes += bytes;
            action.accept(node);
          }
        });
  }

  /** The newest determinism rules that all of them, and this process, can apply. */
  int rules() {
    return peers.values().stream()
        .mapToInt(peer -> peer.rules)
        .reduce(Formats.newestRules(), Math::min);
  }

  /** Whether a node was heard of no longer ago than that; a node is its address here. */
  boolean isKnown(ActorRef<NodeMessage> node, long nowNanos, long silenceNanosMax) {
    return peers.entrySet().stream()
        .anyMatch(
            known ->
                known.getKey().path().address().equals(node.path().address())
                    && nowNanos - known.getValue().heardNanos <= silenceNanosMax);
  }

  /** What they say of their outcomes up to an event, as far as they have looked. */
  List<DigestComparison.Word> words(long seq) {
    List<DigestComparison.Word> words = new ArrayList<>();
    for (Peer peer : peers.values()) {
      Sequencer.Progress last = peer.compared;
      if (last != null && seq > 0 && last.comparedSeq() == seq) {
        words.add(
            new DigestComparison.Word(peer.nodeId, last.sqliteVersion(), last.comparedDigest()));
      }
    }
    return words;
  }

  /** The last event that all of them have applied. */
  long appliedByAll() {
    return peers.values().stream().mapToLong(peer -> peer.applied).min().orElse(0);
  }

  /**
   * The last event that all of them have applied, but for those that are so far behind the head
   * that the others would not know any more what became of it.
   */
  long appliedByMost(long head) {
    return peers.values().stream()
        .mapToLong(peer -> peer.applied)
        .filter(applied -> head - applied <= COMPARED_BEHIND_MAX)
        .min()
        .orElse(0);
  }

  /** How many events up to the head each of them has not applied, by node id. */
  Map<String, Long> lags(long head) {
    Map<String, Long> lags = new HashMap<>();
    peers.values().forEach(peer -> lags.put(peer.nodeId, Math.max(0, head - peer.applied)));
    return lags;
  }

  /** The names of them all. */
  Set<String> nodeIds() {
    return peers.values().stream().map(peer -> peer.nodeId).collect(Collectors.toSet());
  }

  /** Tells something to all of them. */
  void tellAll(Consumer<ActorRef<NodeMessage>> action) {
    peers.keySet().forEach(action);
  }

  /** Tells something to the node of this name. */
  void tellNode(String nodeId, NodeMessage message) {
    peers.forEach(
        (node, peer) -> {
          if (peer.nodeId.equals(nodeId)) {
            node.tell(message);
          }
        });
  }

  /** Whether a process of this id was heard of lately. */
  boolean hasProcess(String processId) {
    return peers.values().stream().anyMatch(peer -> peer.processId.equals(processId));
  }

  /** Whether a process of this id was heard of no longer ago than that. */
  boolean isHeard(String processId, long nowNanos, long silenceNanosMax) {
    return peers.values().stream()
        .anyMatch(
            peer ->
                peer.processId.equals(processId) && nowNanos - peer.heardNanos <= silenceNanosMax);
  }

  /** The process at a node, or null if it was not heard of. */
  @Nullable Peer at(ActorRef<NodeMessage> node) {
    return peers.get(node);
  }
}
