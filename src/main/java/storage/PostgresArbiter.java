package storage;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import storage.ArbiterState.Admission;
import storage.ArbiterState.Heard;
import storage.ArbiterState.ProcessKey;

/**
 * The arbiter of a journal in PostgreSQL: three small tables beside the journal's.
 *
 * <p>Every decision is one short transaction that begins by locking the one row of {@code
 * peqlite_cluster}, so that decisions have one order and each sees those before it. A decision is a
 * row, not a lease: it does not end by itself, and a process that comes back after any time finds
 * that it was put out. Only the database's clock is used, and only for who is heard of: see {@link
 * ArbiterState} for what follows from that.
 *
 * <p>Decisions may be asked for again when their answer was lost. Each call takes at most about 10
 * s, even when the server is frozen. {@link PostgresJournal#prepare} creates the tables.
 */
public final class PostgresArbiter implements Arbiter {

  private static final int STATEMENT_TIMEOUT_MILLIS = 3000;

  /** For how long it is remembered who was put out; a process is not frozen for longer. */
  private static final long FORGET_MICROS = 7L * 24 * 3600 * 1_000_000;

  private static final String NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

  private static final String LOCK =
      "SELECT formation, former_address, former_uid FROM peqlite_cluster FOR UPDATE";

  private static final String STANDING =
      "SELECT " + NOW + ", (SELECT reason FROM peqlite_put_out WHERE address = ? AND uid = ?)";

  private static final String HEARD =
      """
      SELECT address, uid, node_id, formation, member, entered_at, attended_from, heard_at
      FROM peqlite_process
      """;

  private static final String NOTE =
      """
      INSERT INTO peqlite_process
        (address, uid, node_id, formation, member, entered_at, attended_from, heard_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (address, uid) DO UPDATE SET
        node_id = excluded.node_id, formation = excluded.formation, member = excluded.member,
        entered_at = excluded.entered_at, attended_from = excluded.attended_from,
        heard_at = excluded.heard_at
      """;

  private static final String PUT_OUT =
      """
      INSERT INTO peqlite_put_out (address, uid, formation, reason, at) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (address, uid) DO NOTHING
      """;

  private final PostgresConnection decisions;
  private final PostgresConnection questions;
  private volatile @Nullable String clusterId;

  /** Connects to nothing yet. */
  public PostgresArbiter(PostgresSettings settings) {
    this.decisions = new PostgresConnection(settings, STATEMENT_TIMEOUT_MILLIS);
    this.questions = new PostgresConnection(settings, STATEMENT_TIMEOUT_MILLIS);
  }

  @Override
  public String clusterId() throws JournalException {
    String known = clusterId;
    if (known == null) {
      known =
          questions.ask(
              connection -> {
                try (Statement statement = connection.createStatement();
                    ResultSet row =
                        statement.executeQuery("SELECT cluster_id FROM peqlite_cluster")) {
                  if (!row.next()) {
                    throw new JournalException("the table peqlite_cluster is empty");
                  }
                  return row.getString(1);
                }
              });
      clusterId = known;
    }
    return known;
  }

  @Override
  public List<Process> known() throws JournalException {
    return questions.ask(
        connection -> {
          try (Statement statement = connection.createStatement();
              ResultSet row =
                  statement.executeQuery(
                      "SELECT node_id, address, uid FROM peqlite_process WHERE heard_at > "
                          + NOW
                          + " - "
                          + ArbiterState.ALIVE_MICROS
                          + " ORDER BY address, uid")) {
            List<Process> known = new ArrayList<>();
            while (row.next()) {
              known.add(new Process(row.getString(1), row.getString(2), row.getLong(3)));
            }
            return known;
          }
        });
  }

  @Override
  public Entry enter(Process self) throws JournalException {
    return decisions.transact(
        connection -> {
          Cluster cluster = lock(connection);
          Now now = now(connection, self);
          if (now.putOut().isPresent()) {
            return new Entry.Wait("this start was put out: " + now.putOut().get());
          }
          List<Heard> stored = heard(connection);
          ArbiterState before = state(cluster, now, stored);
          ArbiterState state = before.with(before.candidate(self));
          Admission admission = state.admit(self);
          note(connection, stored, state);
          for (ProcessKey earlier : admission.replaced()) {
            putOut(
                connection, cluster, now, earlier, "node " + self.nodeId() + " was started anew");
          }
          if (admission.entry() instanceof Entry.Form form
              && form.formation() > cluster.formation()) {
            form(connection, form.formation(), self);
            forget(connection, now);
          }
          return admission.entry();
        });
  }

  @Override
  public Standing renew(Process self, long formation, boolean member) throws JournalException {
    return decisions.transact(
        connection -> {
          Cluster cluster = lock(connection);
          Now now = now(connection, self);
          Optional<Standing> out = out(cluster, now, formation);
          if (out.isPresent()) {
            return out.get();
          }
          List<Heard> stored = heard(connection);
          ArbiterState before = state(cluster, now, stored);
          note(
              connection,
              stored,
              before.with(member ? before.member(self) : before.candidate(self)));
          return new Standing.In();
        });
  }

  @Override
  public Standing putOut(Process self, long formation, List<Process> others)
      throws JournalException {
    return decisions.transact(
        connection -> {
          Cluster cluster = lock(connection);
          Now now = now(connection, self);
          Optional<Standing> out = out(cluster, now, formation);
          if (out.isPresent()) {
            return out.get();
          }
          for (Process other : others) {
            if (!ProcessKey.of(other).equals(ProcessKey.of(self))) {
              putOut(
                  connection,
                  cluster,
                  now,
                  ProcessKey.of(other),
                  "node " + self.nodeId() + " could not reach it");
            }
          }
          return new Standing.In();
        });
  }

  @Override
  public void leave(Process self) throws JournalException {
    decisions.transact(
        connection -> {
          Cluster cluster = lock(connection);
          // A renewal of it that comes in late must not make it known again.
          putOut(connection, cluster, now(connection, self), ProcessKey.of(self), "it has left");
          return true;
        });
  }

  @Override
  public void close() {
    decisions.close();
    questions.close();
  }

  private record Cluster(long formation, @Nullable ProcessKey former) {}

  /** The time, which must be asked for once the lock is held, and why the process is out. */
  private record Now(long micros, Optional<String> putOut) {}

  private static Cluster lock(Connection connection) throws SQLException, JournalException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(LOCK)) {
      if (!row.next()) {
        throw new JournalException("the table peqlite_cluster is empty");
      }
      String address = row.getString(2);
      return new Cluster(
          row.getLong(1), address == null ? null : new ProcessKey(address, row.getLong(3)));
    }
  }

  private static Now now(Connection connection, Process self) throws SQLException {
    try (PreparedStatement query = connection.prepareStatement(STANDING)) {
      query.setString(1, self.address());
      query.setLong(2, self.uid());
      try (ResultSet row = query.executeQuery()) {
        row.next();
        return new Now(row.getLong(1), Optional.ofNullable(row.getString(2)));
      }
    }
  }

  private static ArbiterState state(Cluster cluster, Now now, List<Heard> stored) {
    return new ArbiterState(now.micros(), cluster.formation(), cluster.former(), stored);
  }

  private static List<Heard> heard(Connection connection) throws SQLException {
    List<Heard> heard = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(HEARD)) {
      while (row.next()) {
        heard.add(
            new Heard(
                new Process(row.getString(3), row.getString(1), row.getLong(2)),
                row.getLong(4),
                row.getBoolean(5),
                row.getLong(6),
                row.getLong(7),
                row.getLong(8)));
      }
    }
    return heard;
  }

  private static Optional<Standing> out(Cluster cluster, Now now, long formation) {
    if (now.putOut().isPresent()) {
      return Optional.of(new Standing.Out("it was put out: " + now.putOut().get()));
    }
    if (cluster.formation() != formation) {
      return Optional.of(
          new Standing.Out(
              "formation "
                  + formation
                  + " is not the cluster's: formation "
                  + cluster.formation()
                  + " is"));
    }
    return Optional.empty();
  }

  /** Writes what differs from what is stored: the process itself, and times set back. */
  private static void note(Connection connection, List<Heard> stored, ArbiterState state)
      throws SQLException {
    for (Heard heard : state.heard()) {
      if (!stored.contains(heard)) {
        note(connection, heard);
      }
    }
  }

  private static void note(Connection connection, Heard heard) throws SQLException {
    try (PreparedStatement insert = connection.prepareStatement(NOTE)) {
      insert.setString(1, heard.process().address());
      insert.setLong(2, heard.process().uid());
      insert.setString(3, heard.process().nodeId());
      insert.setLong(4, heard.formation());
      insert.setBoolean(5, heard.member());
      insert.setLong(6, heard.enteredAtMicros());
      insert.setLong(7, heard.attendedFromMicros());
      insert.setLong(8, heard.heardAtMicros());
      insert.executeUpdate();
    }
  }

  private static void putOut(
      Connection connection, Cluster cluster, Now now, ProcessKey other, String reason)
      throws SQLException {
    try (PreparedStatement insert = connection.prepareStatement(PUT_OUT);
        PreparedStatement delete =
            connection.prepareStatement(
                "DELETE FROM peqlite_process WHERE address = ? AND uid = ?")) {
      insert.setString(1, other.address());
      insert.setLong(2, other.uid());
      insert.setLong(3, cluster.formation());
      insert.setString(4, reason);
      insert.setLong(5, now.micros());
      insert.executeUpdate();
      delete.setString(1, other.address());
      delete.setLong(2, other.uid());
      delete.executeUpdate();
    }
  }

  private static void form(Connection connection, long formation, Process former)
      throws SQLException {
    try (PreparedStatement update =
        connection.prepareStatement(
            "UPDATE peqlite_cluster SET formation = ?, former_address = ?, former_uid = ?")) {
      update.setLong(1, formation);
      update.setString(2, former.address());
      update.setLong(3, former.uid());
      update.executeUpdate();
    }
  }

  /** Done at each formation, which is seldom. */
  private static void forget(Connection connection, Now now) throws SQLException {
    try (PreparedStatement putOut =
            connection.prepareStatement("DELETE FROM peqlite_put_out WHERE at < ?");
        PreparedStatement heard =
            connection.prepareStatement("DELETE FROM peqlite_process WHERE heard_at < ?")) {
      putOut.setLong(1, now.micros() - FORGET_MICROS);
      putOut.executeUpdate();
      heard.setLong(1, now.micros() - FORGET_MICROS);
      heard.executeUpdate();
    }
  }
}
