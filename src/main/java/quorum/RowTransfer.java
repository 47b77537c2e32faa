package quorum;

import java.io.IOException;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import storage.EventCodec;
import storage.EventHash;
import storage.FormatException;
import storage.StoredEvent;

/**
 * Copies what a member's journal holds behind the end of another copy. No event is taken on trust:
 * each has to be whole and to follow the one before, and the last one has to be that with which the
 * member's journal ends.
 */
final class RowTransfer {

  /** At once, at most but for one event; the member may give less. */
  static final long BYTES = 2 << 20;

  /** The member that is copied from. Blocks. */
  interface Member {
    Answer ask(Question question) throws IOException;
  }

  /** Where the rows go, in their order. */
  interface Target {
    void stage(List<Answer.Row> rows) throws IOException, SQLException;
  }

  private RowTransfer() {}

  /**
   * Copies everything that is behind an end.
   *
   * @param own the end of the copy that is to be continued
   * @return what the rows are the journal of, together with those that were there
   * @throws IOException if the member does not answer, or what it gives cannot be its journal; what
   *     was staged must not be used then
   */
  static Answer.State copy(Member member, Answer.End own, Target target)
      throws IOException, SQLException {
    Answer.State state = expect(Answer.State.class, member.ask(new Question.AskState()));
    boolean continues = own.highest() >= state.trimmedTo();
    long next = continues ? own.highest() + 1 : state.trimmedTo() + 1;
    byte @Nullable [] hash = continues ? own.hash() : null;
    if (own.highest() == state.highest() && !Arrays.equals(own.hash(), state.hash())) {
      throw new IOException("its event " + own.highest() + " is another one");
    }
    while (next <= state.highest()) {
      List<Answer.Row> rows =
          expect(Answer.Rows.class, member.ask(new Question.AskRows(next, BYTES))).rows();
      if (rows.isEmpty()) {
        throw new IOException("it does not hold event " + next);
      }
      for (Answer.Row row : rows) {
        if (row.seq() != next) {
          throw new IOException("it holds event " + row.seq() + " but not event " + next);
        }
        if (hash != null && !Arrays.equals(hash, previousHash(row))) {
          throw new IOException("its event " + next + " does not follow the one before");
        }
        hash = EventHash.of(row.payload());
        if (next == state.highest() && !Arrays.equals(hash, state.hash())) {
          throw new IOException("its event " + next + " is not the one with which it ends");
        }
        next++;
      }
      target.stage(rows);
    }
    return state;
  }

  private static byte[] previousHash(Answer.Row row) throws IOException {
    try {
      return EventCodec.previousHash(new StoredEvent(row.seq(), row.payload()));
    } catch (FormatException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  private static <T extends Answer> T expect(Class<T> type, Answer answer) throws IOException {
    if (!type.isInstance(answer)) {
      throw new IOException("another answer than " + type.getSimpleName() + " came");
    }
    return type.cast(answer);
  }
}
