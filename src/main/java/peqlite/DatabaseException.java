package peqlite;

import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import sql.Position;

/**
 * A read or a write was not done, or it is not known whether it was. {@link #kind} says what to do.
 */
public final class DatabaseException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** What went wrong. */
  public enum Kind {
    /** The request is wrong, and was not sent anywhere: mend it. */
    INVALID,
    /** SQLite refused it, such as by a constraint; nothing of it is applied. */
    SQL,
    /** A write larger than any may be; nothing of it is applied. */
    TOO_LARGE,
    /** A write that is not applied and never will be: safe to send again. */
    NOT_APPLIED,
    /** A write that is durable and will be applied, but was not here in time. */
    COMMITTED,
    /** A write that may be applied or not: send it again only under the same idempotency key. */
    UNKNOWN,
    /** The same idempotency key was used for another write; this one is not applied. */
    KEY_CONFLICT,
    /** A write that no node could get past, and that was given up: nothing of it is applied. */
    GIVEN_UP,
    /** A read: this node's knowledge is older than the freshness that was asked for. */
    STALE,
    /** A read that this node could not serve at its level in time: try again, or another node. */
    UNAVAILABLE,
    /** A read that took longer than it may. */
    TIMEOUT
  }

  private final Kind kind;
  private final int sqliteCode;
  private final transient @Nullable Position position;
  private final @Nullable Duration retryAfter;

  DatabaseException(Kind kind, String message) {
    this(kind, message, 0, null, null);
  }

  DatabaseException(
      Kind kind,
      String message,
      int sqliteCode,
      @Nullable Position position,
      @Nullable Duration retryAfter) {
    super(message);
    this.kind = kind;
    this.sqliteCode = sqliteCode;
    this.position = position;
    this.retryAfter = retryAfter;
  }

  /** What went wrong. */
  public Kind kind() {
    return kind;
  }

  /** SQLite's extended result code; 0 where SQLite was not asked. */
  public int sqliteCode() {
    return sqliteCode;
  }

  /** Where the write stands in the one order, if it got a place there. */
  public Optional<Position> position() {
    return Optional.ofNullable(position);
  }

  /** How long to wait before the same is sent again, where that may help. */
  public Optional<Duration> retryAfter() {
    return Optional.ofNullable(retryAfter);
  }
}
