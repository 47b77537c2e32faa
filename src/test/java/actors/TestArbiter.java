package actors;

import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import storage.Arbiter;
import storage.JournalException;
import storage.MemoryArbiter;

/**
 * The arbiter of many nodes in one JVM, with the real one's rules. Each node has its own way to it,
 * which a test can cut or slow down. Thread-safe.
 */
final class TestArbiter {

  private final MemoryArbiter arbiter;

  TestArbiter(String clusterId) {
    this.arbiter = new MemoryArbiter(clusterId);
  }

  String clusterId() {
    return arbiter.clusterId();
  }

  /** Who formed a cluster, in order. */
  List<String> formers() {
    return arbiter.decisions().stream().filter(decision -> decision.startsWith("form ")).toList();
  }

  /** Who was put out by another member, and by whom: {@code out ADDRESS: by ADDRESS}. */
  List<String> putOuts() {
    return arbiter.decisions().stream().filter(decision -> decision.contains(": by ")).toList();
  }

  @Override
  public String toString() {
    return String.join("; ", arbiter.decisions());
  }

  /** A node's way to the arbiter. */
  Way way() {
    return new Way();
  }

  /** A node's way to the arbiter, which can be cut or slow. */
  final class Way implements Arbiter {

    private volatile boolean cut;
    private volatile long answerDelayMillis;

    /** From now on every question fails. */
    void cut() {
      cut = true;
    }

    void mend() {
      cut = false;
    }

    /** From now on answers are known late. */
    void delayAnswers(long millis) {
      answerDelayMillis = millis;
    }

    private void before() throws JournalException {
      if (cut) {
        throw new JournalException("the way to the arbiter is cut");
      }
    }

    private <T> T after(T answer) throws JournalException {
      long endNanos = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(answerDelayMillis);
      while (endNanos - System.nanoTime() > 0) {
        LockSupport.parkNanos(endNanos - System.nanoTime());
      }
      before();
      return answer;
    }

    @Override
    public String clusterId() throws JournalException {
      before();
      return after(arbiter.clusterId());
    }

    @Override
    public Entry enter(Process self) throws JournalException {
      before();
      return after(arbiter.enter(self));
    }

    @Override
    public List<Process> known() throws JournalException {
      before();
      return after(arbiter.known());
    }

    @Override
    public Standing renew(Process self, long number, boolean member) throws JournalException {
      before();
      return after(arbiter.renew(self, number, member));
    }

    @Override
    public Standing putOut(Process self, long number, List<Process> others)
        throws JournalException {
      before();
      return after(arbiter.putOut(self, number, others));
    }

    @Override
    public void leave(Process self) throws JournalException {
      before();
      arbiter.leave(self);
    }

    @Override
    public void close() {}
  }
}
