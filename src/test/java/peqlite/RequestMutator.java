package peqlite;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * Makes requests that are nearly right: valid ones put together at random, of which something may
 * then be changed, and now and then bytes that never were a request. The same seed makes the same.
 */
final class RequestMutator {

  private static final String[] METHODS = {
    "GET", "POST", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"
  };

  private static final String[] PATHS = {
    "/db/execute",
    "/db/query",
    "/db/request",
    "/db/load",
    "/db/sql",
    "/db/requests/k1",
    "/db/query/",
    "/db/backup",
    "/status",
    "/nodes",
    "/readyz",
    "/leader",
    "/abort",
    "/remove",
    "/replace",
    "/health",
    "/",
    "/db",
    "/metrics",
    "/boot",
    "//db//query",
    "/db/../db/query",
    "/db/requests/%ff",
    "/%00",
    "*"
  };

  private static final String[] PARAMETERS = {
    "q=SELECT+1",
    "q=SELECT+*+FROM+foo",
    "q=",
    "q",
    "pretty",
    "timings",
    "associative",
    "blob_array",
    "qualify_columns",
    "transaction",
    "transaction=false",
    "queue",
    "wait",
    "timeout=100ms",
    "timeout=0",
    "timeout=-1s",
    "timeout=9999h",
    "timeout=x",
    "db_timeout=50ms",
    "db_timeout=0s",
    "level=none",
    "level=weak",
    "level=strong",
    "level=linearizable",
    "level=auto",
    "level=%ff",
    "freshness=1s",
    "freshness=-1s",
    "freshness_strict",
    "linearizable_timeout=10ms",
    "min_seq=1",
    "min_seq=9999999",
    "min_seq=-1",
    "min_seq=99999999999999999999",
    "as_of_seq=2",
    "as_of_seq=9999999",
    "as_of_seq=x",
    "as_of_time=0",
    "as_of_time=2999-01-01T00:00:00+25:00",
    "seq",
    "raft_index",
    "retries=1",
    "redirect",
    "noleader",
    "ver=2",
    "nonvoters",
    "key=store.raft",
    "key=..",
    "sync",
    "fmt=sql",
    "%zz",
    "a=%e2%82",
    "=",
    "&&",
    "q=%00",
    "q=SELECT+%22"
  };

  private static final String[] HEADERS = {
    "Content-Type: text/plain",
    "Content-Type: application/json",
    "Content-Type: multipart/x; b=",
    "Content-Type: \u00e9",
    "Content-Encoding: gzip",
    "Content-Encoding: identity",
    "Idempotency-Key: k1",
    "Idempotency-Key: k2",
    "Idempotency-Key:",
    "Idempotency-Key: a b",
    "Connection: close",
    "Connection: keep-alive",
    "Connection: upgrade",
    "Upgrade: h2c",
    "Expect: 100-continue",
    "Expect: x",
    "Accept-Encoding: gzip",
    "Origin: null",
    "Range: bytes=0-1",
    "Authorization: Basic eDp5",
    "Host: a, b",
    "Host: [::1]:x",
    "X: ",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Content-Length: 5",
    "Content-Length: -1",
    "Content-Length: 99999999999999999999",
    "Cookie: a=b; c",
    " folded"
  };

  private static final String[] STATEMENTS = {
    "SELECT 1",
    "SELECT * FROM foo LIMIT 50",
    "SELECT * FROM sqlite_master",
    "SELECT x'ff'",
    "INSERT INTO foo(name) VALUES('x')",
    "INSERT INTO foo(name) VALUES('x') RETURNING *",
    "UPDATE foo SET name = name || 'x' WHERE id % 7 = 0",
    "DELETE FROM foo WHERE id % 3 = 0",
    "INSERT INTO foo(name) VALUES(?)",
    "INSERT INTO foo(id, name) VALUES(:a, $b)",
    "SELECT ?, ?2, :a, @b, $c",
    "CREATE TABLE t1(a, b DEFAULT (random()))",
    "DROP TABLE t1",
    "CREATE INDEX i1 ON foo(name)",
    "DROP INDEX i1",
    "CREATE VIEW v1 AS SELECT * FROM foo",
    "DROP VIEW v1",
    "ALTER TABLE t1 ADD COLUMN c",
    "ALTER TABLE t1 RENAME TO t2",
    "DROP TABLE t2",
    "CREATE TRIGGER r1 AFTER INSERT ON foo BEGIN DELETE FROM foo WHERE id = new.id - 100; END",
    "DROP TRIGGER r1",
    "PRAGMA table_info(foo)",
    "PRAGMA foreign_keys=ON",
    "PRAGMA user_version=1",
    "PRAGMA journal_mode=DELETE",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT a",
    "VACUUM",
    "ATTACH 'x' AS y",
    "EXPLAIN SELECT 1",
    "EXPLAIN QUERY PLAN SELECT * FROM foo",
    "ANALYZE",
    "REINDEX",
    "SELECT load_extension('x')",
    "DELETE FROM _peqlite_position",
    "",
    ";",
    "-- x",
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT count(*) FROM c",
    "INSERT INTO foo(name) WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c)"
        + " SELECT x FROM c",
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c LIMIT 5000) SELECT x, 'aaaaaaa"
        + "aaaaaaaaaaaaaaaaaaaaaaaa' FROM c",
    "SELECT datetime('now'), random(), hex(randomblob(4))",
    "SELECT zeroblob(1000000)",
    "INSERT INTO foo(name) VALUES(zeroblob(100000))",
    "SELECT abs(-9223372036854775808)",
    "SELECT 1/0, 1e999, -1e999, '\u20ac\ud83d\ude00'",
    "SELECT json_extract('[1', '$')",
    "CREATE VIRTUAL TABLE f1 USING fts5(a)",
    "INSERT INTO f1 VALUES('one two')",
    "SELECT * FROM f1 WHERE f1 MATCH 'one'",
    "DROP TABLE f1",
    "SELECT 1; SELECT 2",
    "INSERT INTO foo(name) VALUES('y'); INSERT INTO nope VALUES(1)",
    "blah",
    "SELECT '",
    "CREATE TABLE t1(a PRIMARY KEY, b UNIQUE) WITHOUT ROWID",
    "REPLACE INTO t1 VALUES(1, 2)",
    "INSERT OR ROLLBACK INTO foo(id) VALUES(1)",
    "CREATE TABLE t1 AS SELECT * FROM foo LIMIT 3"
  };

  private static final String[] VALUES = {
    "1",
    "-1",
    "0",
    "1.5",
    "1e999",
    "9223372036854775807",
    "9223372036854775808",
    "true",
    "null",
    "\"x\"",
    "\"x'00ff'\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "[1,2,255]",
    "[256]",
    "[]",
    "{}",
    "{\"a\":1}",
    "{\":a\":1,\"$b\":\"x\"}",
    "{\"a\":{\"b\":1}}",
    "[[1]]",
    "01",
    "NaN",
    "\""
  };

  private static final String[] OPERATOR_BODIES = {
    "",
    "{}",
    "{\"id\":\"1\"}",
    "{\"id\":\"nobody\"}",
    "{\"id\":1}",
    "{\"position\":\"1.0\"}",
    "{\"position\":\"20.1\"}",
    "{\"position\":\"9999999.0\"}",
    "{\"position\":\"-1.-1\"}",
    "{\"position\":\"99999999999999999999.0\"}",
    "{\"position\":\".\"}"
  };

  private static final String[] DUMP_LINES = {
    "PRAGMA foreign_keys=OFF;",
    "BEGIN TRANSACTION;",
    "COMMIT;",
    "CREATE TABLE IF NOT EXISTS d(a);",
    "INSERT INTO d VALUES(1);",
    "SELECT 1;",
    "DROP TABLE d;",
    "blah;",
    "SQLite format 3\0"
  };

  private final Random random;

  RequestMutator(long seed) {
    this.random = new Random(seed);
  }

  /** The bytes of one connection: one or a few requests, or something else. */
  byte[] next() {
    if (random.nextInt(20) == 0) {
      byte[] noise = new byte[random.nextInt(2_000)];
      random.nextBytes(noise);
      return noise;
    }
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    int requests = random.nextInt(8) == 0 ? 1 + random.nextInt(4) : 1;
    for (int i = 0; i < requests; i++) {
      all.writeBytes(request());
    }
    byte[] bytes = all.toByteArray();
    return random.nextInt(3) == 0 ? damaged(bytes) : bytes;
  }

  private byte[] request() {
    StringBuilder head = new StringBuilder();
    String path = pick(PATHS);
    String method = random.nextInt(3) == 0 ? pick(METHODS) : usualMethod(path);
    head.append(method).append(' ').append(path);
    int parameters = random.nextInt(4);
    for (int i = 0; i < parameters; i++) {
      head.append(i == 0 ? '?' : '&').append(pick(PARAMETERS));
    }
    head.append(random.nextInt(50) == 0 ? " HTTP/1.0" : " HTTP/1.1").append("\r\nHost: x\r\n");
    while (random.nextInt(3) == 0) {
      head.append(pick(HEADERS)).append("\r\n");
    }
    byte[] body = method.equals("POST") || random.nextInt(10) == 0 ? body(path) : new byte[0];
    boolean chunked = random.nextInt(6) == 0;
    if (chunked) {
      head.append("Transfer-Encoding: chunked\r\n");
    } else if (body.length > 0 || random.nextBoolean()) {
      int wrong = random.nextInt(30) == 0 ? random.nextInt(5) - 2 : 0;
      head.append("Content-Length: ").append(Math.max(0, body.length + wrong)).append("\r\n");
    }
    ByteArrayOutputStream request = new ByteArrayOutputStream();
    request.writeBytes((head + "\r\n").getBytes(StandardCharsets.UTF_8));
    request.writeBytes(chunked ? chunks(body) : body);
    return request.toByteArray();
  }

  private static String usualMethod(String path) {
    boolean posted = path.startsWith("/db/") && !path.startsWith("/db/requests");
    return posted || isOperators(path) ? "POST" : "GET";
  }

  private static boolean isOperators(String path) {
    return path.equals("/leader") || path.equals("/abort");
  }

  private byte[] body(String path) {
    StringBuilder text = new StringBuilder();
    if (path.startsWith("/db/load")) {
      for (int i = random.nextInt(6); i >= 0; i--) {
        text.append(pick(DUMP_LINES)).append('\n');
      }
    } else if (isOperators(path) && random.nextInt(4) > 0) {
      text.append(pick(OPERATOR_BODIES));
    } else if (random.nextInt(6) == 0) {
      text.append(pick(STATEMENTS));
    } else {
      List<String> elements = new ArrayList<>();
      for (int i = random.nextInt(4); i >= 0; i--) {
        elements.add(element());
      }
      text.append('[').append(String.join(random.nextInt(40) == 0 ? " " : ", ", elements));
      text.append(']');
    }
    byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
    return random.nextInt(6) == 0 ? damaged(bytes) : bytes;
  }

  private String element() {
    String statement = pick(STATEMENTS);
    if (random.nextInt(8) == 0) {
      statement = cut(statement) + cut(pick(STATEMENTS));
    }
    String quoted = "\"" + statement.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    if (random.nextInt(3) > 0) {
      return quoted;
    }
    StringBuilder element = new StringBuilder("[").append(quoted);
    for (int i = random.nextInt(4); i > 0; i--) {
      element.append(", ").append(pick(VALUES));
    }
    return element.append(']').toString();
  }

  private byte[] chunks(byte[] body) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int at = 0;
    while (at < body.length) {
      int size = 1 + random.nextInt(body.length - at);
      out.writeBytes((Integer.toHexString(size) + "\r\n").getBytes(StandardCharsets.US_ASCII));
      out.write(body, at, size);
      out.writeBytes("\r\n".getBytes(StandardCharsets.US_ASCII));
      at += size;
    }
    out.writeBytes("0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
    return out.toByteArray();
  }

  /** The same with some bytes changed, lost, doubled or put in. */
  private byte[] damaged(byte[] bytes) {
    byte[] damaged = bytes;
    for (int i = 1 + random.nextInt(3); i > 0 && damaged.length > 0; i--) {
      int at = random.nextInt(damaged.length);
      int end = Math.min(damaged.length, at + 1 + random.nextInt(16));
      byte[] before = Arrays.copyOfRange(damaged, 0, at);
      byte[] piece = Arrays.copyOfRange(damaged, at, end);
      byte[] after = Arrays.copyOfRange(damaged, end, damaged.length);
      damaged =
          switch (random.nextInt(6)) {
            case 0 -> joined(before, after);
            case 1 -> joined(before, piece, piece, after);
            case 2 -> before;
            case 3 -> joined(before, noise(piece.length), after);
            case 4 -> joined(before, noise(1 + random.nextInt(8)), piece, after);
            default -> {
              piece[0] ^= (byte) (1 << random.nextInt(8));
              yield joined(before, piece, after);
            }
          };
    }
    return damaged;
  }

  private byte[] noise(int length) {
    byte[] noise = new byte[length];
    random.nextBytes(noise);
    return noise;
  }

  private static byte[] joined(byte[]... pieces) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] piece : pieces) {
      all.writeBytes(piece);
    }
    return all.toByteArray();
  }

  private String cut(String text) {
    return text.isEmpty() ? text : text.substring(0, random.nextInt(text.length()));
  }

  private String pick(String[] choices) {
    return choices[random.nextInt(choices.length)];
  }
}
