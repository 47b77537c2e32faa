package actors;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.AskPattern;
import org.apache.pekko.cluster.Member;
import org.apache.pekko.cluster.MemberStatus;
import org.apache.pekko.cluster.typed.Cluster;
import org.jspecify.annotations.Nullable;

/** The snapshots of another node, asked for in pieces. */
final class PeerSnapshots implements SnapshotSource {

  /** Small enough to go between other messages. */
  static final int PIECE_BYTES = 128 * 1024;

  /** How many are on their way at once; other messages wait behind them. */
  private static final int AHEAD_MAX = 16;

  private static final Duration ANSWER_MAX = Duration.ofSeconds(2);

  /** A message may be lost, and that is no reason to begin anew. */
  private static final int TRIES = 5;

  private final ActorSystem<?> system;
  private final ActorRef<NodeMessage> gateway;
  private final String name;
  private final Deque<Asked> ahead = new ArrayDeque<>();

  private PeerSnapshots(ActorSystem<?> system, ActorRef<NodeMessage> gateway, String name) {
    this.system = system;
    this.gateway = gateway;
    this.name = name;
  }

  /** Whether this node has joined its cluster, and so knows who else is in it. */
  static boolean areKnown(ActorSystem<?> system) {
    return !Cluster.get(system).selfMember().status().equals(MemberStatus.removed());
  }

  /** The nodes that this one can reach now, itself left out. */
  static List<SnapshotSource> all(ActorSystem<?> system) {
    Cluster cluster = Cluster.get(system);
    Set<Member> unreachable = cluster.state().getUnreachable();
    ActorRefResolver resolver = ActorRefResolver.get(system);
    List<SnapshotSource> peers = new ArrayList<>();
    for (Member member : cluster.state().getMembers()) {
      if (!member.uniqueAddress().equals(cluster.selfMember().uniqueAddress())
          && !unreachable.contains(member)) {
        peers.add(
            new PeerSnapshots(
                system,
                ClusterMembers.gateway(resolver, member.address()),
                "node " + member.address().hostPort()));
      }
    }
    return peers;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public List<Offer> offers() throws IOException {
    SnapshotKeeper.Report report =
        await(() -> ask(replyTo -> new SnapshotKeeper.AskReport(false, replyTo)));
    return report.snapshots().stream().map(kept -> offer(report, kept)).toList();
  }

  private static Offer offer(SnapshotKeeper.Report report, SnapshotKeeper.Kept kept) {
    boolean agreed = kept.seq() <= report.reliedFrom();
    return new Offer(kept.id(), report.journalId(), kept.seq(), kept.bytes(), agreed);
  }

  @Override
  public synchronized byte[] read(Offer offer, long offset, int max) throws IOException {
    Asked next = ahead.peek();
    if (next == null || next.offset != offset || next.length > max || !next.id.equals(offer.id())) {
      ahead.clear(); // what is still on its way is not missed
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(max);
    while (bytes.size() < max && offset + bytes.size() < offer.bytes()) {
      askAhead(offer, offset + bytes.size(), Math.min(PIECE_BYTES, max));
      Asked first = ahead.element();
      if (bytes.size() + first.length > max) {
        break;
      }
      SnapshotKeeper.Piece piece = await(first::answer);
      ahead.remove();
      if (!piece.problem().isEmpty()) {
        throw new IOException(piece.problem());
      }
      if (piece.bytes().length != first.length) {
        throw new IOException(piece.bytes().length + " bytes came instead of " + first.length);
      }
      bytes.writeBytes(piece.bytes());
    }
    return bytes.toByteArray();
  }

  /** The next pieces are on their way while this one is written. */
  private void askAhead(Offer offer, long offset, int length) {
    Asked last = ahead.peekLast();
    long at = last == null ? offset : last.offset + last.length;
    while (ahead.size() < AHEAD_MAX && at < offer.bytes()) {
      Asked asked = new Asked(offer.id(), at, (int) Math.min(length, offer.bytes() - at));
      ahead.add(asked);
      at += asked.length;
    }
  }

  /** A piece that was asked for. */
  private final class Asked {
    private final String id;
    private final long offset;
    private final int length;
    private @Nullable CompletionStage<SnapshotKeeper.Piece> first;

    Asked(String id, long offset, int length) {
      this.id = id;
      this.offset = offset;
      this.length = length;
      this.first = askIt();
    }

    /** The answer to what was asked first, and at each later call to the same asked again. */
    CompletionStage<SnapshotKeeper.Piece> answer() {
      CompletionStage<SnapshotKeeper.Piece> answer = first == null ? askIt() : first;
      first = null;
      return answer;
    }

    private CompletionStage<SnapshotKeeper.Piece> askIt() {
      return ask(replyTo -> new SnapshotKeeper.AskPiece(id, offset, length, replyTo));
    }
  }

  private <T> CompletionStage<T> ask(Function<ActorRef<T>, NodeMessage> question) {
    return AskPattern.ask(gateway, question::apply, ANSWER_MAX, system.scheduler());
  }

  private static <T> T await(Supplier<CompletionStage<T>> asking) throws IOException {
    for (int left = TRIES - 1; ; left--) {
      try {
        return asking.get().toCompletableFuture().join();
      } catch (CompletionException e) {
        if (left == 0) {
          throw new IOException("it does not answer", e);
        }
      }
    }
  }
}
