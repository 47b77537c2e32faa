package storage;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import sql.Position;
import sql.StatementResult;
import sql.WriteOutcome;

/**
 * A replica over a file of its own, and what it told of the entries of its node's sessions. It
 * reads the file back by a connection of SQLite's own functions, but for those of mathematics.
 */
final class ReplicaFixture implements AutoCloseable {

  private final Path file;
  private ApplySettings settings;
  private EventApplier applier;
  final Map<Position, AppliedEntry> told = new TreeMap<>();

  ReplicaFixture(Path file, ApplySettings settings) throws ReplicaException {
    this.file = file;
    this.settings = settings;
    this.applier = EventApplier.open(file, settings);
  }

  static ReplicaFixture open(Path folder) throws ReplicaException {
    return new ReplicaFixture(folder.resolve("replica.db"), settings(false));
  }

  static ReplicaFixture withForeignKeys(Path folder) throws ReplicaException {
    return new ReplicaFixture(folder.resolve("replica.db"), settings(true));
  }

  static ApplySettings settings(boolean foreignKeys) {
    return limited(foreignKeys, 0, 0);
  }

  static ApplySettings limited(boolean foreignKeys, long stepLimit, long databaseBytesMax) {
    return new ApplySettings(
        EventChain.NODE, foreignKeys, stepLimit, 2 << 20, 16, 1 << 20, 16 << 20, databaseBytesMax);
  }

  EventApplier applier() {
    return applier;
  }

  Path file() {
    return file;
  }

  long seq() {
    return applier.position().seq();
  }

  /** Applies what of the chain is not applied yet. */
  ApplyResult apply(EventChain chain) {
    return apply(chain.events());
  }

  ApplyResult apply(List<StoredEvent> events) {
    return apply(events, Map.of(), false, entry -> {});
  }

  ApplyResult apply(
      List<StoredEvent> events,
      Map<Position, Entry.Verdict> verdicts,
      boolean oneByOne,
      EventApplier.EntryWatch watch) {
    return apply(events, verdicts, Set.of(), oneByOne, watch);
  }

  ApplyResult apply(
      List<StoredEvent> events,
      Map<Position, Entry.Verdict> verdicts,
      Set<Position> holds,
      boolean oneByOne,
      EventApplier.EntryWatch watch) {
    return applier.apply(
        events,
        verdicts,
        holds,
        oneByOne,
        watch,
        entries -> entries.forEach(entry -> told.put(entry.position(), entry)));
  }

  /** Applies the chain and tells what became of the request, times aside. */
  WriteOutcome outcome(EventChain chain, Position position) {
    ApplyResult result = apply(chain);
    if (!(result instanceof ApplyResult.Applied)) {
      throw new AssertionError(result.toString());
    }
    return outcome(position);
  }

  WriteOutcome outcome(Position position) {
    if (told.get(position) instanceof AppliedEntry.Taken taken) {
      return timeless(taken.outcome());
    }
    throw new AssertionError("nothing was taken at " + position + ", but: " + told);
  }

  /** Writes one request to the end of the chain, applies it and tells its results. */
  List<StatementResult> run(EventChain chain, sql.WriteRequest request) {
    return ((WriteOutcome.Executed) outcome(chain, chain.write(request))).results();
  }

  /** As {@link #run(EventChain, sql.WriteRequest)} with statements that stand for themselves. */
  List<StatementResult> run(EventChain chain, String... statements) {
    return run(chain, EventChain.statements(statements));
  }

  static WriteOutcome timeless(WriteOutcome outcome) {
    if (outcome instanceof WriteOutcome.Executed executed) {
      return new WriteOutcome.Executed(
          executed.results().stream().map(ReplicaFixture::timeless).toList(), executed.error());
    }
    return outcome instanceof WriteOutcome.Duplicate duplicate
        ? new WriteOutcome.Duplicate(
            duplicate.original(), duplicate.outcome().map(ReplicaFixture::timeless))
        : outcome;
  }

  private static StatementResult timeless(StatementResult result) {
    if (result instanceof StatementResult.Changed changed) {
      return new StatementResult.Changed(changed.rowsAffected(), changed.lastInsertId(), 0);
    }
    if (result instanceof StatementResult.Failed failed) {
      return new StatementResult.Failed(failed.message(), failed.code(), 0);
    }
    StatementResult.Rows rows = (StatementResult.Rows) result;
    return new StatementResult.Rows(rows.columns(), rows.rows(), 0);
  }

  static StatementResult inserted(long rows, long lastInsertId) {
    return new StatementResult.Changed(rows, OptionalLong.of(lastInsertId), 0);
  }

  static StatementResult changed(long rows) {
    return new StatementResult.Changed(rows, OptionalLong.empty(), 0);
  }

  static WriteOutcome executed(StatementResult... results) {
    return new WriteOutcome.Executed(List.of(results), Optional.empty());
  }

  void reopen() throws ReplicaException {
    reopen(settings);
  }

  void reopen(ApplySettings changed) throws ReplicaException {
    applier.close();
    settings = changed;
    applier = EventApplier.open(file, changed);
  }

  /** A replica over a copy that was made by {@link #copy}. */
  ReplicaFixture openCopy(Path copy) throws ReplicaException {
    return new ReplicaFixture(copy, settings);
  }

  /** Copies the files as they are, an open transaction included. */
  void copy(Path to) {
    try {
      Files.copy(file, to, StandardCopyOption.REPLACE_EXISTING);
      Path log = file.resolveSibling(file.getFileName() + "-wal");
      if (Files.exists(log)) {
        Files.copy(
            log, to.resolveSibling(to.getFileName() + "-wal"), StandardCopyOption.REPLACE_EXISTING);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What a query says to a plain connection, one string for each row. */
  List<String> read(String sql) throws SQLException {
    List<String> rows = new ArrayList<>();
    try (Connection connection = plain();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      int columns = row.getMetaData().getColumnCount();
      while (row.next()) {
        StringBuilder text = new StringBuilder();
        for (int i = 1; i <= columns; i++) {
          Object value = row.getObject(i);
          text.append(i == 1 ? "" : "|")
              .append(value instanceof byte[] bytes ? HexFormat.of().formatHex(bytes) : value);
        }
        rows.add(text.toString());
      }
    }
    return rows;
  }

  String digest() throws SQLException {
    try (Connection connection = plain()) {
      return HexFormat.of().formatHex(ContentDigest.of(connection));
    }
  }

  private Connection plain() throws SQLException {
    Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
    MathFunctions.install(connection); // as every connection that reads a replica has them
    return connection;
  }

  @Override
  public void close() {
    applier.close();
  }
}
