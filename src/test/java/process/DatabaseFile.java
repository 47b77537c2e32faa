package process;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A SQLite file seen from outside of its node, which may be running or dead. */
final class DatabaseFile {

  private DatabaseFile() {}

  /** Copies a dead node's file with its write-ahead log, as they are. */
  static Path copy(Path file, Path directory) throws IOException {
    Files.createDirectories(directory);
    for (String suffix : List.of("", "-wal")) {
      Path part = file.resolveSibling(file.getFileName() + suffix);
      if (Files.exists(part)) {
        Files.copy(
            part, directory.resolve(part.getFileName()), StandardCopyOption.REPLACE_EXISTING);
      }
    }
    return directory.resolve(file.getFileName());
  }

  /** Removes the file and what belongs to it, as an operator does to have it built anew. */
  static void delete(Path file) throws IOException {
    for (String suffix : List.of("", "-wal", "-shm")) {
      Files.deleteIfExists(file.resolveSibling(file.getFileName() + suffix));
    }
  }

  /** Moves what stands in a dead node's write-ahead log into the file itself, and syncs it. */
  static void emptyLog(Path file) throws SQLException {
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file)) {
      if (number(connection, "PRAGMA wal_checkpoint(TRUNCATE)") != 0) {
        throw new SQLException("somebody reads " + file);
      }
    }
  }

  /** Overwrites a part of it, as a disk does that is damaged. */
  static void overwrite(Path file, long from, byte[] bytes) throws IOException {
    try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
      open.seek(from);
      open.write(bytes);
    }
  }

  /** Opens it to look only: nothing of it is changed, not even its write-ahead log. */
  static Connection open(Path file) throws SQLException {
    return DriverManager.getConnection("jdbc:sqlite:" + file + "?open_mode=1&busy_timeout=5000");
  }

  /** The one number that a query returns, 0 if it returns none. */
  static long number(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      return row.next() ? row.getLong(1) : 0;
    }
  }

  /** The one number that a query of a dead node's file returns. */
  static long number(Path file, String sql) throws SQLException {
    try (Connection connection = open(file)) {
      return number(connection, sql);
    }
  }

  /**
   * For each of the user's tables, and those internal ones that are the same however the file came
   * about, how many rows it has and their hash.
   */
  static Map<String, String> contents(Path file) throws SQLException {
    Map<String, String> contents = new TreeMap<>();
    try (Connection connection = open(file)) {
      for (String table :
          texts(
              connection,
              "SELECT name FROM sqlite_schema WHERE type = 'table'"
                  + " AND (name NOT LIKE '\\_peqlite\\_%' ESCAPE '\\'"
                  + " OR name = '_peqlite_keys')")) {
        String columns =
            String.join(
                " || ',' || ",
                texts(
                    connection,
                    "SELECT 'quote(\"' || name || '\")' FROM pragma_table_info('" + table + "')"));
        contents.put(
            table, hash(connection, "SELECT " + columns + " FROM \"" + table + "\" ORDER BY 1"));
      }
      contents.put("schema", hash(connection, "SELECT sql FROM sqlite_schema ORDER BY name"));
    }
    return contents;
  }

  private static List<String> texts(Connection connection, String sql) throws SQLException {
    List<String> texts = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      while (row.next()) {
        texts.add(row.getString(1));
      }
    }
    return texts;
  }

  private static String hash(Connection connection, String sql) throws SQLException {
    MessageDigest digest = sha256();
    long rows = 0;
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      while (row.next()) {
        digest.update(String.valueOf(row.getString(1)).getBytes(StandardCharsets.UTF_8));
        rows++;
      }
    }
    return rows + " rows, " + HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
