package actors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A process that ends is noticed at once; one that lives is left alone. */
@Timeout(120)
class CrashWatchTest {

  /** So slow that in these tests nothing is noticed by missing heartbeats. */
  private static final String SLOW_DETECTOR =
      "pekko.cluster.failure-detector.acceptable-heartbeat-pause = 60s";

  private final List<AutoCloseable> opened = new ArrayList<>();
  private final BlockingQueue<String> told = new LinkedBlockingQueue<>();
  private final CrashWatch watch = keep(new CrashWatch());

  @AfterEach
  void end() throws Exception {
    for (int i = opened.size() - 1; i >= 0; i--) {
      opened.get(i).close();
    }
  }

  private <T extends AutoCloseable> T keep(T resource) {
    opened.add(resource);
    return resource;
  }

  private ServerSocket listen() throws Exception {
    return keep(new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1")));
  }

  private static String address(ServerSocket server) {
    return "127.0.0.1:" + server.getLocalPort();
  }

  private void watch(String address) {
    watch.watch(
        address,
        new CrashWatch.Listener() {
          @Override
          public void gone() {
            told.add("gone");
          }

          @Override
          public void listens() {
            told.add("listens");
          }
        });
  }

  private String nextTold() throws Exception {
    String next = told.poll(20, TimeUnit.SECONDS);
    return next == null ? "nothing" : next;
  }

  @Test
  void aConnectionThatIsLostIsNoCrashAsLongAsSomebodyListens() throws Exception {
    ServerSocket server = listen();
    watch(address(server));
    for (int i = 0; i < 5; i++) {
      Socket accepted = server.accept();
      assertEquals("listens", nextTold());
      if (i % 2 == 0) {
        accepted.setSoLinger(true, 0); // closes with a reset
      }
      accepted.close();
    }
    keep(server.accept());
    assertEquals("listens", nextTold());
    assertNull(told.poll(700, TimeUnit.MILLISECONDS));
  }

  @Test
  void itIsACrashWhenTheConnectionIsLostAndNobodyListens() throws Exception {
    ServerSocket server = listen();
    watch(address(server));
    Socket accepted = server.accept();
    assertEquals("listens", nextTold());
    server.close();
    assertNull(told.poll(200, TimeUnit.MILLISECONDS));
    accepted.close();
    assertEquals("gone", nextTold());
    assertEquals("gone", nextTold());
    keep(new ServerSocket(server.getLocalPort(), 50, InetAddress.getByName("127.0.0.1")));
    assertEquals("listens", skip("gone"));
  }

  private String skip(String word) throws Exception {
    String next = nextTold();
    while (next.equals(word)) {
      next = nextTold();
    }
    return next;
  }

  @Test
  void probesTellWhoListensFromWhoRefuses() throws Exception {
    ServerSocket server = listen();
    assertEquals(CrashWatch.Probe.LISTENS, probe(address(server)));
    server.close();
    assertEquals(CrashWatch.Probe.REFUSES, probe(address(server)));
    assertEquals(CrashWatch.Probe.SILENT, probe("no.such.host.invalid:1"));
  }

  private CrashWatch.Probe probe(String address) throws Exception {
    return watch.probe(address).toCompletableFuture().get(20, TimeUnit.SECONDS);
  }

  @Test
  void nothingIsToldAfterTheEnd() throws Exception {
    ServerSocket server = listen();
    watch(address(server));
    assertEquals("listens", nextTold());
    watch.close();
    server.close();
    assertNull(told.poll(700, TimeUnit.MILLISECONDS));
    assertEquals(CrashWatch.Probe.SILENT, probe(address(server)));
  }

  // With members.

  /** Two members here and one in a process of its own. */
  private final class Three {
    final TestArbiter arbiter = new TestArbiter("one");
    final TestMember n1 = keep(member("n1"));
    final TestMember n2 = keep(member("n2"));
    final Process child;
    final String childAddress;

    Three() throws Exception {
      child = MemberProcess.start(n1.address(), SLOW_DETECTOR);
      keep(
          () -> {
            child.destroyForcibly();
            child.onExit().join();
          });
      BufferedReader output =
          new BufferedReader(new InputStreamReader(child.getInputStream(), StandardCharsets.UTF_8));
      String line = output.readLine();
      while (line != null && !line.startsWith("127.0.0.1:")) {
        line = output.readLine();
      }
      assertNotNull(line, "the process has not started");
      childAddress = line;
      awaitMembers(n1.address(), n2.address(), childAddress);
    }

    private TestMember member(String nodeId) {
      return TestMember.start(
          nodeId, "one", arbiter.way(), 0, List.of(), ConfigFactory.parseString(SLOW_DETECTOR));
    }

    void awaitMembers(String... addresses) {
      Set<String> expected = new TreeSet<>(List.of(addresses));
      long endNanos = System.nanoTime() + Duration.ofSeconds(40).toNanos();
      while (!n1.sees().equals(expected) || !n2.sees().equals(expected)) {
        assertTrue(System.nanoTime() - endNanos < 0, "members are " + n1 + ", " + n2);
        LockSupport.parkNanos(Duration.ofMillis(1).toNanos());
      }
    }

    void signal(String name) throws Exception {
      int code =
          new ProcessBuilder("kill", "-" + name, Long.toString(child.pid())).start().waitFor();
      assertEquals(0, code);
    }
  }

  @Test
  void aMemberThatIsKilledIsRemovedWithoutWaitingForHeartbeats() throws Exception {
    Three three = new Three();
    LockSupport.parkNanos(Duration.ofSeconds(1).toNanos());
    long startedNanos = System.nanoTime();
    three.signal("KILL");
    three.awaitMembers(three.n1.address(), three.n2.address());
    System.out.println(
        "from SIGKILL to the removal of the member: "
            + TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startedNanos)
            + " ms");
    assertTrue(
        three.arbiter.putOuts().stream()
            .allMatch(decision -> decision.startsWith("out " + three.childAddress)));
  }

  @Test
  void aMemberThatIsPausedForASecondIsLeftAlone() throws Exception {
    Three three = new Three();
    three.signal("STOP");
    LockSupport.parkNanos(Duration.ofSeconds(1).toNanos());
    three.signal("CONT");
    LockSupport.parkNanos(Duration.ofSeconds(1).toNanos());
    three.awaitMembers(three.n1.address(), three.n2.address(), three.childAddress);
    assertEquals(List.of(), three.arbiter.putOuts());
  }
}
