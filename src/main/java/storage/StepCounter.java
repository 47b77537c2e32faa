package storage;

import java.sql.Connection;
import java.sql.SQLException;
import org.sqlite.ProgressHandler;

/**
 * Counts the steps of SQLite's virtual machine and interrupts a statement that takes too many, or
 * any statement once the node is being stopped.
 *
 * <p>The count differs a little from node to node, so exceeding it is never an outcome by itself.
 */
final class StepCounter extends ProgressHandler {

  private static final int STEPS_PER_CALL = 10_000;

  private volatile boolean stopped;
  private boolean counting;
  private long limit;
  private long steps;
  private boolean exceeded;

  void install(Connection connection) throws SQLException {
    ProgressHandler.setHandler(connection, STEPS_PER_CALL, this);
  }

  /** Starts counting for a request; 0 means no limit. */
  void begin(long limit) {
    this.limit = limit;
    steps = 0;
    exceeded = false;
  }

  /** Counts from now on, or not: only what a request runs counts, and not our own statements. */
  void count(boolean on) {
    counting = on;
  }

  boolean exceeded() {
    return exceeded;
  }

  /** Interrupts what runs now and everything after it. From any thread. */
  void stop() {
    stopped = true;
  }

  boolean stopped() {
    return stopped;
  }

  @Override
  protected int progress() {
    if (counting) {
      steps += STEPS_PER_CALL;
      if (limit > 0 && steps > limit) {
        exceeded = true;
        return 1;
      }
    }
    return stopped ? 1 : 0;
  }
}
