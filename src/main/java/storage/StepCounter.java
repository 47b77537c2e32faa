package storage;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import org.sqlite.ProgressHandler;

/**
 * Counts the steps of SQLite's virtual machine and interrupts a statement that takes too many, one
 * of a request without a limit that was given up meanwhile, or any once the node is being stopped.
 *
 * <p>The count differs a little from node to node, so exceeding it is never an outcome by itself.
 */
final class StepCounter extends ProgressHandler {

  private static final int STEPS_PER_CALL = 10_000;

  /** How often it is asked whether a request without a limit was given up. */
  private static final long ASK_NANOS = Duration.ofSeconds(2).toNanos();

  private volatile boolean stopped;
  private boolean counting;
  private long limit;
  private long steps;
  private boolean exceeded;
  private BooleanSupplier givenUp = () -> false;
  private long askedNanos;

  void install(Connection connection) throws SQLException {
    ProgressHandler.setHandler(connection, STEPS_PER_CALL, this);
  }

  /** Starts counting for a request that may take so many steps, at least one. */
  void begin(long limit) {
    this.limit = limit;
    steps = 0;
    exceeded = false;
  }

  /**
   * Starts a request without a limit.
   *
   * @param givenUp asked now and then, in the middle of a statement; must not touch this connection
   *     and not throw
   */
  void beginUnlimited(BooleanSupplier givenUp) {
    begin(0);
    this.givenUp = givenUp;
    askedNanos = System.nanoTime();
  }

  /** Counts from now on, or not: only what a request runs counts, and not our own statements. */
  void count(boolean on) {
    counting = on;
  }

  boolean exceeded() {
    return exceeded;
  }

  /**
   * Asks the same between two portions of work that SQLite knows nothing of.
   *
   * @throws EnvironmentFailure if the node is being stopped
   * @throws StepLimitExceeded if the request was given up
   */
  void look() throws EnvironmentFailure, StepLimitExceeded {
    if (stopped) {
      throw new EnvironmentFailure(new SQLException("interrupted"));
    }
    if (System.nanoTime() - askedNanos > ASK_NANOS) {
      boolean over = givenUp.getAsBoolean();
      askedNanos = System.nanoTime();
      if (over) {
        throw new StepLimitExceeded();
      }
    }
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
      if (limit == 0 && System.nanoTime() - askedNanos > ASK_NANOS) {
        exceeded = givenUp.getAsBoolean();
        askedNanos = System.nanoTime();
        if (exceeded) {
          return 1;
        }
      }
    }
    return stopped ? 1 : 0;
  }
}
