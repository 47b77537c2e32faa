package storage;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import sql.IdempotencyKey;
import sql.Position;
import sql.Statement;
import sql.WriteOutcome;
import sql.WriteRequest;

/**
 * Applies events to the local database, which is a pure function of the journal: same events, same
 * contents, whatever the node, its restarts, or how many events share a transaction.
 *
 * <p>The position is committed with the data it stands for, so a kill at any moment costs nothing
 * but catching up. Several events share one transaction; one is cut into several where SQLite
 * demands it:
 *
 * <ul>
 *   <li>A statement that ends the transaction by itself (OR ROLLBACK, RAISE(ROLLBACK)) or that is
 *       refused after the fact takes its neighbours with it. Everything is rolled back and done
 *       again with that statement's failure known in advance.
 *   <li>Deferred foreign keys are checked at COMMIT only, so where they exist each request has a
 *       transaction of its own, and without {@code transaction} each statement has.
 * </ul>
 *
 * <p>Failures of the node roll back, are reported and leave no trace. One thread, except {@link
 * #stop}.
 */
public final class EventApplier implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(EventApplier.class);

  /** What the clock by which keys age advances for one event, at most. */
  private static final long CLOCK_STEP_MAX_MICROS = 10_000_000;

  /** Stands for the commit of a request, where a statement's index stands otherwise. */
  private static final int COMMIT = -1;

  /** Told of what is being applied. */
  public interface EntryWatch {
    /** Called on the applying thread, before anything of the entry is done. */
    void before(Position position);

    /**
     * Asked every few seconds, on the applying thread, while a request runs without a limit; if it
     * was given up meanwhile, it is interrupted and held. Must not throw.
     */
    default boolean isGivenUp(Position position) {
      return false;
    }

    /** Told, on the applying thread, of a statement that took long. Must not throw. */
    default void slow(SlowApply slow) {}

    /**
     * Called, on the applying thread, where a scrub is ordered: everything up to event {@code seq}
     * is committed and nothing after it is applied, so that a read transaction that is opened
     * before this returns sees exactly that. Must not throw.
     *
     * @param timestampMicros the event's time
     */
    default void scrub(long seq, long timestampMicros, String journalId) {}
  }

  /**
   * A statement that took at least {@link ApplySettings#slowStatementNanos}.
   *
   * @param session the session that its request is numbered in
   * @param number the request's number there
   * @param ours whether that is a session of this node's
   */
  public record SlowApply(Position session, long number, boolean ours, SlowStatement statement) {}

  private record Place(Position position, int statement) {}

  private final Path file;
  private final ReplicaDatabase database;
  private final ApplySettings settings;
  private ReplicaState state;
  private final Sessions sessions;

  private EventApplier(Path file, ReplicaDatabase database, ApplySettings settings)
      throws SQLException {
    this.file = file;
    this.database = database;
    this.settings = settings;
    this.state = database.loadState();
    this.sessions = new Sessions();
    sessions.load(database.connection());
    database.useForeignKeys(state.foreignKeys());
  }

  /**
   * Opens the database, and creates it if it is missing.
   *
   * @throws ReplicaException if it cannot be opened; try again when the cause is gone
   */
  public static EventApplier open(Path file, ApplySettings settings) throws ReplicaException {
    try {
      ReplicaFiles.finishReplacing(file);
    } catch (IOException e) {
      throw new ReplicaException(
          "cannot put a loaded database in place: " + e, new SQLException(e.toString(), e));
    }
    ReplicaDatabase database = ReplicaDatabase.open(file, settings);
    try {
      return new EventApplier(file, database, settings);
    } catch (SQLException e) {
      database.close();
      throw new ReplicaException("cannot read " + file + ": " + SqliteErrors.message(e), e);
    }
  }

  /** What is applied now. */
  public ReplicaPosition position() {
    return new ReplicaPosition(
        state.seq, state.hash, state.journalId, Optional.ofNullable(state.settings));
  }

  /** How many statements of the request at this position, the next one, are committed already. */
  public int statementsApplied(Position at) {
    return at.seq() == state.seq + 1 && at.index() == state.index ? state.statement : 0;
  }

  /** Whether the request at this position is the next one. */
  public boolean standsBefore(Position at) {
    return at.seq() == state.seq + 1 && at.index() == state.index;
  }

  /** Whether the request at this position has been passed, whatever came of it. */
  public boolean isPast(Position at) {
    return at.seq() <= state.seq || (at.seq() == state.seq + 1 && at.index() < state.index);
  }

  /**
   * Whether the request at this position was given up here by a verdict.
   *
   * @throws ReplicaException if the database cannot be read now
   */
  public boolean isGivenUp(Position at) throws ReplicaException {
    try {
      return InternalTables.isAborted(database.statements(), at);
    } catch (SQLException e) {
      throw new ReplicaException("a verdict cannot be looked up: " + SqliteErrors.message(e), e);
    }
  }

  /** The sessions that are open now, with the nonces they were opened with. */
  public Map<Position, String> openSessions() {
    return sessions.nonces();
  }

  /** How many sessions are open now. */
  public int sessionCount() {
    return sessions.count();
  }

  /** The digest of all outcomes up to an event; empty if it is not kept, or cannot be read now. */
  public OptionalLong digest(long seq) {
    try {
      return InternalTables.digest(database.statements(), seq);
    } catch (SQLException e) {
      LOG.debug("the digest of event {} cannot be read", seq, e);
      return OptionalLong.empty();
    }
  }

  /**
   * How large the database is.
   *
   * @param bytes of all its pages
   * @param freeBytes of those that hold nothing
   */
  public record Pages(long bytes, long freeBytes) {}

  /** How large it is now; nothing if that cannot be read. */
  public Pages pages() {
    try {
      return database.pages();
    } catch (SQLException e) {
      LOG.debug("the number of pages cannot be read", e);
      return new Pages(0, 0);
    }
  }

  /** Size of the write-ahead log, in bytes. */
  public long walBytes() {
    return database.walBytes();
  }

  /**
   * Moves the write-ahead log into the database file and starts it anew.
   *
   * @return whether all of it was moved; readers can prevent it, then try later
   */
  public boolean checkpoint() {
    return database.checkpoint();
  }

  /** Whether a small transaction can be committed now, so that space is not what is missing. */
  public boolean hasSpace() {
    return database.hasSpace();
  }

  /** Interrupts what is being applied; it then ends with {@link ApplyResult.Failed}. Any thread. */
  public void stop() {
    database.steps().stop();
  }

  /**
   * Applies events that follow one another and what is applied already; those that are applied are
   * passed over.
   *
   * @param verdicts known decisions on requests that could not be applied
   * @param holds requests that are not to be applied without a verdict
   * @param oneByOne give each entry a transaction of its own, so that all before a failure stay
   * @param watch told before each entry
   * @param committed told after each commit
   */
  public ApplyResult apply(
      List<StoredEvent> events,
      Map<Position, Entry.Verdict> verdicts,
      Set<Position> holds,
      boolean oneByOne,
      EntryWatch watch,
      CommitListener committed) {
    Optional<String> misfit = foreignKeyProblem(state.settings);
    if (misfit.isPresent()) {
      return new ApplyResult.Broken(misfit.get());
    }
    Attempt attempt = new Attempt(verdicts, holds, watch, committed, oneByOne);
    try {
      List<Decoded> decoded = new ArrayList<>(events.size());
      Optional<String> broken = decode(events, decoded);
      while (true) {
        try {
          attempt.run(decoded);
          return broken.isEmpty()
              ? new ApplyResult.Applied()
              : new ApplyResult.Broken(broken.get());
        } catch (TransactionLost lost) {
          rollback();
          attempt.remember(lost);
        } catch (StepLimitExceeded exceeded) {
          rollback();
          attempt.stopBefore = attempt.position;
        }
      }
    } catch (HeldException held) {
      boolean steps = held.position.equals(attempt.stopBefore);
      return new ApplyResult.Held(
          held.position,
          steps
              ? "it took more than " + settings.stepLimit() + " steps"
              : "another node cannot apply it");
    } catch (ReplacedException replaced) {
      return undone(new ApplyResult.Replaced(replaced.position, replaced.applied));
    } catch (DiscardedException discarded) {
      return undone(new ApplyResult.Discarded(discarded.position));
    } catch (FormatException | ChainException e) {
      return undone(new ApplyResult.Broken(String.valueOf(e.getMessage())));
    } catch (EnvironmentFailure e) {
      return undone(
          new ApplyResult.Failed(attempt.position, String.valueOf(e.getMessage()), e.isDamaged()));
    } catch (SQLException e) {
      return undone(
          new ApplyResult.Failed(
              attempt.position, SqliteErrors.message(e), SqliteErrors.isDamage(e)));
    } catch (RuntimeException | OutOfMemoryError | StackOverflowError e) {
      // A defect, or no memory: nothing was committed for it, and it must not end the replica.
      LOG.error("request {} could not be applied", attempt.position, e);
      return undone(new ApplyResult.Failed(attempt.position, e.toString(), false));
    } finally {
      database.abandon();
    }
  }

  @Override
  public void close() {
    database.close();
  }

  private record Decoded(long seq, Event event, byte[] hash) {}

  /** Makes {@link #position} tell what is committed, as far as this node can still read it. */
  private ApplyResult undone(ApplyResult result) {
    try {
      rollback();
    } catch (SQLException ignored) {
      // The failure that led here is told already, and the database will be opened anew.
    }
    return result;
  }

  private Optional<String> foreignKeyProblem(@Nullable ReplicatedSettings replicated) {
    return replicated == null ? Optional.empty() : replicated.misfit(settings.foreignKeys());
  }

  /** Reads the events as far as they fit, and says why the rest does not. */
  private Optional<String> decode(List<StoredEvent> stored, List<Decoded> decoded) {
    try {
      decodeAll(stored, decoded);
      return Optional.empty();
    } catch (FormatException | ChainException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  /** Reads the events and checks that each follows the one before it. */
  private void decodeAll(List<StoredEvent> stored, List<Decoded> decoded)
      throws FormatException, ChainException {
    byte[] previousHash = state.hash;
    String journalId = state.journalId;
    long seq = state.seq;
    long timestamp = state.timestampMicros;
    for (StoredEvent one : stored) {
      if (one.seq() <= state.seq) {
        continue;
      }
      Event event = EventCodec.decode(one);
      if (one.seq() != seq + 1) {
        throw new ChainException("event " + one.seq() + " does not follow event " + seq);
      }
      if (seq > 0 && !event.journalId().equals(journalId)) {
        throw new ChainException(
            "event " + one.seq() + " is of journal " + event.journalId() + ", not " + journalId);
      }
      if (!Arrays.equals(event.previousHash(), previousHash)) {
        throw new ChainException(
            "event " + one.seq() + " does not follow what was applied as event " + seq);
      }
      if (event.timestampMicros() <= timestamp) {
        throw new ChainException("event " + one.seq() + " is not later than event " + seq);
      }
      previousHash = EventHash.of(one.bytes());
      journalId = event.journalId();
      seq = one.seq();
      timestamp = event.timestampMicros();
      decoded.add(new Decoded(seq, event, previousHash));
    }
  }

  /** Undoes everything since the last commit, in memory too. */
  private void rollback() throws SQLException {
    database.rollback();
    state = database.loadState();
    sessions.load(database.connection());
    database.useForeignKeys(state.foreignKeys());
  }

  /** One call of {@link #apply}: what is known from attempts that had to be rolled back. */
  private final class Attempt implements RequestRunner.Cut {

    private final Map<Position, Entry.Verdict> verdicts;
    private final Set<Position> holds;
    private final EntryWatch watch;
    private final CommitListener committed;
    private final Map<Place, TransactionLost> known = new HashMap<>();
    private final Set<Position> cut = new HashSet<>();
    private final List<AppliedEntry> applied = new ArrayList<>();
    private final List<AppliedChange> changes = new ArrayList<>();
    private boolean oneByOne;
    private @Nullable Position stopBefore;
    private Position position = new Position(0, 0);
    private int statement = COMMIT;
    private boolean statementsCut;
    private Position session = new Position(0, 0);
    private long number;
    private Decoded current = new Decoded(0, NOTHING, EventHash.none());

    Attempt(
        Map<Position, Entry.Verdict> verdicts,
        Set<Position> holds,
        EntryWatch watch,
        CommitListener committed,
        boolean oneByOne) {
      this.verdicts = verdicts;
      this.holds = holds;
      this.watch = watch;
      this.committed = committed;
      this.oneByOne = oneByOne;
    }

    /**
     * Keeps a failure for the next run. From now on each entry is committed by itself, so that a
     * batch full of such failures costs no more than their number.
     */
    void remember(TransactionLost lost) {
      known.put(new Place(position, statement), lost);
      oneByOne = true;
      forget();
      cut.add(position);
    }

    void run(List<Decoded> events)
        throws SQLException,
            FormatException,
            ChainException,
            HeldException,
            DiscardedException,
            ReplacedException,
            TransactionLost,
            EnvironmentFailure,
            StepLimitExceeded {
      forget();
      for (Decoded decoded : events) {
        if (decoded.seq <= state.seq) {
          continue;
        }
        current = decoded;
        List<Entry> entries = decoded.event.entries();
        for (int index = state.index; index < entries.size(); index++) {
          position = new Position(decoded.seq, index);
          boolean waits = holds.contains(position) && !verdicts.containsKey(position);
          if (waits || position.equals(stopBefore)) {
            commit();
            throw new HeldException(position);
          }
          watch.before(position);
          boolean own = apply(entries.get(index));
          state.index = index + 1;
          state.statement = 0;
          if (own || oneByOne) {
            statement = COMMIT;
            commit();
          }
        }
        finish(decoded);
        if (decoded.event.entries().stream().anyMatch(Entry.Scrub.class::isInstance)) {
          statement = COMMIT;
          commit();
          watch.scrub(decoded.seq, state.timestampMicros, state.journalId);
        }
      }
      statement = COMMIT;
      commit();
    }

    /** What was to be told of entries that are rolled back. */
    private void forget() {
      applied.clear();
      changes.clear();
    }

    private void finish(Decoded decoded) throws SQLException {
      database.begin();
      state.digests = Digest.add(state.digests, state.digest);
      InternalTables.saveDigest(database.statements(), decoded.seq, state.digests);
      state.clockMicros = clock();
      state.seq = decoded.seq;
      state.index = 0;
      state.digest = 0;
      state.hash = decoded.hash;
      state.journalId = decoded.event.journalId();
      state.timestampMicros = decoded.event.timestampMicros();
    }

    /** The clock by which keys age: the events' time, but a wild jump counts little. */
    private long clock() {
      long step = current.event.timestampMicros() - state.timestampMicros;
      return state.clockMicros + Math.min(CLOCK_STEP_MAX_MICROS, Math.max(0, step));
    }

    @Override
    public void commit() throws SQLException, TransactionLost, EnvironmentFailure {
      if (database.inTransaction()) {
        sessions.save(database.statements());
        InternalTables.savePosition(database.statements(), state);
        database.commit();
      }
      if (!applied.isEmpty()) {
        committed.entries(List.copyOf(applied));
        applied.clear();
      }
      if (!changes.isEmpty()) {
        committed.changes(List.copyOf(changes));
        changes.clear();
      }
    }

    /** Applies one entry; says whether it needs a transaction of its own. */
    private boolean apply(Entry entry)
        throws SQLException,
            FormatException,
            ChainException,
            DiscardedException,
            ReplacedException,
            TransactionLost,
            EnvironmentFailure,
            StepLimitExceeded {
      database.begin();
      Entry.Verdict known = verdicts.get(position);
      if (known != null && known.abort()) {
        InternalTables.saveAborted(database.statements(), position);
      }
      if (entry instanceof Entry.Submitted submitted) {
        return submit(submitted.session(), submitted.number(), submitted.request());
      }
      if (entry instanceof Entry.Part part) {
        byte[] whole = Parts.add(database.statements(), part);
        if (whole == null) {
          return false;
        }
        boolean own = submit(part.session(), part.number(), whole);
        Parts.clear(database.statements());
        return own;
      }
      if (entry instanceof Entry.Cancelled cancelled) {
        if (sessions.takes(cancelled.session(), cancelled.number())) {
          boolean ours = isOurs(cancelled.session());
          sessions.take(cancelled.session(), cancelled.number());
          if (ours) {
            applied.add(
                new AppliedEntry.GivenUp(position, cancelled.session(), cancelled.number()));
          }
        }
      } else if (entry instanceof Entry.SessionOpened opened) {
        openSession(opened);
      } else if (entry instanceof Entry.SessionClosed closed) {
        closed(closed.session(), isOurs(closed.session()));
        sessions.close(closed.session());
      } else if (entry instanceof Entry.Opened opened) {
        Optional<String> misfit = foreignKeyProblem(opened.settings());
        if (misfit.isPresent()) {
          throw new ChainException(misfit.get());
        }
        Parts.clear(database.statements());
        state.epoch = position.seq();
        state.settings = opened.settings();
        database.useForeignKeys(state.foreignKeys());
      } else if (entry instanceof Entry.Verdict verdict
          && verdict.abort()
          && !InternalTables.isAborted(database.statements(), verdict.position())) {
        throw new DiscardedException(verdict.position());
      } else if (entry instanceof Entry.Vacuum) {
        vacuum();
      }
      // Else a verdict was read ahead, when it was needed, and a scrub is begun behind its event.
      return false;
    }

    private void openSession(Entry.SessionOpened opened) {
      List<Position> gone = sessions.open(position, opened.nodeId(), opened.nonce());
      if (opened.nodeId().equals(settings.nodeId()) && sessions.isOpen(position)) {
        gone.forEach(session -> closed(session, true));
        applied.add(new AppliedEntry.SessionOpened(position, opened.nonce()));
      }
    }

    private void closed(Position session, boolean ours) {
      if (ours) {
        applied.add(new AppliedEntry.SessionClosed(position, session));
      }
    }

    private boolean isOurs(Position session) {
      return settings.nodeId().equals(sessions.nodeOf(session));
    }

    private boolean submit(Position session, long number, byte[] bytes)
        throws SQLException,
            FormatException,
            DiscardedException,
            ReplacedException,
            TransactionLost,
            EnvironmentFailure,
            StepLimitExceeded {
      this.session = session;
      this.number = number;
      if (LoadCodec.isLoadStep(bytes)) {
        return sessions.takes(session, number) && load(LoadCodec.decode(bytes));
      }
      boolean resumed = state.statement > 0;
      Entry.Verdict verdict = verdicts.get(position);
      if (verdict != null
          && verdict.abort()
          && verdict.statement() >= 0
          && state.statement > verdict.statement()) {
        throw new DiscardedException(position);
      }
      if (!resumed && !sessions.takes(session, number)) {
        return false;
      }
      boolean ours = isOurs(session);
      WriteOutcome outcome;
      boolean own = false;
      statementsCut = false;
      Optional<String> givenUp =
          verdict != null && verdict.abort() ? Optional.of(verdict.reason()) : Optional.empty();
      int runUpTo = verdict == null ? 0 : Math.max(0, verdict.statement());
      if (givenUp.isPresent() && !resumed && runUpTo == 0) {
        outcome = new WriteOutcome.Aborted(givenUp.get());
        take(session, number);
      } else {
        WriteRequest request = RequestCodec.decode(bytes);
        own = database.needsOwnTransaction(request, state.foreignKeys());
        statementsCut =
            !request.transaction() && (own || cut.contains(position) || resumed || runUpTo > 0);
        if ((own || statementsCut) && !resumed) {
          // Its neighbours must not be part of its transaction, nor its number of theirs.
          commit();
          database.begin();
        }
        IdempotencyKey key = request.key().orElse(null);
        byte[] hash = key == null ? bytes : RequestCodec.hashWithoutKey(request);
        ReplicatedSettings replicated = settingsOrThrow();
        WriteOutcome settled =
            key == null || resumed
                ? null
                : KeyStore.check(database.statements(), state, replicated, key, hash, clock());
        if (settled != null) {
          outcome = settled;
          take(session, number);
        } else {
          if (!resumed) {
            take(session, number);
          }
          long rowBytesMax = ours || key != null ? settings.resultBytesMax() : 0;
          if (key != null) {
            rowBytesMax = Math.max(rowBytesMax, KeyStore.rowBytesMin(replicated));
          }
          if (verdict == null && settings.stepLimit() > 0) {
            database.steps().begin(settings.stepLimit());
          } else {
            database.steps().beginUnlimited(() -> watch.isGivenUp(position));
          }
          WriteOutcome.Executed executed =
              new RequestRunner(database, state, this, current.event, position)
                  .run(request, rowBytesMax, statementsCut, givenUp, runUpTo);
          if (key != null) {
            KeyStore.remember(
                database.statements(),
                state,
                replicated,
                key,
                hash,
                position,
                database.isRepeatable(request) ? executed : null,
                clock());
          }
          outcome = executed;
          if (committed.wantsChanges() && isApplied(request, executed)) {
            changes.add(
                AppliedChange.of(
                    position,
                    current.event.timestampMicros(),
                    request,
                    executed.results(),
                    bytes.length));
          }
        }
      }
      tell(outcome);
      return own || statementsCut;
    }

    /** Takes a step of a load that this session has not taken yet; as {@link #apply} does. */
    private boolean load(LoadStep step)
        throws SQLException,
            FormatException,
            ReplacedException,
            TransactionLost,
            EnvironmentFailure,
            StepLimitExceeded {
      Entry.Verdict verdict = verdicts.get(position);
      if (step instanceof LoadStep.Finish) {
        // Like a request with deferred foreign keys: what is refused at its commit is its own.
        commit();
        database.begin();
      }
      take(session, number);
      WriteOutcome outcome;
      if (verdict != null && verdict.abort()) {
        outcome = new WriteOutcome.Aborted(verdict.reason());
        LoadPieces.clear(database.statements(), session, step.load());
      } else if (step instanceof LoadStep.Piece piece) {
        outcome = new WriteOutcome.Executed(List.of(), Optional.empty());
        LoadPieces.add(database.statements(), session, piece);
      } else if (step instanceof LoadStep.Finish finish) {
        outcome = finish(finish);
        LoadPieces.clear(database.statements(), session, step.load());
      } else {
        outcome = new WriteOutcome.Executed(List.of(), Optional.empty());
        LoadPieces.clear(database.statements(), session, step.load());
      }
      tell(outcome);
      return step instanceof LoadStep.Finish;
    }

    private void tell(WriteOutcome outcome) {
      state.digest = Digest.add(state.digest, outcomeKind(outcome));
      if (isOurs(session)) {
        applied.add(new AppliedEntry.Taken(position, session, number, outcome));
      }
    }

    private WriteOutcome finish(LoadStep.Finish finish)
        throws SQLException,
            FormatException,
            ReplacedException,
            TransactionLost,
            EnvironmentFailure,
            StepLimitExceeded {
      ReplicatedSettings replicated = settingsOrThrow();
      IdempotencyKey key = finish.key().orElse(null);
      byte[] hash = finish.sha256();
      if (key != null) {
        WriteOutcome settled =
            KeyStore.check(database.statements(), state, replicated, key, hash, clock());
        if (settled != null) {
          return settled;
        }
      }
      database.steps().beginUnlimited(() -> watch.isGivenUp(position));
      WriteOutcome.Executed outcome;
      try (InputStream content = LoadPieces.open(database.connection(), session, finish)) {
        if (finish.content() == LoadStep.Content.SCRIPT) {
          outcome =
              new RequestRunner(database, state, this, current.event, position)
                  .runScript(new LoadedScript.Reader(content));
        } else {
          LoadedDatabase.write(content, ReplicaFiles.loading(file), database.steps()::look);
          outcome = new WriteOutcome.Executed(List.of(), Optional.empty());
        }
      } catch (LoadPieces.IncompleteException incomplete) {
        return new WriteOutcome.Executed(
            List.of(), Optional.of("nothing is loaded: " + incomplete.getMessage()));
      } catch (LoadPieces.UnreadableException unreadable) {
        throw unreadable.failure();
      } catch (IOException e) {
        throw new EnvironmentFailure(new SQLException("cannot write what is loaded: " + e, e));
      }
      if (key != null) {
        KeyStore.remember(
            database.statements(), state, replicated, key, hash, position, outcome, clock());
      }
      if (finish.content() == LoadStep.Content.DATABASE) {
        replace(finish.load(), outcome);
      }
      return outcome;
    }

    /** Ends this attempt: the rest goes on with the loaded file. */
    private void replace(String load, WriteOutcome.Executed outcome)
        throws SQLException, EnvironmentFailure, ReplacedException {
      tell(outcome);
      state.index = position.index() + 1;
      state.statement = 0;
      sessions.save(database.statements());
      Path loading = ReplicaFiles.loading(file);
      try {
        LoadedDatabase.adopt(loading, database.connection(), state, session, load);
        Durability.rename(loading, ReplicaFiles.loaded(file));
      } catch (IOException e) {
        throw new EnvironmentFailure(new SQLException("cannot write what is loaded: " + e, e));
      }
      throw new ReplacedException(position, List.copyOf(applied));
    }

    /**
     * Changes nothing that anybody could see but the file's size, so a node that cannot do it goes
     * on without.
     */
    private void vacuum()
        throws SQLException, TransactionLost, EnvironmentFailure, ReplacedException {
      commit();
      state.index = position.index() + 1;
      Path loading = ReplicaFiles.loading(file);
      try {
        Files.deleteIfExists(loading);
        FreeSpace.require(file.resolveSibling(""), "it", Files.size(file));
        LoadedDatabase.writeAnew(file, loading, state);
        Durability.rename(loading, ReplicaFiles.loaded(file));
      } catch (SQLException | IOException e) {
        LOG.warn("the database could not be written anew without its free pages: {}", e.toString());
        database.begin();
        return;
      }
      throw new ReplacedException(position, List.of());
    }

    /** Whether anything of it may have stayed. */
    private static boolean isApplied(WriteRequest request, WriteOutcome.Executed executed) {
      return executed.error().isEmpty()
          && !(request.transaction()
              && executed.results().stream().anyMatch(StatementRunner::isFailure));
    }

    private void take(Position session, long number) {
      sessions.take(session, number);
    }

    private ReplicatedSettings settingsOrThrow() throws FormatException {
      ReplicatedSettings known = state.settings;
      if (known == null) {
        throw new FormatException("the journal orders a request before any sequencer opened");
      }
      return known;
    }

    @Override
    public @Nullable TransactionLost known(int statementIndex) {
      return known.get(new Place(position, statementIndex));
    }

    @Override
    public void at(int statementIndex) {
      statement = statementIndex;
    }

    @Override
    public void ran(Statement ran, long nanos) {
      if (settings.slowStatementNanos() > 0 && nanos >= settings.slowStatementNanos()) {
        watch.slow(
            new SlowApply(
                session,
                number,
                isOurs(session),
                new SlowStatement(ran.sql(), nanos, "write " + position)));
      }
    }
  }

  private static int outcomeKind(WriteOutcome outcome) {
    if (outcome instanceof WriteOutcome.Executed executed) {
      return executed.error().isPresent() ? 11 : 10;
    }
    if (outcome instanceof WriteOutcome.Duplicate) {
      return 12;
    }
    if (outcome instanceof WriteOutcome.KeyConflict) {
      return 13;
    }
    return outcome instanceof WriteOutcome.KeyStoreFull ? 14 : 15;
  }

  private static final Event NOTHING = new Event(1, "", EventHash.none(), 0, 0, 0, List.of());

  /** The events are not the ones that follow. */
  private static final class ChainException extends Exception {
    private static final long serialVersionUID = 1L;

    ChainException(String message) {
      super(message);
    }
  }

  /** Another database has been made, which follows what is committed in this one. */
  private static final class ReplacedException extends Exception {
    private static final long serialVersionUID = 1L;
    private final transient Position position;
    private final transient List<AppliedEntry> applied;

    ReplacedException(Position position, List<AppliedEntry> applied) {
      super("replaced", null, false, false);
      this.position = position;
      this.applied = applied;
    }
  }

  /** A request is given up that was committed here. */
  private static final class DiscardedException extends Exception {
    private static final long serialVersionUID = 1L;
    private final transient Position position;

    DiscardedException(Position position) {
      super("discarded", null, false, false);
      this.position = position;
    }
  }

  /** The request that is to be held has been reached; everything before it is committed. */
  private static final class HeldException extends Exception {
    private static final long serialVersionUID = 1L;
    private final transient Position position;

    HeldException(Position position) {
      super("held", null, false, false);
      this.position = position;
    }
  }
}
