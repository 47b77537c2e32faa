package quorum;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.proto.RaftProtos.RaftConfigurationProto;
import org.apache.ratis.proto.RaftProtos.RoleInfoProto;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftClientRequest;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftGroupMemberId;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.server.storage.FileInfo;
import org.apache.ratis.server.storage.RaftStorage;
import org.apache.ratis.statemachine.SnapshotInfo;
import org.apache.ratis.statemachine.SnapshotRetentionPolicy;
import org.apache.ratis.statemachine.StateMachineStorage;
import org.apache.ratis.statemachine.TransactionContext;
import org.apache.ratis.statemachine.impl.BaseStateMachine;
import org.apache.ratis.thirdparty.com.google.protobuf.UnsafeByteOperations;
import org.apache.ratis.util.LifeCycle;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import storage.EventCodec;
import storage.FormatException;
import storage.JournalException;
import storage.StoredEvent;

/**
 * Applies the Raft log to this node's {@link QuorumTable}: one command after the other, several in
 * one SQLite transaction while they wait.
 *
 * <p>Ratis calls it on threads of its own; all changes are made on one thread here, in the order of
 * the log. A command that cannot be applied ends this node's part ({@link Owner#halted}): to leave
 * it out would make this node's journal another one.
 */
final class QuorumMachine extends BaseStateMachine {

  /**
   * Whoever runs the Raft server. Called on threads of Ratis or of this machine; must not block.
   */
  interface Owner {

    /** This node's part must end: what the disk holds is not known any more. */
    void halted(String what, Throwable cause);

    /** The table gives another thing than what was written to it. */
    void damaged(String what);

    /** The table holds more than before. */
    void advanced();

    /** Another server leads now, or none is known to (null). */
    void ledBy(@Nullable RaftPeerId leader);

    /**
     * Who is in the group, as far as this node knows.
     *
     * @throws JournalException if that is not known
     */
    QuorumMembers members() throws JournalException;

    /**
     * How far everybody is.
     *
     * @throws JournalException if this node does not lead
     */
    Answer.Progress progress() throws JournalException;

    /** So many bytes were applied since the last checkpoint. */
    void applied(long bytesSinceCheckpoint);
  }

  /** How a node that is far behind asks the leader for what it lacks. Blocks. */
  interface Source {
    Answer ask(RaftPeer leader, Question question) throws IOException;
  }

  private static final Logger LOG = LoggerFactory.getLogger(QuorumMachine.class);

  private static final int BATCH_MAX = 256;
  private static final int WAITING_BYTES_MAX = 16 << 20;

  private sealed interface Task {}

  /** An entry of the log. */
  private record Apply(TermIndex at, CommandApplier.Frame frame, CompletableFuture<Message> done)
      implements Task {

    int bytes() {
      return frame.command().length;
    }
  }

  private record Run(Callable<?> call, CompletableFuture<Object> done) implements Task {}

  private enum End implements Task {
    NOW
  }

  private final QuorumTable table;
  private final Source source;
  private final Owner owner;
  private final BlockingQueue<Task> tasks = new LinkedBlockingQueue<>();
  private final Semaphore waitingBytes = new Semaphore(WAITING_BYTES_MAX);
  private final Thread thread;
  private volatile @Nullable TermIndex checkpoint;
  private volatile boolean ended;
  private long bytesSinceCheckpoint;

  /** Owns the table from now on. */
  QuorumMachine(QuorumTable table, Source source, Owner owner) {
    this.table = table;
    this.source = source;
    this.owner = owner;
    if (table.entry() >= 0) {
      setLastAppliedTermIndex(TermIndex.valueOf(table.term(), table.entry()));
    }
    thread = new Thread(this::run, "peqlite-quorum-apply");
    thread.setDaemon(true);
  }

  // Start and end.

  @Override
  public void initialize(RaftServer server, RaftGroupId groupId, RaftStorage storage)
      throws IOException {
    super.initialize(server, groupId, storage);
    getLifeCycle().startAndTransition(this::begin, IOException.class);
  }

  /** Nothing counts as a checkpoint that was not synced: the start after a crash makes one. */
  private void begin() throws IOException {
    try {
      table.checkpoint();
    } catch (SQLException e) {
      throw new IOException("cannot write the journal: " + e.getMessage(), e);
    }
    if (table.entry() >= 0) {
      checkpoint = TermIndex.valueOf(table.term(), table.entry());
    }
    thread.start();
  }

  @Override
  public void pause() {
    if (getLifeCycleState() == LifeCycle.State.RUNNING) {
      getLifeCycle().transition(LifeCycle.State.PAUSING);
      getLifeCycle().transition(LifeCycle.State.PAUSED);
    }
  }

  @Override
  public void reinitialize() {
    if (getLifeCycleState() == LifeCycle.State.PAUSED) {
      getLifeCycle().startAndTransition(() -> {});
    }
  }

  @Override
  public void close() {
    ended = true;
    tasks.add(End.NOW);
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    table.close();
  }

  // What is ordered.

  /** On the leader: the time of a command is the leader's, the same for all who apply it. */
  @Override
  public TransactionContext startTransaction(RaftClientRequest request) {
    return TransactionContext.newBuilder()
        .setStateMachine(this)
        .setClientRequest(request)
        .setLogData(CommandApplier.frame(request.getMessage().getContent()))
        .build();
  }

  @Override
  public CompletableFuture<Message> applyTransaction(TransactionContext transaction) {
    LogEntryProto entry = transaction.getLogEntry();
    Apply apply =
        new Apply(
            TermIndex.valueOf(entry.getTerm(), entry.getIndex()),
            CommandApplier.frameOf(entry.getStateMachineLogEntry().getLogData()),
            new CompletableFuture<>());
    if (!ended) {
      waitingBytes.acquireUninterruptibly(waitingBytes(apply));
    }
    tasks.add(apply);
    if (ended) {
      // Whoever ends the server waits for all that it has asked for.
      apply.done().completeExceptionally(closed());
    }
    return apply.done();
  }

  private static int waitingBytes(Apply apply) {
    return Math.min(apply.bytes(), WAITING_BYTES_MAX);
  }

  private static IOException closed() {
    return new IOException("the journal is closed");
  }

  /**
   * An entry without a command. Ratis takes it for applied when this returns, and lets those read
   * who wait for it, so that everything before it must be.
   */
  @Override
  public void notifyTermIndexUpdated(long term, long index) {
    try {
      run(() -> {
            table.commit(term, index);
            updateLastAppliedTermIndex(term, index);
            return true;
          })
          .get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException e) {
      if (!ended) {
        owner.halted("the journal cannot be written: " + e.getMessage(), e);
      }
    }
  }

  private CompletableFuture<Object> run(Callable<?> call) {
    CompletableFuture<Object> done = new CompletableFuture<>();
    tasks.add(new Run(call, done));
    if (ended) {
      done.completeExceptionally(closed());
    }
    return done;
  }

  // The one thread.

  private void run() {
    List<Apply> batch = new ArrayList<>();
    Task task = null;
    try {
      task = tasks.take();
      while (task != End.NOW) {
        if (task instanceof Run run) {
          run(run);
          task = tasks.take();
          continue;
        }
        batch.clear();
        while (task instanceof Apply apply && batch.size() < BATCH_MAX) {
          batch.add(apply);
          task = tasks.poll();
        }
        apply(batch);
        if (task == null) {
          task = tasks.take();
        }
      }
    } catch (SQLException | FormatException | RuntimeException e) {
      ended = true;
      owner.halted("the journal cannot be written: " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      ended = true;
      waitingBytes.release(WAITING_BYTES_MAX);
      // Who closes the server waits for each of them, those in hand too.
      batch.forEach(QuorumMachine::fail);
      if (task != null) {
        fail(task);
      }
      failWaiting();
    }
  }

  /** Whoever waits hears that nothing is known. */
  private void failWaiting() {
    for (Task task = tasks.poll(); task != null; task = tasks.poll()) {
      fail(task);
    }
  }

  /** Does nothing to what was answered before. */
  private static void fail(Task task) {
    if (task instanceof Run run) {
      run.done().completeExceptionally(closed());
    } else if (task instanceof Apply apply) {
      apply.done().completeExceptionally(closed());
    }
  }

  private static void run(Run run) {
    try {
      run.done().complete(run.call().call());
    } catch (Exception e) {
      run.done().completeExceptionally(e);
    }
  }

  private void apply(List<Apply> batch) throws SQLException, FormatException {
    long highest = table.highest();
    List<Answer> answers = new ArrayList<>(batch.size());
    long bytes = 0;
    for (Apply apply : batch) {
      answers.add(CommandApplier.apply(table, apply.frame()));
      bytes += apply.bytes();
    }
    TermIndex last = batch.get(batch.size() - 1).at();
    table.commit(last.getTerm(), last.getIndex());
    updateLastAppliedTermIndex(last);
    for (int i = 0; i < batch.size(); i++) {
      Apply apply = batch.get(i);
      waitingBytes.release(waitingBytes(apply));
      apply.done().complete(message(answers.get(i)));
    }
    bytesSinceCheckpoint += bytes;
    owner.applied(bytesSinceCheckpoint);
    if (table.highest() != highest) {
      owner.advanced();
    }
  }

  // What is asked.

  @Override
  public CompletableFuture<Message> query(Message request) {
    try {
      Question question = MessageCodec.question(request.getContent().toByteArray());
      if (question instanceof Question.AskState) {
        // In between two transactions, so that its parts belong together.
        return run(table::state).thenApply(state -> message((Answer) state));
      }
      return CompletableFuture.completedFuture(message(answer(question)));
    } catch (FormatException | SQLException | JournalException e) {
      return CompletableFuture.failedFuture(new IOException(e.getMessage(), e));
    }
  }

  /** Nobody asks for the state at a certain entry without a linearizable read. */
  @Override
  public CompletableFuture<Message> queryStale(Message request, long minIndex) {
    return query(request);
  }

  private Answer answer(Question question) throws SQLException, JournalException {
    if (question instanceof Question.AskRows ask) {
      return new Answer.Rows(rows(ask));
    }
    if (question instanceof Question.AskKnown) {
      return new Answer.Known(table.ledger().known(Clocks.micros()));
    }
    if (question instanceof Question.AskMembers) {
      QuorumMembers members = owner.members();
      return new Answer.Members(members.voters(), members.listeners());
    }
    if (question instanceof Question.AskProgress) {
      return owner.progress();
    }
    if (question instanceof Question.AskClock) {
      return new Answer.Clock(Clocks.micros());
    }
    return table.end();
  }

  private List<Answer.Row> rows(Question.AskRows ask) throws SQLException, JournalException {
    try {
      List<Answer.Row> rows =
          table.rows(ask.from(), BATCH_MAX, Math.min(ask.bytesMax(), RowTransfer.BYTES));
      for (Answer.Row row : rows) {
        EventCodec.requireIntact(new StoredEvent(row.seq(), row.payload()));
      }
      return rows;
    } catch (FormatException e) {
      owner.damaged(String.valueOf(e.getMessage()));
      throw new CopyDamagedException("this member's copy is damaged: " + e.getMessage(), e);
    } catch (SQLException e) {
      if (CopyDamagedException.isDamage(e)) {
        owner.damaged(String.valueOf(e.getMessage()));
      }
      throw e;
    }
  }

  private static Message message(Answer answer) {
    return Message.valueOf(UnsafeByteOperations.unsafeWrap(MessageCodec.encode(answer)));
  }

  // Checkpoints, before which the Raft log need not keep anything.

  @Override
  public long takeSnapshot() throws IOException {
    try {
      return (Long) run(this::checkpoint).get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    } catch (ExecutionException e) {
      throw new IOException("cannot write the journal: " + e.getMessage(), e);
    }
  }

  private long checkpoint() throws SQLException {
    table.checkpoint();
    bytesSinceCheckpoint = 0;
    checkpoint = TermIndex.valueOf(table.term(), table.entry());
    return table.entry();
  }

  @Override
  public @Nullable SnapshotInfo getLatestSnapshot() {
    TermIndex at = checkpoint;
    return at == null ? null : new Checkpoint(at);
  }

  private record Checkpoint(TermIndex at) implements SnapshotInfo {
    @Override
    public TermIndex getTermIndex() {
      return at;
    }

    /** Nothing is sent as files. */
    @Override
    public List<FileInfo> getFiles() {
      return List.of();
    }
  }

  @Override
  public StateMachineStorage getStateMachineStorage() {
    return new StateMachineStorage() {
      @Override
      public void init(RaftStorage storage) {}

      @Override
      public @Nullable SnapshotInfo getLatestSnapshot() {
        return QuorumMachine.this.getLatestSnapshot();
      }

      @Override
      public void format() {}

      @Override
      public void cleanupOldSnapshots(SnapshotRetentionPolicy policy) {}
    };
  }

  /** The leader's log no longer begins early enough: take over what it has made of it. */
  @Override
  public CompletableFuture<TermIndex> notifyInstallSnapshotFromLeader(
      RoleInfoProto role, TermIndex firstInLog) {
    CompletableFuture<TermIndex> installed = new CompletableFuture<>();
    RaftPeer leader =
        org.apache.ratis.protocol.RaftPeer.newBuilder()
            .setId(RaftPeerId.valueOf(role.getFollowerInfo().getLeaderInfo().getId().getId()))
            .setAddress(role.getFollowerInfo().getLeaderInfo().getId().getAddress())
            .build();
    Thread copying =
        new Thread(
            () -> {
              try {
                installed.complete(copy(leader));
              } catch (IOException | InterruptedException | ExecutionException e) {
                LOG.warn("the journal cannot be copied from {}: {}", leader.getId(), e.toString());
                installed.completeExceptionally(e);
              }
            },
            "peqlite-quorum-copy");
    copying.setDaemon(true);
    copying.start();
    return installed;
  }

  private TermIndex copy(RaftPeer leader)
      throws IOException, InterruptedException, ExecutionException {
    Answer.End own = (Answer.End) run(table::end).get();
    LOG.info("copies the journal behind event {} from {}", own.highest(), leader.getId());
    Answer.State state;
    try {
      state = RowTransfer.copy(question -> source.ask(leader, question), own, this::stage);
    } catch (SQLException e) {
      throw new IOException("cannot write the journal: " + e.getMessage(), e);
    }
    return (TermIndex) run(() -> adopt(state)).get();
  }

  private void stage(List<Answer.Row> rows) throws IOException {
    try {
      run(() -> {
            table.stage(rows);
            return true;
          })
          .get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException();
    } catch (ExecutionException e) {
      if (CopyDamagedException.isDamage(e)) {
        owner.damaged(String.valueOf(e.getMessage()));
      }
      throw new IOException("cannot write the journal: " + e.getMessage(), e);
    }
  }

  private TermIndex adopt(Answer.State state) throws SQLException, FormatException {
    table.adopt(state);
    table.checkpoint();
    TermIndex at = TermIndex.valueOf(table.term(), table.entry());
    updateLastAppliedTermIndex(at);
    checkpoint = at;
    owner.advanced();
    return at;
  }

  // What Ratis tells.

  @Override
  public void notifyLogFailed(Throwable cause, @Nullable LogEntryProto failedEntry) {
    owner.halted("the Raft log cannot be written: " + cause.getMessage(), cause);
  }

  @Override
  public void notifyLeaderChanged(RaftGroupMemberId member, @Nullable RaftPeerId leader) {
    owner.ledBy(leader);
  }

  @Override
  public void notifyConfigurationChanged(
      long term, long index, RaftConfigurationProto configuration) {
    LOG.info(
        "the quorum's voters: {}, listeners: {}",
        configuration.getPeersList().stream().map(peer -> peer.getId().toStringUtf8()).toList(),
        configuration.getListenersList().stream()
            .map(peer -> peer.getId().toStringUtf8())
            .toList());
  }
}
