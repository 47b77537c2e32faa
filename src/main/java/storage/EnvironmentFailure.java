package storage;

import java.sql.SQLException;

/** This node could not do it, whatever the statement was; never an outcome. */
final class EnvironmentFailure extends Exception {

  private static final long serialVersionUID = 1L;

  private final boolean damaged;

  EnvironmentFailure(SQLException cause) {
    super(SqliteErrors.message(cause), cause);
    damaged = SqliteErrors.isDamage(cause);
  }

  /** Whether the file or the disk is damaged. */
  boolean isDamaged() {
    return damaged;
  }
}
