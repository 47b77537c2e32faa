package storage;

import java.io.IOException;

/** A database is not what SQLite has written. The message says what is wrong in it. */
public final class DatabaseDamagedException extends IOException {

  private static final long serialVersionUID = 1L;

  DatabaseDamagedException(String message) {
    super(message);
  }
}
