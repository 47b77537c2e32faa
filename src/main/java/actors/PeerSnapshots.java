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

/** The snapshots of another node, asked for in pieces. */
final class PeerSnapshots implements SnapshotSource {

  /** Small enough to go between other messages; several are on their way at once. */
  static final int PIECE_BYTES = 128 * 1024;

  private static final Duration ANSWER_MAX = Duration.ofSeconds(2);

  /** A message may be lost, and that is no reason to begin anew. */
  private static final int TRIES = 5;

  private final ActorSystem<?> system;
  private final ActorRef<NodeMessage> gateway;
  private final String name;

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
  public byte[] read(Offer offer, long offset, int max) throws IOException {
    List<Supplier<CompletionStage<SnapshotKeeper.Piece>>> asked = new ArrayList<>();
    for (int at = 0; at < max; at += PIECE_BYTES) {
      asked.add(piece(offer.id(), offset + at, Math.min(PIECE_BYTES, max - at)));
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(max);
    for (Supplier<CompletionStage<SnapshotKeeper.Piece>> one : asked) {
      SnapshotKeeper.Piece piece = await(one);
      if (!piece.problem().isEmpty()) {
        throw new IOException(piece.problem());
      }
      bytes.writeBytes(piece.bytes());
    }
    return bytes.toByteArray();
  }

  /** Asks at once, and gives that answer the first time it is asked for, else asks again. */
  private Supplier<CompletionStage<SnapshotKeeper.Piece>> piece(String id, long from, int length) {
    Supplier<CompletionStage<SnapshotKeeper.Piece>> asking =
        () -> ask(replyTo -> new SnapshotKeeper.AskPiece(id, from, length, replyTo));
    Deque<CompletionStage<SnapshotKeeper.Piece>> first = new ArrayDeque<>(List.of(asking.get()));
    return () -> first.isEmpty() ? asking.get() : first.remove();
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
