package storage;

import java.sql.SQLException;

/** The replica's database cannot be opened; the message says why, in words for an operator. */
public final class ReplicaException extends Exception {

  private static final long serialVersionUID = 1L;

  private final boolean damage;

  public ReplicaException(String message, SQLException cause) {
    super(message, cause);
    damage = SqliteErrors.isDamage(cause);
  }

  /** Whether the file is there and is no database that SQLite can read. */
  public boolean isDamage() {
    return damage;
  }
}
