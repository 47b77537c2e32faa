package storage;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import sql.Column;
import sql.IdempotencyKey;
import sql.Position;
import sql.Statement;
import sql.Value;
import sql.WriteOutcome;

/** Finds what a replica has kept of an idempotency key, in a read snapshot. */
public final class KeyReader {

  /**
   * What is kept of a key.
   *
   * @param position where its request was applied
   * @param outcome what it did, or empty when that was too large to be kept
   */
  public record Found(Position position, Optional<WriteOutcome> outcome) {}

  private KeyReader() {}

  /** What is kept of the key, if it is known here. */
  public static Optional<Found> find(ReadSnapshot snapshot, IdempotencyKey key, ReadLimits limits)
      throws ReadFailure, FormatException {
    if (snapshot.seq() == 0) {
      return Optional.empty(); // an empty database may not have the table yet
    }
    List<Value[]> rows = new ArrayList<>();
    snapshot.query(
        Statement.of(
            "SELECT seq, idx, outcome FROM _peqlite_keys WHERE user = ? AND key = ?",
            new Value.Text(key.user()),
            new Value.Text(key.key())),
        limits,
        new RowSink() {
          @Override
          public void columns(List<Column> columns) {}

          @Override
          public void row(Value[] row) {
            rows.add(row.clone());
          }
        });
    return rows.isEmpty() ? Optional.empty() : Optional.ofNullable(found(rows.get(0)));
  }

  private static @Nullable Found found(Value[] row) throws FormatException {
    if (!(row[0] instanceof Value.Int64 seq) || !(row[1] instanceof Value.Int64 index)) {
      return null;
    }
    Optional<WriteOutcome> outcome =
        row[2] instanceof Value.Blob bytes
            ? Optional.of(OutcomeCodec.decode(bytes.value()))
            : Optional.empty();
    return new Found(new Position(seq.value(), (int) index.value()), outcome);
  }
}
