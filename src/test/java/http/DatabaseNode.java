package http;

import actors.AbortResult;
import actors.ChangeLog;
import actors.KeyRecord;
import actors.MemberStatus;
import actors.MembershipResult;
import actors.Node;
import actors.NodeStatus;
import actors.PastAdmission;
import actors.QuorumPlace;
import actors.QuorumSide;
import actors.ReadAdmission;
import actors.ReadLevel;
import actors.ScrubOrder;
import actors.WriteAnswer;
import actors.WriteCaller;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import java.util.function.Supplier;
import org.sqlite.core.CoreStatement;
import sql.Column;
import sql.IdempotencyKey;
import sql.Position;
import sql.Statement;
import sql.StatementResult;
import sql.Value;
import sql.WriteOutcome;
import sql.WriteRequest;
import storage.LoadStep;
import storage.PastStates;
import storage.PastTarget;
import storage.ReadPool;
import storage.ReadSettings;
import storage.SqliteErrors;

/**
 * A node for tests: one real SQLite file that writes go to at once, and the real read pool over it.
 * Every answer can be replaced by the test.
 */
final class DatabaseNode implements Node, AutoCloseable {

  final List<WriteRequest> written = new ArrayList<>();

  /** What was to be loaded: its content and bytes. */
  final List<String> loaded = new CopyOnWriteArrayList<>();

  /** What becomes of it. */
  volatile Supplier<CompletionStage<WriteAnswer>> loadAnswer =
      () ->
          CompletableFuture.completedFuture(
              new WriteAnswer.Applied(
                  new Position(9, 0), new WriteOutcome.Executed(List.of(), Optional.empty())));

  final List<String> requestIds = new ArrayList<>();
  final CompositeMeterRegistry metrics = new CompositeMeterRegistry();
  final List<Duration> timeouts = new ArrayList<>();
  final List<ReadLevel> levels = new ArrayList<>();
  final Map<IdempotencyKey, KeyRecord> keys = new ConcurrentHashMap<>();

  /** Overrides what a write answers; null applies it. */
  volatile Function<WriteRequest, CompletionStage<WriteAnswer>> writeAnswer;

  volatile ReadAdmission admission = new ReadAdmission.Admitted();
  volatile PastAdmission past = new PastAdmission.Refused("nothing of the past is here");
  volatile Optional<String> sequencer = Optional.of("n1");
  volatile boolean ready = true;
  volatile Optional<String> problem = Optional.empty();
  volatile String replicaState = "applying";

  /** What is ahead of this node in the journal. */
  volatile long lag;

  /** Members of the cluster besides this node. */
  volatile List<MemberStatus> others = List.of();

  /** How long the members were waited for, last. */
  volatile Duration membersTimeout = Duration.ZERO;

  /** Where the sequencer was to be moved, in order; empty text for any node. */
  final List<String> moves = new CopyOnWriteArrayList<>();

  /** Why the sequencer cannot be moved. */
  volatile Optional<String> moveProblem = Optional.empty();

  /** What an operator wanted given up, in order. */
  final List<Position> aborts = new CopyOnWriteArrayList<>();

  /** What becomes of it. */
  volatile AbortResult abortResult = new AbortResult.Unknown();

  /** What becomes of a scrub. */
  volatile ScrubOrder scrubOrder = new ScrubOrder.Ordered(9);

  /** What is known of the last one. */
  volatile NodeStatus.Scrub scrub = new NodeStatus.Scrub(0, false, "", "", 0, Optional.empty());

  /** What becomes of a snapshot. */
  volatile CompletionStage<OptionalLong> snapshot =
      CompletableFuture.completedFuture(OptionalLong.of(7));

  /** What an operator wanted changed in the quorum, in order. */
  final List<String> changed = new CopyOnWriteArrayList<>();

  /** What becomes of it. */
  volatile MembershipResult change = new MembershipResult.Done();

  /** This node's part in the quorum. */
  volatile Optional<QuorumSide> quorum = Optional.empty();

  private final Connection connection;
  private final ReadPool reads;
  private final boolean foreignKeys;
  private long seq;

  DatabaseNode(Path directory, boolean foreignKeys) throws SQLException {
    Path file = directory.resolve("test.db");
    this.foreignKeys = foreignKeys;
    this.connection = DriverManager.getConnection("jdbc:sqlite:" + file);
    run("PRAGMA journal_mode=WAL");
    run("PRAGMA foreign_keys=" + foreignKeys);
    run("CREATE TABLE _peqlite_position (seq INTEGER)");
    run("INSERT INTO _peqlite_position VALUES (0)");
    this.reads = ReadPool.open(file, new ReadSettings(2, 100, foreignKeys, 1 << 20, 1 << 30));
  }

  /** A member that is away, and has its place in the quorum nevertheless. */
  static MemberStatus absent(boolean leads) {
    return new MemberStatus(
        "n3",
        "",
        "",
        "",
        false,
        false,
        false,
        OptionalLong.empty(),
        0,
        "",
        0,
        Optional.of(
            new QuorumPlace("n3-1", "h:1", leads, OptionalLong.of(7), OptionalLong.of(12))));
  }

  @Override
  public CompositeMeterRegistry metrics() {
    return metrics;
  }

  @Override
  public synchronized CompletionStage<WriteAnswer> write(
      WriteRequest request, Duration timeout, boolean queued, WriteCaller caller) {
    written.add(request);
    requestIds.add(caller.requestId());
    timeouts.add(timeout);
    Function<WriteRequest, CompletionStage<WriteAnswer>> override = writeAnswer;
    if (override != null) {
      return override.apply(request);
    }
    try {
      WriteOutcome outcome = apply(request);
      seq++;
      run("UPDATE _peqlite_position SET seq = " + seq);
      Position position = new Position(seq, 0);
      request.key().ifPresent(k -> keys.put(k, new KeyRecord(position, Optional.of(outcome))));
      return CompletableFuture.completedFuture(
          queued ? new WriteAnswer.Queued(position) : new WriteAnswer.Applied(position, outcome));
    } catch (SQLException broken) {
      throw new IllegalStateException(broken);
    }
  }

  private WriteOutcome apply(WriteRequest request) throws SQLException {
    List<StatementResult> results = new ArrayList<>();
    if (request.transaction()) {
      run("BEGIN");
    }
    List<Statement> statements = request.statements();
    for (int at = 0; at < statements.size(); at++) {
      StatementResult result = execute(statements.get(at));
      boolean failed = result instanceof StatementResult.Failed;
      while (failed && statements.get(at).joinedToNext()) {
        at++;
      }
      if (!statements.get(at).joinedToNext()) {
        results.add(result);
      }
      if (failed && request.transaction()) {
        run("ROLLBACK");
        return new WriteOutcome.Executed(results, Optional.empty());
      }
    }
    if (request.transaction()) {
      run("COMMIT");
    }
    return new WriteOutcome.Executed(results, Optional.empty());
  }

  private StatementResult execute(Statement statement) {
    try (PreparedStatement prepared = connection.prepareStatement(statement.sql())) {
      for (int i = 0; i < statement.parameters().size(); i++) {
        prepared.setObject(i + 1, plain(statement.parameters().get(i)));
      }
      if (((CoreStatement) prepared).pointer.safeRunInt((db, p) -> db.column_count(p)) > 0) {
        try (ResultSet rows = prepared.executeQuery()) {
          return rows(rows);
        }
      }
      long before = changes();
      prepared.execute();
      String verb = statement.sql().stripLeading().toUpperCase(Locale.ROOT);
      boolean insert = verb.startsWith("INSERT") || verb.startsWith("REPLACE");
      long affected = changes() - before;
      OptionalLong id =
          insert && affected > 0 ? OptionalLong.of(lastInsertId()) : OptionalLong.empty();
      return new StatementResult.Changed(affected, id, 1_000);
    } catch (SQLException failed) {
      return new StatementResult.Failed(SqliteErrors.message(failed), failed.getErrorCode(), 0);
    }
  }

  private static StatementResult rows(ResultSet rows) throws SQLException {
    List<Column> columns = new ArrayList<>();
    int count = rows.getMetaData().getColumnCount();
    for (int i = 1; i <= count; i++) {
      columns.add(new Column(rows.getMetaData().getColumnLabel(i), "", ""));
    }
    List<List<Value>> all = new ArrayList<>();
    while (rows.next()) {
      List<Value> row = new ArrayList<>();
      for (int i = 1; i <= count; i++) {
        row.add(value(rows.getObject(i)));
      }
      all.add(row);
    }
    return new StatementResult.Rows(columns, all, 1_000);
  }

  private static Value value(Object object) {
    if (object == null) {
      return Value.NULL;
    }
    if (object instanceof Number number && !(object instanceof Double)) {
      return new Value.Int64(number.longValue());
    }
    if (object instanceof Double real) {
      return new Value.Real(real);
    }
    return object instanceof byte[] bytes ? new Value.Blob(bytes) : new Value.Text("" + object);
  }

  private static Object plain(Value value) {
    if (value instanceof Value.Int64 integer) {
      return integer.value();
    }
    if (value instanceof Value.Real real) {
      return real.value();
    }
    if (value instanceof Value.Text text) {
      return text.value();
    }
    return value instanceof Value.Blob blob ? blob.value() : null;
  }

  private long changes() throws SQLException {
    return number("SELECT total_changes()");
  }

  private long lastInsertId() throws SQLException {
    return number("SELECT last_insert_rowid()");
  }

  /** The first column of the first row. */
  synchronized long number(String sql) throws SQLException {
    try (java.sql.Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      return rows.getLong(1);
    }
  }

  /** Runs SQL beside the interface. */
  synchronized void run(String sql) throws SQLException {
    try (java.sql.Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  @Override
  public CompletionStage<WriteAnswer> load(
      Path file,
      LoadStep.Content content,
      Optional<IdempotencyKey> key,
      Duration timeout,
      WriteCaller caller) {
    try {
      loaded.add(content + " " + Files.size(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return loadAnswer.get();
  }

  @Override
  public CompletionStage<ReadAdmission> admit(
      ReadLevel level, Optional<Duration> freshness, OptionalLong minSeq, Duration timeout) {
    levels.add(level);
    return CompletableFuture.completedFuture(admission);
  }

  @Override
  public CompletionStage<PastAdmission> past(
      PastTarget target,
      ReadLevel level,
      Optional<Duration> freshness,
      OptionalLong minSeq,
      Duration timeout) {
    return CompletableFuture.completedFuture(past);
  }

  @Override
  public ReadPool reads() {
    return reads;
  }

  @Override
  public CompletionStage<Optional<KeyRecord>> keyed(IdempotencyKey key, Duration timeout) {
    return CompletableFuture.completedFuture(Optional.ofNullable(keys.get(key)));
  }

  @Override
  public NodeStatus status() {
    return new NodeStatus(
        "n1",
        "127.0.0.1:7355",
        Instant.EPOCH,
        sequencer,
        1,
        "journal",
        seq + lag,
        seq,
        ready,
        replicaState,
        problem,
        0,
        7,
        4096,
        0,
        List.of(new NodeStatus.Snapshot("0000000000000000007-0123456789abcdef", 7, 4096)),
        scrub,
        new PastStates.Use(1, 8192, 0),
        Optional.of(new NodeStatus.Backups(true, "/backups", Optional.empty(), 7, 8, "")),
        quorum);
  }

  @Override
  public CompletionStage<List<MemberStatus>> members(Duration timeout) {
    membersTimeout = timeout;
    List<MemberStatus> all = new ArrayList<>();
    all.add(
        new MemberStatus(
            "n1",
            "http://127.0.0.1:4001",
            "127.0.0.1:7355",
            "0.1.0",
            true,
            true,
            sequencer.filter("n1"::equals).isPresent(),
            OptionalLong.of(12),
            3,
            "3.54.1",
            100_000,
            Optional.empty()));
    all.addAll(others);
    return CompletableFuture.completedFuture(all);
  }

  @Override
  public CompletionStage<MembershipResult> remove(String name, Duration timeout) {
    changed.add("remove " + name);
    return CompletableFuture.completedFuture(change);
  }

  @Override
  public CompletionStage<MembershipResult> replace(String name, Duration timeout) {
    changed.add("replace " + name);
    return CompletableFuture.completedFuture(change);
  }

  @Override
  public CompletionStage<ChangeLog.Cursor> changes(OptionalLong afterSeq) {
    throw new UnsupportedOperationException("nobody follows by HTTP");
  }

  @Override
  public CompletionStage<OptionalLong> snapshot() {
    return snapshot;
  }

  @Override
  public CompletionStage<ScrubOrder> scrub(Duration timeout) {
    timeouts.add(timeout);
    return CompletableFuture.completedFuture(scrubOrder);
  }

  @Override
  public CompletionStage<AbortResult> abort(Position position, Duration timeout) {
    aborts.add(position);
    return CompletableFuture.completedFuture(abortResult);
  }

  @Override
  public CompletionStage<Optional<String>> moveSequencer(
      Optional<String> nodeId, Duration timeout) {
    timeouts.add(timeout);
    moves.add(nodeId.orElse(""));
    return CompletableFuture.completedFuture(moveProblem);
  }

  @Override
  public boolean foreignKeys() {
    return foreignKeys;
  }

  @Override
  public void close() throws SQLException {
    reads.close();
    connection.close();
  }
}
