package quorum;

import java.time.Duration;
import java.util.List;
import storage.Arbiter;
import storage.JournalException;

/**
 * The arbiter of the quorum: its ledger is part of what the Raft log is applied to, so that a
 * decision needs the majority of the voters, and a node that cannot reach it decides nothing.
 *
 * <p>Times are the clock of whoever leads when the call is ordered.
 */
public final class QuorumArbiter implements Arbiter {

  private static final Duration MAX = Duration.ofSeconds(5);

  private final QuorumPart part;

  /** Asks through this node's part, which outlives it. */
  public QuorumArbiter(QuorumPart part) {
    this.part = part;
  }

  @Override
  public String clusterId() throws JournalException {
    return part.server().groupId();
  }

  @Override
  public Entry enter(Process self) throws JournalException {
    if (order(new Command.Enter(self)) instanceof Answer.Entry answer) {
      return answer.entry();
    }
    throw anotherAnswer();
  }

  @Override
  public List<Process> known() throws JournalException {
    if (part.server().calls().ask(new Question.AskKnown(), MAX) instanceof Answer.Known answer) {
      return answer.processes();
    }
    throw anotherAnswer();
  }

  @Override
  public Standing renew(Process self, long formation, boolean member) throws JournalException {
    return standing(new Command.Renew(self, formation, member));
  }

  @Override
  public Standing putOut(Process self, long formation, List<Process> others)
      throws JournalException {
    return standing(new Command.PutOut(self, formation, others));
  }

  @Override
  public void leave(Process self) throws JournalException {
    order(new Command.Leave(self));
  }

  private Standing standing(Command command) throws JournalException {
    if (order(command) instanceof Answer.Standing answer) {
      return answer.standing();
    }
    throw anotherAnswer();
  }

  private Answer order(Command command) throws JournalException {
    return part.server().calls().order(command, MAX);
  }

  private static JournalException anotherAnswer() {
    return new JournalException("the quorum gave an answer to another question");
  }

  @Override
  public void close() {}
}
