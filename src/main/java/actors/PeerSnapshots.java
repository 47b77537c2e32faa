package actors;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.AskPattern;
import org.apache.pekko.cluster.Member;
import org.apache.pekko.cluster.typed.Cluster;

/** The snapshots of another node, asked for in pieces. */
final class PeerSnapshots implements SnapshotSource {

  /** Small enough to go between other messages; several are on their way at once. */
  static final int PIECE_BYTES = 128 * 1024;

  private static final Duration ANSWER_MAX = Duration.ofSeconds(5);

  private final ActorSystem<?> system;
  private final ActorRef<NodeMessage> gateway;
  private final String name;

  private PeerSnapshots(ActorSystem<?> system, ActorRef<NodeMessage> gateway, String name) {
    this.system = system;
    this.gateway = gateway;
    this.name = name;
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
        await(
            AskPattern.<NodeMessage, SnapshotKeeper.Report>ask(
                gateway,
                replyTo -> new SnapshotKeeper.AskReport(false, replyTo),
                ANSWER_MAX,
                system.scheduler()));
    return report.snapshots().stream()
        .map(kept -> new Offer(kept.id(), report.journalId(), kept.seq(), kept.bytes()))
        .toList();
  }

  @Override
  public byte[] read(Offer offer, long offset, int max) throws IOException {
    List<CompletionStage<SnapshotKeeper.Piece>> asked = new ArrayList<>();
    for (int at = 0; at < max; at += PIECE_BYTES) {
      long from = offset + at;
      int length = Math.min(PIECE_BYTES, max - at);
      asked.add(
          AskPattern.<NodeMessage, SnapshotKeeper.Piece>ask(
              gateway,
              replyTo -> new SnapshotKeeper.AskPiece(offer.id(), from, length, replyTo),
              ANSWER_MAX,
              system.scheduler()));
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(max);
    for (CompletionStage<SnapshotKeeper.Piece> one : asked) {
      SnapshotKeeper.Piece piece = await(one);
      if (!piece.problem().isEmpty()) {
        throw new IOException(piece.problem());
      }
      bytes.writeBytes(piece.bytes());
    }
    return bytes.toByteArray();
  }

  private static <T> T await(CompletionStage<T> stage) throws IOException {
    try {
      return stage.toCompletableFuture().join();
    } catch (CompletionException e) {
      throw new IOException("it does not answer", e);
    }
  }
}
