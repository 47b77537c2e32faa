package quorum;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static quorum.QuorumFixture.append;
import static quorum.QuorumFixture.assertCopy;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import process.SilentRelay;
import quorum.QuorumFixture.Node;

/** A follower has stored an entry, and the connection breaks before its leader hears of it. */
@Timeout(180)
class LostAnswerTest {

  private static final String BEHIND = "127.0.0.2";

  private final List<SilentRelay> relays = new ArrayList<>();
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
    quorum.close();
    for (SilentRelay relay : relays) {
      relay.close();
    }
  }

  private void loseAnswersOf(Node follower) {
    relays.get(quorum.nodes().indexOf(follower)).forgetAnswers();
  }

  private void cut() throws Exception {
    for (SilentRelay relay : relays) {
      relay.cut();
    }
  }

  @Test
  void nobodyWaitsForEver() throws Exception {
    append(quorum.node(1), 1, 5);
    Node leader = quorum.leader();
    Node follower = quorum.node(leader == quorum.node(1) ? 2 : 1);
    assertCopy(follower, 5);
    loseAnswersOf(follower);
    CompletableFuture<Boolean> appended =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return append(leader, 6, QuorumFixture.event(6));
              } catch (Exception e) {
                throw new IllegalStateException(e);
              }
            });
    Thread.sleep(200); // enough to store it, and too little to stand for election
    cut();
    assertEquals(true, appended.get());
    assertCopy(follower, 6);
    append(follower, 7, 9);
    assertCopy(leader, 9);
  }
}
