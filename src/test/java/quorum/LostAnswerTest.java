package quorum;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static quorum.QuorumFixture.append;
import static quorum.QuorumFixture.assertCopy;
import static quorum.QuorumFixture.await;
import static quorum.QuorumFixture.event;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.ratis.grpc.server.GrpcServicesImpl;
import org.apache.ratis.proto.RaftProtos.AppendEntriesRequestProto;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.util.CodeInjectionForTesting;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import process.SilentRelay;
import quorum.QuorumFixture.Node;
import storage.Arbiter;
import storage.JournalException;

/** A follower has stored an entry, and the connection breaks before its leader hears of it. */
@Timeout(180)
class LostAnswerTest {

  private static final String BEHIND = "127.0.0.2";
  private static final Duration MAX = Duration.ofSeconds(20);

  private final List<SilentRelay> relays = new ArrayList<>();
  private final AtomicReference<String> losing = new AtomicReference<>();
  @TempDir Path folder;
  private QuorumFixture quorum;

  @BeforeEach
  void form() throws Exception {
    quorum = new QuorumFixture(folder).formed(2, BEHIND);
    for (Node node : quorum.nodes()) {
      int port = node.settings.port();
      relays.add(
          new SilentRelay(
              new InetSocketAddress("127.0.0.1", port), new InetSocketAddress(BEHIND, port)));
    }
  }

  @AfterEach
  void stop() throws Exception {
    CodeInjectionForTesting.remove(GrpcServicesImpl.GRPC_SEND_SERVER_REQUEST);
    quorum.close();
    for (SilentRelay relay : relays) {
      relay.close();
    }
  }

  private Node other(Node one) {
    return quorum.node(one == quorum.node(1) ? 2 : 1);
  }

  /** From the next entry on that somebody sends, nothing that the other one answers arrives. */
  private void loseTheNextAnswer() {
    List<String> ids = quorum.nodes().stream().map(LostAnswerTest::peerId).toList();
    CodeInjectionForTesting.put(
        GrpcServicesImpl.GRPC_SEND_SERVER_REQUEST,
        (sender, unused, request) -> {
          int from = ids.indexOf(String.valueOf(sender));
          if (from >= 0
              && request[0] instanceof AppendEntriesRequestProto append
              && append.getEntriesCount() > 0
              && losing.compareAndSet(null, ids.get(from))) {
            relays.get(1 - from).forgetAnswers();
          }
          return true;
        });
  }

  /** Waits until the other one has stored what was sent, and breaks the connection. */
  private Node cut() throws Exception {
    await("an entry is sent", () -> losing.get() != null);
    Node leader = quorum.node(peerId(quorum.node(1)).equals(losing.get()) ? 1 : 2);
    TermIndex sent = last(leader);
    await("it is stored", () -> sent.equals(last(other(leader))));
    assertTrue(
        leader.server().division().getRaftLog().getLastCommittedIndex() < sent.getIndex(),
        "the leader does not know");
    for (SilentRelay relay : relays) {
      relay.cut();
    }
    return leader;
  }

  private static TermIndex last(Node node) throws JournalException {
    return node.server().division().getRaftLog().getLastEntryTermIndex();
  }

  private static String peerId(Node node) {
    try {
      return node.server().peerId();
    } catch (JournalException e) {
      throw new IllegalStateException(e);
    }
  }

  private void assertGoesOn(int events) throws Exception {
    append(quorum.node(1), events + 1, events + 3);
    append(quorum.node(2), events + 4, events + 6);
    assertCopy(quorum.node(1), events + 6);
    assertCopy(quorum.node(2), events + 6);
  }

  /** Ratis by itself would never let this leader take anything. */
  @Test
  void ofTheFirstEntryOfItsTerm() throws Exception {
    append(quorum.leader(), 1, 5);
    loseTheNextAnswer();
    quorum.leader().server().calls().stepDown(MAX);
    cut();
    assertGoesOn(5);
  }

  @Test
  void ofAnAppend() throws Exception {
    Node leader = quorum.leader();
    append(leader, 1, 5);
    loseTheNextAnswer();
    CompletableFuture<Boolean> appended =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return append(leader, 6, event(6));
              } catch (JournalException e) {
                throw new CompletionException(e);
              }
            });
    assertEquals(leader, cut());
    new QuorumArbiter(leader.part).enter(new Arbiter.Process("a", "host-a:1", 1));
    assertTrue(appended.get());
    assertGoesOn(6);
  }
}
