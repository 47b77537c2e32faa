package peqlite;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import javax.sql.DataSource;

/**
 * What the same disk, the same SQLite and the same machine do without peqlite, measured in the same
 * run, because absolute figures of one machine say nothing about another.
 */
final class BenchYardsticks {

  /** One operation of a thread that repeats it; says what went wrong, or nothing. */
  interface Operation {
    /** Does it once. */
    String once() throws Exception;
  }

  /** Makes each thread its own operation, such as one with a connection of its own. */
  interface Factory {
    /** Called by the thread that will use it. */
    Operation create() throws Exception;
  }

  private static final int FSYNC_BYTES = 4096;

  private final Path directory;
  private final Duration warmup;
  private final Duration duration;

  /**
   * Yardsticks on the disk of a directory.
   *
   * @param directory exists, is empty, and is removed by the caller
   */
  BenchYardsticks(Path directory, Duration warmup, Duration duration) {
    this.directory = directory;
    this.warmup = warmup;
    this.duration = duration;
  }

  /** Appends 4 KiB and has the disk confirm it. */
  BenchResult fsync() throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            directory.resolve("fsync"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      ByteBuffer page = ByteBuffer.allocate(FSYNC_BYTES);
      return threads(
          "yardstick: fsync",
          1,
          () ->
              () -> {
                int unused = channel.write(page.rewind());
                channel.force(false);
                return "";
              });
    }
  }

  /** One thread that commits single rows durably: WAL and synchronous=FULL. */
  BenchResult inserts() throws SQLException {
    try (Connection connection = connect("inserts.db", "FULL")) {
      return inserts("yardstick: raw inserts, synchronous=FULL", connection);
    }
  }

  /** One thread that commits single rows in a PostgreSQL, each of them durably. */
  BenchResult postgresInserts(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("SET synchronous_commit = on");
      statement.execute("CREATE TABLE peqlite_bench (id BIGINT PRIMARY KEY, ts BIGINT, name TEXT)");
    }
    return inserts("yardstick: PostgreSQL inserts", connection);
  }

  private BenchResult inserts(String name, Connection connection) throws SQLException {
    try (PreparedStatement insert = connection.prepareStatement(BenchTable.INSERT)) {
      AtomicLong nextId = new AtomicLong(1);
      return threads(
          name,
          1,
          () ->
              () -> {
                bind(insert, nextId.getAndIncrement());
                return insert.executeUpdate() == 1 ? "" : "no row";
              });
    }
  }

  /** Point reads by threads with a connection each, from a table with so many rows. */
  BenchResult reads(int threads, long rows) throws SQLException {
    try (Connection writer = connect("reads.db", "OFF")) {
      fill(writer, rows);
      return reads(
          "yardstick: raw point reads",
          threads,
          rows,
          () -> DriverManager.getConnection(url("reads.db")));
    }
  }

  /** The same point reads by connections that a node hands out. */
  BenchResult dataSourceReads(int threads, long rows, DataSource source) throws SQLException {
    return reads("data source point reads", threads, rows, source::getConnection);
  }

  private interface Connector {
    Connection connect() throws SQLException;
  }

  private BenchResult reads(String name, int threads, long rows, Connector connector)
      throws SQLException {
    List<Connection> readers = new ArrayList<>();
    try {
      return threads(
          name,
          threads,
          () -> {
            Connection reader = connector.connect();
            synchronized (readers) {
              readers.add(reader);
            }
            PreparedStatement read = reader.prepareStatement(BenchTable.READ);
            return () -> readOne(read, ThreadLocalRandom.current().nextLong(rows) + 1);
          });
    } finally {
      for (Connection reader : readers) {
        reader.close();
      }
    }
  }

  /** The same point reads from a node's own file, on the threads that ask. */
  BenchResult localReads(int threads, long rows, BenchNodeTarget target) {
    return threads(
        "local point reads",
        threads,
        () -> () -> target.readHere(ThreadLocalRandom.current().nextLong(rows) + 1));
  }

  /** Runs an operation in threads that repeat it, first to warm up and then to measure. */
  private BenchResult threads(String name, int threads, Factory factory) {
    LatencyHistogram latencies = new LatencyHistogram();
    BenchErrors errors = new BenchErrors();
    long startNanos = System.nanoTime() + warmup.toNanos();
    long endNanos = startNanos + duration.toNanos();
    List<CompletableFuture<Void>> running = new ArrayList<>();
    for (int thread = 0; thread < threads; thread++) {
      running.add(
          started(
              () -> {
                Operation operation = factory.create();
                for (long now = System.nanoTime(); now < endNanos; ) {
                  String error = operation.once();
                  long after = System.nanoTime();
                  if (now >= startNanos) {
                    latencies.record(after - now);
                    errors.add(error);
                  }
                  now = after;
                }
              }));
    }
    running.forEach(CompletableFuture::join);
    double seconds = (System.nanoTime() - startNanos) / 1e9;
    return new BenchResult(
        name,
        threads,
        latencies.count() / seconds,
        latencies.percentileNanos(0.5),
        latencies.percentileNanos(0.99),
        latencies.maxNanos(),
        latencies.count(),
        errors.count(),
        errors.first());
  }

  private interface Loop {
    void run() throws Exception;
  }

  private static CompletableFuture<Void> started(Loop loop) {
    CompletableFuture<Void> ended = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                loop.run();
                ended.complete(null);
              } catch (Exception e) {
                ended.completeExceptionally(e);
              }
            },
            "bench");
    thread.setDaemon(true);
    thread.start();
    return ended;
  }

  private Connection connect(String file, String synchronous) throws SQLException {
    Connection connection =
        DriverManager.getConnection(url(file) + "?journal_mode=WAL&synchronous=" + synchronous);
    try (Statement statement = connection.createStatement()) {
      statement.executeUpdate(BenchTable.CREATE);
    }
    return connection;
  }

  private String url(String file) {
    return "jdbc:sqlite:" + directory.resolve(file);
  }

  private static void fill(Connection connection, long rows) throws SQLException {
    connection.setAutoCommit(false);
    try (PreparedStatement insert = connection.prepareStatement(BenchTable.INSERT)) {
      for (long id = 1; id <= rows; id++) {
        bind(insert, id);
        insert.executeUpdate();
      }
    }
    connection.commit();
    connection.setAutoCommit(true);
  }

  private static void bind(PreparedStatement insert, long id) throws SQLException {
    insert.setLong(1, id);
    insert.setLong(2, BenchTable.ts(id));
    insert.setString(3, BenchTable.name(id));
  }

  private static String readOne(PreparedStatement read, long id) throws SQLException {
    read.setLong(1, id);
    try (ResultSet row = read.executeQuery()) {
      boolean right =
          row.next()
              && row.getLong(1) == BenchTable.ts(id)
              && row.getString(2).equals(BenchTable.name(id));
      return right ? "" : "not the row that was asked for";
    }
  }
}
