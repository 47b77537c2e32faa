package process;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import process.Operation.Fate;
import process.Operation.ReadOperation;
import process.Operation.WriteOperation;

/**
 * Clients that write to and read from all nodes of a cluster at the same time, and remember what
 * they were told. A client turns to the next node when nobody listens at its own or its connection
 * breaks, and back after a while; apart from that it sends nothing twice, except writes with a key,
 * which it sends again, elsewhere, until it knows what became of them.
 *
 * <p>Whatever they write leaves rows in {@code log}, which nobody changes or removes, so that every
 * state tells which writes have taken effect.
 */
final class Workload implements AutoCloseable {

  /** To be executed before the clients start. */
  static final List<String> SCHEMA =
      List.of(
          "CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, marker TEXT NOT NULL,"
              + " part INTEGER NOT NULL, value INTEGER NOT NULL, bytes TEXT)",
          "CREATE TABLE register (name TEXT PRIMARY KEY, value INTEGER NOT NULL, marker TEXT)",
          "CREATE TRIGGER register_log AFTER UPDATE ON register BEGIN"
              + " INSERT INTO log (marker, part, value) VALUES (NEW.marker, 0, NEW.value); END",
          "INSERT INTO register (name, value) VALUES ('a', 0), ('b', 0), ('c', 0)");

  /** What every read asks for. */
  static final String STATE =
      "SELECT (SELECT count(*) FROM log), (SELECT coalesce(max(id), 0) FROM log),"
          + " (SELECT group_concat(name || '=' || value)"
          + " FROM (SELECT name, value FROM register ORDER BY name))";

  /** The deadline of every request. */
  static final Duration DEADLINE = Duration.ofSeconds(10);

  private static final Duration PATIENCE = DEADLINE.plusSeconds(3);
  private static final long AWAY_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final int THINK_MILLIS_MAX = 20;
  private static final int LARGE_BYTES = 1_200_000;
  private static final String INSERT = "INSERT INTO log (marker, part, value) VALUES (?, ?, ";
  private static final String[] LEVELS = {"none", "weak", "weak", "linearizable", "strong"};
  private static final ObjectMapper JSON = new ObjectMapper();

  private final List<ClusterNode> nodes;
  private final Random random;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final List<Future<?>> running = new ArrayList<>();
  private final Queue<Operation> history = new ConcurrentLinkedQueue<>();
  private final Queue<String> keyedAgain = new ConcurrentLinkedQueue<>();
  private final AtomicLong nextMarker = new AtomicLong();
  private final AtomicLong highestSeq = new AtomicLong();
  private final HttpClient http =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(2))
          .build();
  private volatile Predicate<ClusterNode> served = node -> true;
  private volatile boolean stopping;

  Workload(List<ClusterNode> nodes, Random random) {
    this.nodes = List.copyOf(nodes);
    this.random = random;
  }

  /** Lets clients turn to those nodes only that a service sends them to. */
  Workload through(Predicate<ClusterNode> service) {
    served = service;
    return this;
  }

  /** Adds so many clients to each node. */
  Workload start(int clientsPerNode) {
    stopping = false;
    for (int node = 0; node < nodes.size(); node++) {
      for (int i = 0; i < clientsPerNode; i++) {
        Client client = new Client(node, new Random(random.nextLong()));
        running.add(threads.submit(client::run));
      }
    }
    return this;
  }

  /** Lets the clients send no more, and waits for the answers. */
  void stop() throws Exception {
    stopping = true;
    for (Future<?> client : running) {
      client.get(PATIENCE.toSeconds() + 20, TimeUnit.SECONDS);
    }
    running.clear();
  }

  /** Sends the writes with a key and no known fate until they have one. */
  void settleKeyed(ClusterNode node) {
    Client client = new Client(nodes.indexOf(node), new Random(random.nextLong()));
    for (String marker = keyedAgain.poll(); marker != null; marker = keyedAgain.poll()) {
      client.write(Kind.KEYED, marker);
    }
  }

  /** Writes once, by the test's own thread. */
  WriteOperation write(ClusterNode node, Kind kind) {
    Client client = new Client(nodes.indexOf(node), new Random(random.nextLong()));
    return client.write(kind, client.marker(kind));
  }

  /** Reads once, by the test's own thread. */
  ReadOperation read(ClusterNode node, String level) {
    return new Client(nodes.indexOf(node), new Random(random.nextLong())).read(level, -1);
  }

  /** Waits until each of these nodes has taken a write that began after this call. */
  void awaitWrites(List<ClusterNode> at, Duration timeMax) throws Exception {
    long startNanos = System.nanoTime();
    for (ClusterNode node : at) {
      Eventually.eventually(
          "a write succeeds at " + node,
          timeMax,
          () ->
              history.stream()
                  .anyMatch(
                      operation ->
                          operation instanceof WriteOperation write
                              && write.fate() == Fate.APPLIED
                              && write.node().equals(node.id())
                              && write.startNanos() > startNanos));
    }
  }

  /** Everything that has been asked and answered so far, in the order of the answers. */
  List<Operation> history() {
    return List.copyOf(history);
  }

  @Override
  public void close() {
    stopping = true;
    threads.shutdownNow();
  }

  /** The ways to write. */
  enum Kind {
    /** One row. */
    PLAIN(1),
    /** Three statements, each for itself. */
    BATCH(3),
    /** Two statements together, which return their ids. */
    TRANSACTION(2),
    /** Adds one to a counter, and returns it. */
    INCREMENT(1),
    /** Two statements together, of which the second fails. */
    FAILING(0),
    /** One row, with an idempotency key. */
    KEYED(1),
    /** More than an event holds, so that it goes in parts. */
    LARGE(1);

    private final int rows;

    Kind(int rows) {
      this.rows = rows;
    }
  }

  /** One client; one thread. */
  private final class Client {

    private final int home;
    private final Random own;
    private int at;
    private long awayUntilNanos;

    Client(int home, Random own) {
      this.home = home;
      this.at = home;
      this.own = own;
    }

    Void run() throws InterruptedException {
      while (!stopping) {
        if (at != home && System.nanoTime() - awayUntilNanos >= 0) {
          at = home;
        }
        if (!served.test(nodes.get(at))) {
          turnAway();
          TimeUnit.MILLISECONDS.sleep(own.nextInt(THINK_MILLIS_MAX));
          continue;
        }
        int choice = own.nextInt(400);
        if (choice < 120) {
          String level = LEVELS[own.nextInt(LEVELS.length)];
          read(level, -1);
        } else if (choice < 150) {
          read("none", highestSeq.get());
        } else {
          Kind kind = kind(choice);
          String again = kind == Kind.KEYED ? keyedAgain.poll() : null;
          write(kind, again == null ? marker(kind) : again);
        }
        TimeUnit.MILLISECONDS.sleep(own.nextInt(THINK_MILLIS_MAX));
      }
      return null;
    }

    private Kind kind(int choice) {
      if (choice < 250) {
        return Kind.PLAIN;
      }
      if (choice < 290) {
        return Kind.BATCH;
      }
      if (choice < 320) {
        return Kind.TRANSACTION;
      }
      if (choice < 360) {
        return Kind.INCREMENT;
      }
      if (choice < 370) {
        return Kind.FAILING;
      }
      return choice < 399 ? Kind.KEYED : Kind.LARGE;
    }

    String marker(Kind kind) {
      return kind + "-" + nextMarker.incrementAndGet();
    }

    WriteOperation write(Kind kind, String marker) {
      ClusterNode node = nodes.get(at);
      long start = System.nanoTime();
      WriteOperation operation;
      try {
        Answer answer = Answer.of(http.send(request(node, kind, marker), ofString()));
        operation = answered(node, start, kind, marker, answer);
      } catch (IOException e) {
        turnAway();
        Fate fate = notSent(e) ? Fate.NOT_SENT : Fate.UNKNOWN;
        operation = operation(node, start, kind, marker, fate, -1, false, List.of(), words(e));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        operation =
            operation(node, start, kind, marker, Fate.UNKNOWN, -1, false, List.of(), words(e));
      }
      history.add(operation);
      highestSeq.accumulateAndGet(operation.seq(), Math::max);
      boolean known = operation.acknowledged();
      if (kind == Kind.KEYED && !known) {
        keyedAgain.add(marker);
      }
      return operation;
    }

    private WriteOperation answered(
        ClusterNode node, long start, Kind kind, String marker, Answer answer) {
      boolean committed = answer.status() == 504 && answer.outcome().equals("committed");
      Fate fate =
          switch (answer.status()) {
            case 200 -> answer.succeeded() ? Fate.APPLIED : Fate.FAILED;
            case 503 -> Fate.REFUSED;
            default -> committed ? Fate.COMMITTED : Fate.UNKNOWN;
          };
      long seq = committed ? answer.json().path("seq").asLong(-1) : answer.seq();
      List<Long> returned = new ArrayList<>();
      for (JsonNode result : answer.results()) {
        for (JsonNode row : result.path("values")) {
          returned.add(row.path(0).asLong());
        }
      }
      String detail = fate == Fate.APPLIED ? "" : answer.status() + " " + shortened(answer.text());
      return operation(node, start, kind, marker, fate, seq, answer.duplicate(), returned, detail);
    }

    private WriteOperation operation(
        ClusterNode node,
        long start,
        Kind kind,
        String marker,
        Fate fate,
        long seq,
        boolean duplicate,
        List<Long> returned,
        String detail) {
      return new WriteOperation(
          node.id(),
          start,
          System.nanoTime(),
          marker,
          kind.rows,
          kind == Kind.KEYED,
          fate,
          seq,
          duplicate,
          returned,
          detail);
    }

    ReadOperation read(String level, long minSeq) {
      ClusterNode node = nodes.get(at);
      String path =
          "/db/query?timeout="
              + DEADLINE.toSeconds()
              + "s&level="
              + level
              + (minSeq < 0 ? "" : "&min_seq=" + minSeq)
              + "&q="
              + URLEncoder.encode(STATE, StandardCharsets.UTF_8);
      long start = System.nanoTime();
      ReadOperation operation;
      try {
        Answer answer = Answer.of(http.send(to(node, path).GET().build(), ofString()));
        boolean rows = answer.succeeded();
        operation =
            new ReadOperation(
                node.id(),
                start,
                System.nanoTime(),
                level,
                minSeq,
                rows,
                answer.seq(),
                rows ? joined(answer.rows().path(0)) : "",
                rows ? "" : answer.status() + " " + shortened(answer.text()));
      } catch (IOException | InterruptedException e) {
        turnAway();
        operation =
            new ReadOperation(
                node.id(), start, System.nanoTime(), level, minSeq, false, -1, "", words(e));
        if (e instanceof InterruptedException) {
          Thread.currentThread().interrupt();
        }
      }
      history.add(operation);
      return operation;
    }

    private void turnAway() {
      at = (at + 1) % nodes.size();
      awayUntilNanos = System.nanoTime() + AWAY_NANOS;
    }

    private HttpRequest request(ClusterNode node, Kind kind, String marker) throws IOException {
      String path = kind == Kind.TRANSACTION || kind == Kind.FAILING ? "&transaction" : "";
      HttpRequest.Builder request =
          to(node, "/db/request?timeout=" + DEADLINE.toSeconds() + "s" + path);
      if (kind == Kind.KEYED) {
        request.header("Idempotency-Key", marker);
      }
      byte[] body = JSON.writeValueAsBytes(statements(kind, marker));
      return request.POST(HttpRequest.BodyPublishers.ofByteArray(body)).build();
    }

    private Object[] statements(Kind kind, String marker) {
      return switch (kind) {
        case PLAIN, KEYED -> all(row(INSERT + "random())", marker, 0));
        case BATCH ->
            all(
                row(INSERT + "1)", marker, 0),
                row(INSERT + "random())", marker, 1),
                row(INSERT + "CAST(strftime('%s', 'now') AS INTEGER))", marker, 2));
        case TRANSACTION ->
            all(
                row(INSERT + "0) RETURNING id", marker, 0),
                row(INSERT + "1) RETURNING id", marker, 1));
        case INCREMENT ->
            all(
                row(
                    "UPDATE register SET value = value + 1, marker = ? WHERE name = ?"
                        + " RETURNING value",
                    marker,
                    String.valueOf((char) ('a' + own.nextInt(3)))));
        case FAILING -> all(row(INSERT + "0)", marker, 0), row(INSERT + "NULL)", marker, 1));
        case LARGE ->
            all(
                row(
                    "INSERT INTO log (marker, part, value, bytes) VALUES (?, ?, 0, ?)",
                    marker,
                    0,
                    String.valueOf((char) ('a' + own.nextInt(26))).repeat(LARGE_BYTES)));
      };
    }
  }

  private static Object[] all(Object[]... statements) {
    return statements;
  }

  private static Object[] row(Object... sqlAndParameters) {
    return sqlAndParameters;
  }

  private static HttpRequest.Builder to(ClusterNode node, String pathAndQuery) {
    return HttpRequest.newBuilder(URI.create(node.url() + pathAndQuery)).timeout(PATIENCE);
  }

  private static HttpResponse.BodyHandler<String> ofString() {
    return HttpResponse.BodyHandlers.ofString();
  }

  private static boolean notSent(IOException failure) {
    return failure instanceof ConnectException || failure instanceof HttpConnectTimeoutException;
  }

  private static String words(Exception failure) {
    return failure instanceof HttpTimeoutException ? "no answer in time" : failure.toString();
  }

  /** The values of a row, as {@link JournalReplay} joins them. */
  private static String joined(JsonNode row) {
    List<String> values = new ArrayList<>();
    row.forEach(value -> values.add(value.asText()));
    return String.join("|", values);
  }

  private static String shortened(String text) {
    return text.length() <= 300 ? text : text.substring(0, 300) + "...";
  }
}
