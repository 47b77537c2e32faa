package process;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Clients that write at the same time, each until its node is gone, and remember what they were
 * told. They outlive the node's processes: what was sent with a key and not answered is sent again
 * to the next one.
 */
final class Writers implements AutoCloseable {

  /** The tables that {@link Kind} writes to; nothing in them keeps a write from standing twice. */
  static final List<String> SCHEMA =
      List.of(
          "CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, marker TEXT NOT NULL,"
              + " part INTEGER NOT NULL, bytes TEXT)",
          "CREATE INDEX log_marker ON log (marker)");

  /** As {@link #SCHEMA}, and deferred foreign keys, which cut events into several transactions. */
  static final List<String> DEFERRED_SCHEMA =
      List.of(
          "CREATE TABLE parent (id TEXT PRIMARY KEY)",
          "CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, marker TEXT NOT NULL,"
              + " part INTEGER NOT NULL, bytes TEXT,"
              + " parent TEXT REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
          "CREATE INDEX log_marker ON log (marker)");

  /** The ways to write. */
  enum Kind {
    /** One row. */
    PLAIN,
    /** Three statements, each for itself. */
    BATCH,
    /** Two statements together, which return their ids. */
    TRANSACTION,
    /** Two statements together, of which the second fails. */
    FAILING,
    /** One row, with a key by which it is sent again until its fate is known. */
    KEYED,
    /** A megabyte, which goes in parts. */
    LARGE,
    /** Many statements, each for itself; with deferred foreign keys each is a transaction. */
    CUT,
    /** A child and then its parent, together. */
    CHILD_FIRST,
    /** A child whose parent never comes. */
    ORPHAN
  }

  private static final String INSERT = "INSERT INTO log (marker, part) VALUES (?, ?)";
  private static final int LARGE_BYTES = 1_000_000;
  private static final int CUT_STATEMENTS = 40;

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final List<Future<?>> running = new ArrayList<>();
  private final Map<String, Write> writes = new ConcurrentHashMap<>();
  private final Queue<String> keyedAgain = new ConcurrentLinkedQueue<>();
  private final AtomicLong nextMarker = new AtomicLong();
  private final Random random;
  private volatile boolean stopping;

  Writers(Random random) {
    this.random = random;
  }

  /** Lets clients write to the node, one for each of the kinds, until it is gone. */
  void writeTo(NodeProcess node, Kind... kinds) {
    stopping = false;
    for (Kind kind : kinds) {
      long seed = random.nextLong();
      running.add(threads.submit(() -> write(node, kind, new Random(seed))));
    }
  }

  /** Lets the clients send no more, and waits for their answers. */
  void stop() throws Exception {
    stopping = true;
    awaitGone();
  }

  /** Waits until every client has noticed that its node is gone. */
  void awaitGone() throws Exception {
    for (Future<?> client : running) {
      client.get(60, TimeUnit.SECONDS);
    }
    running.clear();
  }

  /** Every write and the last thing its client was told. */
  Collection<Write> writes() {
    return writes.values();
  }

  /** The highest position that was told to a client. */
  long highestSeq() {
    return writes.values().stream().mapToLong(Write::seq).max().orElse(0);
  }

  /** How many rows there must be at least. */
  long rowsAcknowledged() {
    return writes.values().stream()
        .filter(write -> write.fate() == Write.Fate.APPLIED)
        .mapToLong(Write::rows)
        .sum();
  }

  /** Sends what has a key and no known fate until it has one. */
  void settleKeyed(NodeProcess node) throws Exception {
    for (String marker = keyedAgain.poll(); marker != null; marker = keyedAgain.poll()) {
      keep(keyed(node, marker));
    }
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }

  private Void write(NodeProcess node, Kind kind, Random own) throws Exception {
    boolean answered = true;
    while (answered && !stopping) {
      String again = kind == Kind.KEYED ? keyedAgain.poll() : null;
      String marker = again != null ? again : kind + "-" + nextMarker.incrementAndGet();
      try {
        keep(send(node, kind, marker, own));
      } catch (IOException | IllegalStateException e) {
        IOException failure = e instanceof IOException io ? io : new IOException(e);
        keep(Write.unanswered(marker, rows(kind), failure));
        answered = false;
      }
    }
    return null;
  }

  private static int rows(Kind kind) {
    return switch (kind) {
      case PLAIN, KEYED, LARGE, CHILD_FIRST -> 1;
      case TRANSACTION -> 2;
      case BATCH -> 3;
      case CUT -> CUT_STATEMENTS;
      case FAILING, ORPHAN -> 0;
    };
  }

  private static Write send(NodeProcess node, Kind kind, String marker, Random own)
      throws Exception {
    int rows = rows(kind);
    return switch (kind) {
      case PLAIN -> Write.answered(marker, rows, node.execute((Object) insert(marker, 0)));
      case KEYED -> keyed(node, marker);
      case BATCH, CUT -> Write.answered(marker, rows, node.execute(inserts(marker, rows)));
      case TRANSACTION ->
          Write.answered(
              marker,
              rows,
              node.post(
                  "/db/request?transaction",
                  row(INSERT + " RETURNING id", marker, 0),
                  row(INSERT + " RETURNING id", marker, 1)));
      case FAILING ->
          Write.answered(
              marker,
              rows,
              node.post("/db/execute?transaction", insert(marker, 0), row(INSERT, marker, null)));
      case LARGE -> {
        char letter = (char) ('a' + own.nextInt(26));
        String text = String.valueOf(letter).repeat(LARGE_BYTES);
        yield Write.answered(
            marker,
            rows,
            node.execute(
                (Object)
                    row(
                        "INSERT INTO log (marker, part, bytes) VALUES (?, ?, ?)",
                        marker,
                        0,
                        text)));
      }
      case CHILD_FIRST ->
          Write.answered(
              marker,
              rows,
              node.post(
                  "/db/execute?transaction",
                  row("INSERT INTO log (marker, part, parent) VALUES (?1, 0, ?1)", marker),
                  row("INSERT INTO parent (id) VALUES (?)", marker)));
      case ORPHAN ->
          Write.answered(
              marker,
              rows,
              node.execute(
                  (Object)
                      row("INSERT INTO log (marker, part, parent) VALUES (?1, 0, ?1)", marker)));
    };
  }

  private static Write keyed(NodeProcess node, String marker) throws Exception {
    Answer answer =
        node.post("/db/execute", Map.of("Idempotency-Key", marker), (Object) insert(marker, 0));
    return Write.answered(marker, 1, answer);
  }

  private void keep(Write write) {
    writes.put(write.marker(), write);
    if (write.marker().startsWith(Kind.KEYED.name()) && write.fate() == Write.Fate.UNKNOWN) {
      keyedAgain.add(write.marker());
    }
  }

  private static Object[] inserts(String marker, int count) {
    Object[] statements = new Object[count];
    Arrays.setAll(statements, part -> insert(marker, part));
    return statements;
  }

  private static Object[] insert(String marker, int part) {
    return row(INSERT, marker, part);
  }

  private static Object[] row(Object... sqlAndParameters) {
    return sqlAndParameters;
  }
}
