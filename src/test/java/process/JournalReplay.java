package process;

import java.io.ByteArrayOutputStream;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import process.Ledger.Effect;
import sql.Position;
import sql.Value;
import storage.ApplyResult;
import storage.ApplySettings;
import storage.ContentDigest;
import storage.Entry;
import storage.Event;
import storage.EventApplier;
import storage.EventCodec;
import storage.FormatException;
import storage.LoadCodec;
import storage.ReplicaFiles;
import storage.RequestCodec;
import storage.StoredEvent;

/**
 * Reads the journal straight from where it is kept and applies it, event by event, to a database of
 * its own, to know what the nodes must have shown and must hold.
 */
final class JournalReplay {

  private static final long CACHE_BYTES = 64L << 20;
  private static final long RESULT_BYTES_MAX = 1 << 20;
  private static final int QUIET_EVENTS = 256;

  /**
   * What the journal says.
   *
   * @param digests of the contents after the events that were asked for, as hexadecimal digits
   * @param outcomes digests of the outcomes, by event
   */
  record Result(Ledger ledger, Map<Long, String> digests, Map<Long, Long> outcomes) {}

  /** Where events come from. */
  interface Source {
    /** Calls for every event in order, from the first one on, without a gap. */
    void forEach(ClusterJournal.Action action) throws Exception;
  }

  private final Source journal;
  private final Map<String, List<Long>> ordered = new HashMap<>();
  private final Map<String, List<Effect>> effects = new HashMap<>();
  private final Map<Long, String> states = new HashMap<>();
  private final Map<Long, String> digests = new HashMap<>();
  private final ByteArrayOutputStream parts = new ByteArrayOutputStream();
  private long lastId;
  private long head;
  private long quietFrom;
  private long quietUntil;
  private boolean hasSchema;

  /** The nodes may be running, but should be idle. */
  JournalReplay(Source journal) {
    this.journal = journal;
  }

  /** Lets events from one to before another pass without looking at what each of them does. */
  JournalReplay quiet(long from, long until) {
    quietFrom = from;
    quietUntil = until;
    return this;
  }

  /**
   * Applies all of it.
   *
   * @param scratch a file that does not exist
   * @param stateAt after which events to look at the state
   * @param digestAt after which events to digest the contents
   */
  Result run(Path scratch, Set<Long> stateAt, Set<Long> digestAt) throws Exception {
    ApplySettings settings =
        new ApplySettings("nobody", false, 0, CACHE_BYTES, 256, RESULT_BYTES_MAX, 16 << 20, 0);
    Map<Position, Entry.Verdict> verdicts = verdicts();
    try (Scratch replica = new Scratch(scratch, settings)) {
      List<StoredEvent> quiet = new ArrayList<>();
      journal.forEach(
          event -> {
            long seq = event.seq();
            head = seq;
            quiet.add(event);
            if (seq >= quietFrom && seq < quietUntil && quiet.size() < QUIET_EVENTS) {
              return;
            }
            ApplyResult applied = replica.apply(quiet, verdicts);
            if (!(applied instanceof ApplyResult.Applied)) {
              throw new AssertionError("events up to " + seq + " cannot be applied: " + applied);
            }
            quiet.clear();
            Connection connection = replica.connection;
            noteOrder(seq, EventCodec.decode(event));
            hasSchema = hasSchema || hasSchema(connection);
            if (hasSchema) {
              noteEffects(connection, seq);
              if (stateAt.contains(seq)) {
                states.put(seq, state(connection));
              }
            }
            if (digestAt.contains(seq)) {
              digests.put(seq, HexFormat.of().formatHex(ContentDigest.of(connection)));
            }
          });
      return new Result(
          new Ledger(head, ordered, effects, states), digests, outcomeDigests(replica.connection));
    }
  }

  /** A database that may be replaced as the journal orders. */
  private static final class Scratch implements AutoCloseable {

    private final Path file;
    private final ApplySettings settings;
    private EventApplier applier;
    private Connection connection;

    Scratch(Path file, ApplySettings settings) throws Exception {
      this.file = file;
      this.settings = settings;
      open();
    }

    private void open() throws Exception {
      applier = EventApplier.open(file, settings);
      connection = DriverManager.getConnection("jdbc:sqlite:" + file);
    }

    ApplyResult apply(List<StoredEvent> events, Map<Position, Entry.Verdict> verdicts)
        throws Exception {
      while (true) {
        ApplyResult result =
            applier.apply(events, verdicts, Set.of(), false, position -> {}, entries -> {});
        if (!(result instanceof ApplyResult.Replaced)) {
          return result;
        }
        close();
        ReplicaFiles.replaceByLoaded(file);
        open();
      }
    }

    @Override
    public void close() throws SQLException {
      connection.close();
      applier.close();
    }
  }

  /** The digests of outcomes that a replica's file still holds, by event. */
  static Map<Long, Long> outcomeDigests(Connection connection) throws SQLException {
    Map<Long, Long> outcomes = new HashMap<>();
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("SELECT seq, digest FROM _peqlite_digests")) {
      while (row.next()) {
        outcomes.put(row.getLong(1), row.getLong(2));
      }
    }
    return outcomes;
  }

  private Map<Position, Entry.Verdict> verdicts() throws Exception {
    Map<Position, Entry.Verdict> verdicts = new HashMap<>();
    journal.forEach(
        stored -> {
          for (Entry entry : EventCodec.decode(stored).entries()) {
            if (entry instanceof Entry.Verdict verdict) {
              // The first one holds, unless a later one gives up what was to run.
              verdicts.merge(
                  verdict.position(), verdict, (first, next) -> first.abort() ? first : next);
            }
          }
        });
    return verdicts;
  }

  private void noteOrder(long seq, Event event) throws FormatException {
    for (Entry entry : event.entries()) {
      if (entry instanceof Entry.Submitted submitted) {
        noteRequest(seq, submitted.request());
      } else if (entry instanceof Entry.Opened) {
        parts.reset();
      } else if (entry instanceof Entry.Part part) {
        if (part.index() == 0) {
          parts.reset();
        }
        parts.writeBytes(part.bytes());
        if (part.index() == part.count() - 1) {
          noteRequest(seq, parts.toByteArray());
        }
      }
    }
  }

  private void noteRequest(long seq, byte[] request) throws FormatException {
    if (LoadCodec.isLoadStep(request)) {
      return;
    }
    Optional<String> marker =
        RequestCodec.decode(request).statements().stream()
            .flatMap(statement -> statement.parameters().stream())
            .filter(Value.Text.class::isInstance)
            .map(value -> ((Value.Text) value).value())
            .findFirst();
    marker.ifPresent(text -> ordered.computeIfAbsent(text, none -> new ArrayList<>()).add(seq));
  }

  private static boolean hasSchema(Connection connection) throws SQLException {
    String last = "SELECT 1 FROM sqlite_schema WHERE name = 'register_log'";
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(last)) {
      return row.next();
    }
  }

  private void noteEffects(Connection connection, long seq) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            "SELECT id, marker, part, value FROM log WHERE id > ? ORDER BY id")) {
      statement.setLong(1, lastId);
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          lastId = row.getLong(1);
          effects
              .computeIfAbsent(row.getString(2), none -> new ArrayList<>())
              .add(new Effect(seq, lastId, row.getInt(3), row.getLong(4)));
        }
      }
    }
  }

  private static String state(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(Workload.STATE)) {
      row.next();
      return row.getString(1) + "|" + row.getString(2) + "|" + row.getString(3);
    }
  }
}
