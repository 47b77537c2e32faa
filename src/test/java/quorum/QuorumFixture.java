package quorum;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import storage.EventHash;
import storage.JournalException;
import storage.StoredEvent;
import storage.StoredEvents;

/** Several nodes' parts of a quorum in this process, each with a folder of its own. */
final class QuorumFixture implements AutoCloseable {

  /** For what takes a moment, unless a connection that broke is tried again ever more seldom. */
  private static final Duration MAX = Duration.ofSeconds(60);

  private static final List<byte[]> EVENTS = new ArrayList<>();

  /** One node; it keeps its identity and folder over restarts. */
  final class Node {

    final String name;
    final QuorumSettings settings;
    QuorumPart part = new QuorumPart();

    Node(String name, String bindHost) throws IOException {
      this.name = name;
      this.settings =
          new QuorumSettings(
              folder.resolve(name),
              name,
              "127.0.0.1",
              freePort(),
              bindHost,
              Duration.ofMillis(300),
              Duration.ofMillis(600));
    }

    String address() {
      return settings.host() + ":" + settings.port();
    }

    void start() throws JournalException {
      part = new QuorumPart();
      part.started(
          QuorumServer.start(settings, QuorumIdentity.load(settings.directory()).orElseThrow()));
    }

    void stop() {
      part.close();
    }

    QuorumServer server() throws JournalException {
      return part.server();
    }

    private boolean leads() {
      try {
        return part.server().division().getInfo().isLeaderReady();
      } catch (JournalException e) {
        return false;
      }
    }

    QuorumJournal journal() {
      return new QuorumJournal(part);
    }

    private Answer.@Nullable End end() {
      return end;
    }

    private void end(Answer.@Nullable End appended) {
      end = appended;
    }
  }

  private final Path folder;
  private final Map<String, Node> nodes = new LinkedHashMap<>();

  /** With what the last append has ended the journal, if it was not refused. */
  private volatile Answer.@Nullable End end;

  QuorumFixture(Path folder) {
    this.folder = folder;
  }

  /** Nodes that have formed a group and run. */
  QuorumFixture formed(int count) throws Exception {
    return formed(count, "");
  }

  /**
   * The same, of nodes that listen where the others do not look for them.
   *
   * @param bindHost where they listen; empty for where the others look
   */
  QuorumFixture formed(int count, String bindHost) throws Exception {
    List<QuorumIdentity.Peer> peers = new ArrayList<>();
    for (int number = 1; number <= count; number++) {
      Node node = add("n" + number, bindHost);
      peers.add(new QuorumIdentity.Peer(QuorumIdentity.newPeerId(node.name), node.address()));
    }
    UUID group = UUID.randomUUID();
    for (int i = 0; i < count; i++) {
      Node node = nodes().get(i);
      new QuorumIdentity(QuorumIdentity.Standing.PROPOSED, group, peers.get(i).id(), peers)
          .store(node.settings.directory());
      node.start();
    }
    return this;
  }

  Node add(String name) throws IOException {
    return add(name, "");
  }

  private Node add(String name, String bindHost) throws IOException {
    Node node = new Node(name, bindHost);
    nodes.put(name, node);
    return node;
  }

  /** By its number, from 1. */
  Node node(int number) {
    return nodes().get(number - 1);
  }

  List<Node> nodes() {
    return List.copyOf(nodes.values());
  }

  /** The node that leads and has begun to. */
  Node leader() throws Exception {
    List<Node> leading = new ArrayList<>();
    await("somebody leads", () -> nodes().stream().filter(Node::leads).anyMatch(leading::add));
    return leading.get(0);
  }

  /** Appends after the end as it is; whether the journal took it. */
  static boolean append(Node node, long seq, byte[] bytes) throws JournalException {
    QuorumCalls calls = node.server().calls();
    Answer.End end = node.end();
    if (end == null || end.highest() != seq - 1) {
      end = (Answer.End) calls.ask(new Question.AskEnd(), MAX);
    }
    Command.Append append = new Command.Append(seq, end.hash(), 1, "", bytes);
    boolean appended = calls.order(append, MAX) instanceof Answer.Appended;
    node.end(appended ? new Answer.End(seq, EventHash.of(bytes)) : null);
    return appended;
  }

  /** Waits until a node's own copy ends with an event, and returns all of it. */
  static List<StoredEvent> copy(Node node, long highest) throws Exception {
    QuorumTable copy = node.server().copyWith(highest, MAX);
    return copy.read(copy.first(), Integer.MAX_VALUE, Long.MAX_VALUE);
  }

  /** An event that follows the one with the number before. */
  static synchronized byte[] event(long seq) {
    while (EVENTS.size() < seq) {
      byte[] before =
          EVENTS.isEmpty() ? EventHash.none() : EventHash.of(EVENTS.get(EVENTS.size() - 1));
      byte[] entry = ("event " + (EVENTS.size() + 1)).getBytes(StandardCharsets.UTF_8);
      EVENTS.add(StoredEvents.following(before, entry));
    }
    return EVENTS.get((int) seq - 1).clone();
  }

  /** Does something to the file of a node's copy of the journal. */
  static void change(Node node, String sql, byte[]... parameters) throws SQLException {
    String url = "jdbc:sqlite:" + node.settings.directory().resolve("journal.db");
    try (Connection connection = DriverManager.getConnection(url + "?busy_timeout=5000");
        PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int i = 0; i < parameters.length; i++) {
        statement.setBytes(i + 1, parameters[i]);
      }
      statement.executeUpdate();
    }
  }

  /** Appends events whose bytes follow from their numbers. */
  static void append(Node node, long from, long to) throws JournalException {
    for (long seq = from; seq <= to; seq++) {
      assertTrue(append(node, seq, event(seq)), "event " + seq);
    }
  }

  /** Waits until a node's own copy holds such events up to one, and nothing else. */
  static void assertCopy(Node node, long highest) throws Exception {
    assertCopy(node, 1, highest);
  }

  /** Waits until a node's own copy holds such events from one to another, and nothing else. */
  static void assertCopy(Node node, long first, long highest) throws Exception {
    await("the copy is cut", () -> node.server().table().first() >= first);
    List<StoredEvent> events = copy(node, highest);
    assertEquals(first, events.get(0).seq());
    assertEquals(highest - first + 1, events.size());
    for (StoredEvent stored : events) {
      assertArrayEquals(event(stored.seq()), stored.bytes());
    }
  }

  /** Waits; a node that cannot say it yet says so by an exception. */
  static void await(String what, Callable<Boolean> condition) throws Exception {
    long deadlineNanos = System.nanoTime() + MAX.toNanos();
    while (true) {
      try {
        if (condition.call()) {
          return;
        }
      } catch (JournalException notYet) {
        if (System.nanoTime() > deadlineNanos) {
          throw notYet;
        }
      }
      assertTrue(System.nanoTime() < deadlineNanos, what);
      Thread.sleep(50);
    }
  }

  static int freePort() throws IOException {
    return QuorumAddress.freePort("127.0.0.1");
  }

  @Override
  public void close() {
    nodes.values().parallelStream().forEach(Node::stop); // each takes a second
  }
}
