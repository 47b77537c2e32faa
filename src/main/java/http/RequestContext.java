package http;

import actors.WriteCaller;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * One database request: what it asked for in its URL, and when it must be answered.
 *
 * @param parameters of its URL
 * @param options how its results are to be written
 * @param startNanos when it arrived, by {@link System#nanoTime()}
 * @param timeout the deadline of the whole request, counted from its arrival
 * @param requestId what the log calls it by
 * @param exchange its span; null if nobody traces
 */
record RequestContext(
    QueryParameters parameters,
    ResultOptions options,
    long startNanos,
    Duration timeout,
    String requestId,
    Tracing.@Nullable Exchange exchange) {

  /** What is left until the deadline; never negative. */
  Duration remaining() {
    return Duration.ofNanos(Math.max(0, timeout.toNanos() - elapsedNanos()));
  }

  /** The time since the request arrived. */
  long elapsedNanos() {
    return System.nanoTime() - startNanos;
  }

  /** Who writes, or would if a plan of it were ordered. */
  WriteCaller caller() {
    Tracing.Exchange traced = exchange;
    return traced == null ? this::requestId : traced.write(requestId);
  }

  /** Whether all statements stand or fall together. */
  boolean transaction() {
    return parameters.flag("transaction");
  }

  /** Writes the position that the answer reflects, in the forms that were asked for. */
  void writePosition(ResultWriter writer, long seq) {
    if (parameters.flag("raft_index")) {
      writer.number("raft_index", seq);
    }
    if (parameters.flag("seq")) {
      writer.number("seq", seq);
    }
  }
}
