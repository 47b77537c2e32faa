package quorum;

import java.nio.ByteBuffer;
import java.sql.SQLException;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.apache.ratis.thirdparty.com.google.protobuf.UnsafeByteOperations;
import storage.Arbiter;
import storage.ArbiterLedger.Decision;
import storage.FormatException;

/**
 * What a command does to a table. It depends on the table and on the command's frame, in which the
 * one that led when it was ordered had put its time, and on nothing else: so every node's table
 * becomes the same.
 */
final class CommandApplier {

  /** What stands in the Raft log: format, the leader's clock, the command. */
  record Frame(int format, long atMicros, byte[] command) {}

  private static final int FORMAT = 1;
  private static final int HEADER_BYTES = 1 + Long.BYTES;

  private CommandApplier() {}

  /** A command as it is ordered now. */
  static ByteString frame(ByteString command) {
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES);
    header.put((byte) FORMAT).putLong(Clocks.micros()).flip();
    return UnsafeByteOperations.unsafeWrap(header).concat(command);
  }

  /** What stands in an entry of the log; never fails, {@link #apply} does. */
  static Frame frameOf(ByteString data) {
    if (data.size() < HEADER_BYTES) {
      return new Frame(0, 0, new byte[0]);
    }
    return new Frame(
        data.byteAt(0),
        data.asReadOnlyByteBuffer().getLong(1),
        data.substring(HEADER_BYTES).toByteArray());
  }

  /**
   * Changes the table; the caller commits.
   *
   * @throws FormatException if the command cannot be read; nothing may be applied after it then
   */
  static Answer apply(QuorumTable table, Frame frame) throws SQLException, FormatException {
    if (frame.format() != FORMAT) {
      throw new FormatException("an entry of the Raft log needs a newer peqlite");
    }
    long atMicros = frame.atMicros();
    Command command = MessageCodec.command(frame.command());
    if (command instanceof Command.Append append) {
      return table.append(append) ? new Answer.Appended() : new Answer.Refused(table.highest());
    }
    if (command instanceof Command.Trim trim) {
      table.trim(trim.toSeq());
      return new Answer.Done();
    }
    if (command instanceof Command.Enter enter) {
      Decision<Arbiter.Entry> decision = table.ledger().enter(atMicros, enter.self());
      table.ledger(decision.after());
      return new Answer.Entry(decision.answer());
    }
    if (command instanceof Command.Renew renew) {
      return standing(
          table, table.ledger().renew(atMicros, renew.self(), renew.formation(), renew.member()));
    }
    if (command instanceof Command.PutOut out) {
      return standing(
          table, table.ledger().putOut(atMicros, out.self(), out.formation(), out.others()));
    }
    if (command instanceof Command.Leave leave) {
      table.ledger(table.ledger().leave(atMicros, leave.self()));
    }
    return new Answer.Done();
  }

  private static Answer standing(QuorumTable table, Decision<Arbiter.Standing> decision) {
    table.ledger(decision.after());
    return new Answer.Standing(decision.answer());
  }
}
