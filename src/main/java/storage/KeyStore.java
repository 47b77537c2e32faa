package storage;

import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import sql.IdempotencyKey;
import sql.Position;
import sql.WriteOutcome;

/**
 * The idempotency keys: what each named, where it was applied and what it did. Part of the
 * replicated database, so every decision here is a function of the journal alone: age is counted by
 * the replica's clock, which the events drive. One thread, inside the apply's transaction.
 */
final class KeyStore {

  private KeyStore() {}

  /**
   * What a request with a key comes to without being run, or null if it is to be run.
   *
   * @param clockMicros the clock of the event that carries the request
   */
  static @Nullable WriteOutcome check(
      StatementCache statements,
      ReplicaState state,
      ReplicatedSettings settings,
      IdempotencyKey key,
      byte[] requestHash,
      long clockMicros)
      throws SQLException, FormatException {
    forgetOld(statements, state, settings, clockMicros);
    PreparedStatement query =
        statements.internal(
            "SELECT hash, seq, idx, outcome FROM _peqlite_keys WHERE user = ? AND key = ?");
    query.setString(1, key.user());
    query.setString(2, key.key());
    try (ResultSet row = query.executeQuery()) {
      if (row.next()) {
        Position original = new Position(row.getLong(2), row.getInt(3));
        if (!Arrays.equals(row.getBytes(1), requestHash)) {
          return new WriteOutcome.KeyConflict(original);
        }
        byte[] outcome = row.getBytes(4);
        return new WriteOutcome.Duplicate(
            original,
            outcome == null ? Optional.empty() : Optional.of(OutcomeCodec.decode(outcome)));
      }
    }
    return state.keyCount >= settings.keysMax() ? new WriteOutcome.KeyStoreFull() : null;
  }

  /**
   * Remembers a request that was run.
   *
   * @param outcome what it did, or null if that must not be kept
   */
  static void remember(
      StatementCache statements,
      ReplicaState state,
      ReplicatedSettings settings,
      IdempotencyKey key,
      byte[] requestHash,
      Position position,
      WriteOutcome.@Nullable Executed outcome,
      long clockMicros)
      throws SQLException {
    byte[] encoded = outcome == null || isLeftOut(outcome) ? null : OutcomeCodec.encode(outcome);
    PreparedStatement write =
        statements.internal(
            "INSERT INTO _peqlite_keys (user, key, hash, seq, idx, outcome, clock)"
                + " VALUES (?, ?, ?, ?, ?, ?, ?)");
    write.setString(1, key.user());
    write.setString(2, key.key());
    write.setBytes(3, requestHash);
    write.setLong(4, position.seq());
    write.setInt(5, position.index());
    write.setBytes(
        6, encoded != null && encoded.length <= settings.keyOutcomeBytesMax() ? encoded : null);
    write.setLong(7, clockMicros);
    write.execute();
    state.keyCount++;
  }

  /**
   * Bytes of rows that a request with a key must be able to return on every node, whatever its own
   * limit: so many that an outcome which is small enough to be kept is never left out. In memory a
   * value counts 16 bytes and twice its length at most, and stored its length and one.
   */
  static long rowBytesMin(ReplicatedSettings settings) {
    return 18L * settings.keyOutcomeBytesMax();
  }

  private static boolean isLeftOut(WriteOutcome.Executed outcome) {
    return outcome.results().stream().anyMatch(StatementRunner::isLeftOut);
  }

  private static void forgetOld(
      StatementCache statements, ReplicaState state, ReplicatedSettings settings, long clockMicros)
      throws SQLException {
    PreparedStatement delete = statements.internal("DELETE FROM _peqlite_keys WHERE clock < ?");
    delete.setLong(1, clockMicros - settings.keyAge().toNanos() / 1000);
    state.keyCount -= delete.executeUpdate();
  }
}
