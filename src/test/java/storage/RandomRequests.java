package storage;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.Supplier;
import sql.IdempotencyKey;
import sql.Statement;
import sql.Value;
import sql.WriteRequest;

/**
 * Makes requests in which everything that is not deterministic by itself stands everywhere it can:
 * time, chance, the connection's counters, the order of rows, conflicts, failures, changes of the
 * schema. The same seed makes the same requests.
 */
final class RandomRequests {

  /** The tables that the requests work on. */
  static final List<String> SCHEMA =
      List.of(
          "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT, c REAL,"
              + " made TEXT DEFAULT CURRENT_TIMESTAMP, luck INTEGER DEFAULT (random()),"
              + " local TEXT DEFAULT (datetime('now', 'localtime')),"
              + " bytes BLOB DEFAULT (randomblob(4)), fine REAL DEFAULT (unixepoch('subsec')),"
              + " day TEXT GENERATED ALWAYS AS (date(b)) STORED,"
              + " year TEXT GENERATED ALWAYS AS (strftime('%Y', b)) VIRTUAL,"
              + " CHECK (a < 1000000 OR julianday('now') < 0))",
          "CREATE UNIQUE INDEX t_a ON t (a)",
          "CREATE INDEX t_day ON t (date(b), year)",
          "CREATE INDEX t_late ON t (c) WHERE unixepoch(b) > 946684800",
          "CREATE INDEX t_sin ON t (sin(a))",
          "CREATE TABLE log (n INTEGER PRIMARY KEY AUTOINCREMENT, what, x,"
              + " at DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')))",
          "CREATE TABLE plain (x, y DEFAULT CURRENT_TIME)",
          "CREATE TABLE keyed (k TEXT COLLATE NOCASE, j INTEGER, v, PRIMARY KEY (k, j DESC))"
              + " WITHOUT ROWID",
          "CREATE VIEW recent AS SELECT id, a, datetime('now') AS seen, random() AS luck FROM t",
          "CREATE TRIGGER t_insert AFTER INSERT ON t BEGIN INSERT INTO log (what, x) VALUES"
              + " ('insert', random() || current_time || last_insert_rowid() || '/' || changes());"
              + " END",
          "CREATE TRIGGER t_update_1 AFTER UPDATE ON t BEGIN INSERT INTO log (what, x) VALUES"
              + " ('first', new.id || hex(randomblob(2))); END",
          "CREATE TRIGGER t_update_2 AFTER UPDATE ON t BEGIN INSERT INTO log (what, x) VALUES"
              + " ('second', new.id || julianday('now')); END",
          "CREATE TRIGGER t_delete BEFORE DELETE ON t WHEN old.id % 11 = 3 BEGIN"
              + " SELECT RAISE(IGNORE); END",
          "CREATE TRIGGER recent_insert INSTEAD OF INSERT ON recent BEGIN"
              + " INSERT OR REPLACE INTO t (a, b) VALUES (new.a, datetime('now', '-1 day')); END",
          "CREATE TRIGGER plain_raise AFTER INSERT ON plain BEGIN SELECT CASE new.x"
              + " WHEN 'rollback' THEN RAISE(ROLLBACK, 'rolled back')"
              + " WHEN 'abort' THEN RAISE(ABORT, 'aborted') WHEN 'fail' THEN RAISE(FAIL, 'failed')"
              + " WHEN 'ignore' THEN RAISE(IGNORE) END; END",
          "CREATE TABLE planned (a, b)",
          "CREATE INDEX planned_a ON planned (a)",
          "CREATE INDEX planned_b ON planned (b)",
          "INSERT INTO planned WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200)"
              + " SELECT i % 7, i * 37 % 100 FROM n",
          "CREATE TABLE parent (id INTEGER PRIMARY KEY, v)",
          "CREATE TABLE child (id INTEGER PRIMARY KEY, p REFERENCES parent ON DELETE SET NULL)",
          "CREATE VIRTUAL TABLE docs USING fts5(title, body)",
          "CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, +label)");

  private static final String[] CLAUSES = {
    "OR ROLLBACK", "", "", "OR ABORT", "OR FAIL", "OR IGNORE", "OR REPLACE"
  };

  private final Random random;
  private boolean wild;
  private final List<WriteRequest> keyed = new ArrayList<>();
  private final List<Supplier<Statement>> kinds =
      List.of(
          () ->
              sql(
                  "INSERT "
                      + clause()
                      + " INTO t (a, b, c) VALUES ("
                      + row()
                      + "), ("
                      + row()
                      + ")"),
          () -> sql("INSERT " + clause() + " INTO t (a, b, c) VALUES (" + row() + ")"),
          () -> sql("INSERT INTO t (a) SELECT abs(random() % 60) FROM plain LIMIT 3"),
          () ->
              sql(
                  "INSERT INTO t (a, b) VALUES ("
                      + small()
                      + ", datetime('now')) ON CONFLICT (a) DO UPDATE SET b = datetime('now', '+1"
                      + " hour'), c = random() RETURNING id, made, luck, hex(bytes), random()"),
          () -> sql("INSERT INTO recent (a) VALUES (" + small() + "), (" + small() + ")"),
          () -> sql("INSERT INTO t (a, b) VALUES (1000000 + " + small() + ", '2001-02-03')"),
          () ->
              sql(
                  "UPDATE "
                      + clause()
                      + " t SET a = a + "
                      + small()
                      + ", b = strftime('%Y-%m-%d', 'now', '-"
                      + small()
                      + " days') WHERE id % 7 = "
                      + random().nextInt(7)),
          () ->
              sql(
                  "UPDATE t SET c = (SELECT luck + julianday(seen) FROM recent LIMIT 1)"
                      + " WHERE a > "
                      + small()
                      + " AND id % 3 = 0"),
          () ->
              sql(
                  "DELETE FROM t WHERE id IN (SELECT id FROM t ORDER BY random() LIMIT 2)"
                      + " RETURNING id, a"),
          () -> sql("DELETE FROM t WHERE a > " + small() + " AND random() % 2"),
          () -> sql("DELETE FROM log WHERE n % 5 = " + random().nextInt(5)),
          () ->
              sql(
                  "INSERT INTO log (what, x) SELECT 'counters', last_insert_rowid() || '/'"
                      + " || changes()"),
          () ->
              sql(
                  "INSERT INTO log (what, x) VALUES ('time', date('now', 'utc') || time('now',"
                      + " 'localtime') || julianday() || unixepoch() || strftime('%s') ||"
                      + " timediff('now', '2020-01-01') || current_timestamp || current_date ||"
                      + " datetime('subsec') || hex(randomblob(3)))"),
          () ->
              sql(
                  "INSERT INTO log (what, x) VALUES ('float', sin("
                      + small()
                      + ") || exp("
                      + small()
                      + " / 10.0) || pow(1.1, "
                      + small()
                      + ") || log("
                      + small()
                      + " + 1))"),
          () -> sql("INSERT INTO plain (x) SELECT a FROM t WHERE a > " + small() + " LIMIT 4"),
          () -> sql("INSERT INTO log (what, x) SELECT 'ties', id FROM t ORDER BY a % 3 LIMIT 5"),
          () ->
              sql(
                  "INSERT INTO log (what, x) SELECT 'group', group_concat(id) FROM t"
                      + " WHERE a < "
                      + small()
                      + " OR c > 0 GROUP BY day, a % 2"),
          () ->
              sql(
                  "INSERT INTO log (what, x) SELECT 'join', t.id || '.' || plain.rowid FROM t,"
                      + " plain WHERE t.a = plain.x LIMIT 5"),
          () ->
              sql(
                  "INSERT INTO plain (x) VALUES ('"
                      + raise()
                      + "'), (random()), ('"
                      + raise()
                      + "')"),
          () -> sql("INSERT " + clause() + " INTO plain (x) VALUES ('" + raise() + "')"),
          () -> sql("DELETE FROM plain WHERE rowid % 3 = " + random().nextInt(3)),
          () ->
              sql(
                  "INSERT "
                      + clause()
                      + " INTO keyed VALUES ('"
                      + word()
                      + "', "
                      + small() / 5
                      + ", random()), ('"
                      + word()
                      + "', "
                      + small() / 5
                      + ", current_timestamp)"),
          () -> sql("UPDATE " + clause() + " keyed SET j = j + 1 WHERE k > '" + word() + "'"),
          () -> Statement.of("INSERT INTO plain VALUES (?, ?)", value(), value()),
          () -> Statement.of("INSERT INTO plain VALUES (?, ?)", value()),
          this::document,
          this::document,
          this::document,
          this::planned,
          this::planned,
          this::planned,
          this::statistics,
          this::statistics,
          this::returning,
          this::returning,
          () -> sql("INSERT INTO docs SELECT what, x FROM log ORDER BY n DESC LIMIT 3"),
          () ->
              sql(
                  "UPDATE docs SET body = body || ' "
                      + word()
                      + "' WHERE docs MATCH '"
                      + word()
                      + "'"),
          () -> sql("DELETE FROM docs WHERE rowid % 6 = " + random().nextInt(6)),
          () ->
              sql(
                  "INSERT INTO docs (docs) VALUES ('"
                      + pick(
                          "integrity-check",
                          "no-such-command",
                          "integrity-check",
                          pick("optimize", "rebuild", "integrity-check"))
                      + "')"),
          () ->
              sql(
                  "INSERT INTO log (what, x) SELECT 'found', group_concat(rowid) FROM"
                      + " (SELECT rowid FROM docs WHERE docs MATCH '"
                      + word()
                      + "' ORDER BY rank LIMIT 4)"),
          () ->
              sql(
                  "INSERT "
                      + clause()
                      + " INTO boxes VALUES ("
                      + small()
                      + ", "
                      + small()
                      + ", "
                      + "60 + random() % 9, current_time)"),
          () -> sql("DELETE FROM boxes WHERE x0 > " + small() + " AND x1 < 66"),
          () -> sql("INSERT " + clause() + " INTO parent VALUES (" + small() / 4 + ", random())"),
          () -> sql("DELETE FROM parent WHERE id = " + small() / 4),
          () -> sql("INSERT INTO child (p) VALUES (" + small() / 4 + ")"),
          () -> sql("INSERT INTO late (p) VALUES (" + small() / 4 + "), (" + small() / 4 + ")"),
          () -> sql("UPDATE late SET p = " + small() / 4 + " WHERE id % 4 = " + small() % 4),
          () ->
              sql(
                  "CREATE TABLE IF NOT EXISTS late (id INTEGER PRIMARY KEY,"
                      + " p REFERENCES parent DEFERRABLE INITIALLY DEFERRED)"),
          () -> sql("DROP TABLE IF EXISTS late"),
          () -> sql("CREATE TABLE IF NOT EXISTS " + extra() + " (x, y DEFAULT (random()))"),
          () ->
              sql("CREATE TABLE " + extra() + " AS SELECT a, random() AS x, 1 AS y FROM t LIMIT 5"),
          () -> sql("INSERT INTO " + extra() + " (x) SELECT id FROM t LIMIT 3"),
          () -> sql("ALTER TABLE " + extra() + " ADD COLUMN z" + small() + " DEFAULT 7"),
          () -> sql("ALTER TABLE " + extra() + " RENAME TO " + extra()),
          () -> sql("ALTER TABLE " + extra() + " DROP COLUMN y"),
          () -> sql("CREATE INDEX " + extra() + "_i ON " + extra() + " (x)"),
          () ->
              sql(
                  "CREATE TRIGGER "
                      + extra()
                      + "_g AFTER INSERT ON "
                      + extra()
                      + " BEGIN INSERT INTO log (what, x) VALUES ('extra', changes() || random());"
                      + " END"),
          () -> sql("DROP TABLE IF EXISTS " + extra()),
          () -> sql("CREATE INDEX bad_" + small() + " ON t (datetime('now'))"),
          () -> sql(pick("ANALYZE", "ANALYZE t", "ANALYZE main", "REINDEX", "REINDEX t_day")),
          () ->
              sql(
                  wild
                      ? pick(
                          "INSERT INTO plain (rowid) VALUES (9223372036854775807)",
                          "UPDATE sqlite_sequence SET seq = 9223372036854775807")
                      : "UPDATE sqlite_sequence SET seq = seq + 2"),
          () ->
              sql(
                  pick(
                      "SELECT abs(-9223372036854775808)",
                      "SELECT json('{')",
                      "INSERT INTO",
                      "SELECT * FROM nowhere",
                      "BEGIN",
                      "PRAGMA foreign_keys = 0",
                      "SELECT total_changes()",
                      "CREATE TEMP TABLE x (y)",
                      "DELETE FROM _peqlite_keys",
                      "SELECT sqlite_version()",
                      "VACUUM",
                      "ATTACH ':memory:' AS m",
                      "INSERT INTO log (x) VALUES (zeroblob(1 << 30))")),
          () -> sql("SELECT random(), datetime('now'), changes(), count(*), total(a) FROM t"),
          () -> sql("SELECT * FROM log ORDER BY n DESC LIMIT 2"));

  RandomRequests(Random random) {
    this.random = random;
  }

  /**
   * Whether statements may end the transaction that they run in. From then on a replica commits
   * each request by itself, so this must not be all the time.
   */
  void wild(boolean on) {
    wild = on;
  }

  /** The next request; sometimes one with a key, sometimes one that was made before. */
  WriteRequest next() {
    if (!keyed.isEmpty() && random.nextInt(20) == 0) {
      return keyed.get(random.nextInt(keyed.size()));
    }
    int count = 1 + random.nextInt(random.nextInt(5) + 1);
    List<Statement> statements = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Statement one = kinds.get(random.nextInt(kinds.size())).get();
      boolean joined = i < count - 1 && random.nextInt(6) == 0;
      statements.add(new Statement(one.sql(), one.parameters(), joined));
    }
    boolean transaction = random.nextInt(3) == 0;
    if (random.nextInt(8) > 0) {
      return new WriteRequest(
          statements, transaction, transaction && random.nextInt(6) == 0, Optional.empty());
    }
    WriteRequest request =
        new WriteRequest(
            statements,
            transaction,
            false,
            Optional.of(
                new IdempotencyKey(
                    pick("", "anna"), "key " + random.nextInt(1 + keyed.size() * 2))));
    keyed.add(request);
    return request;
  }

  private Statement document() {
    return sql("INSERT INTO docs VALUES ('" + word() + "', '" + word() + " ' || random())");
  }

  /** Which rows come first rests on the index that the planner takes. */
  private Statement planned() {
    int a = random.nextInt(6);
    int b = random.nextInt(80);
    return sql(
        "INSERT INTO log (what, x) SELECT 'planned', group_concat(rowid) FROM (SELECT planned.rowid"
            + " FROM"
            + pick(
                (" planned WHERE a BETWEEN " + a + " AND " + (a + 1))
                    + (" AND b BETWEEN " + b + " AND " + (b + 20) + " LIMIT 4)"),
                " planned JOIN t USING (a) LIMIT 4)",
                " planned JOIN t ON planned.b = t.a LIMIT 4)"));
  }

  private Statement statistics() {
    return sql(
        pick(
            "UPDATE sqlite_stat1 SET stat = '2 1' WHERE tbl = 'planned'",
            "UPDATE sqlite_stat1 SET stat = '90000 900' WHERE tbl = 'planned'",
            "UPDATE sqlite_stat1 SET stat = '90000 90 90 90' WHERE tbl = 't'",
            "DELETE FROM sqlite_stat1 WHERE idx = 't_a'",
            "INSERT INTO sqlite_stat1 VALUES ('extra_1', 'extra_1_i', '90 " + small() + "')",
            "DELETE FROM sqlite_stat4",
            "DROP TABLE IF EXISTS sqlite_stat4"));
  }

  private Statement returning() {
    return sql(
        "INSERT OR REPLACE INTO keyed VALUES ('"
            + word()
            + "', random() % 9, datetime('now')), ('x', 1, 2) RETURNING k, j, v, random()");
  }

  private Random random() {
    return random;
  }

  private static Statement sql(String sql) {
    return Statement.of(sql);
  }

  private String clause() {
    return CLAUSES[wild ? random.nextInt(CLAUSES.length) : 1 + random.nextInt(CLAUSES.length - 1)];
  }

  private int small() {
    return random.nextInt(60);
  }

  private String word() {
    return pick("apple", "Bear", "cat", "dog", "Egg", "fox", "goat");
  }

  private String raise() {
    return pick(wild ? "rollback" : "loud", "abort", "fail", "ignore", "nothing", "quiet");
  }

  private String extra() {
    return "extra_" + random.nextInt(4);
  }

  private String row() {
    String day = "20" + (10 + small() / 4) + "-0" + (1 + random.nextInt(9)) + "-15 12:00";
    return small() + ", '" + day + "', " + pick("random() % 100", "julianday('now')", "NULL");
  }

  private Value value() {
    return switch (random.nextInt(6)) {
      case 0 -> Value.NULL;
      case 1 -> new Value.Int64(random.nextLong());
      case 2 -> new Value.Real(random.nextBoolean() ? random.nextGaussian() : Double.NaN);
      case 3 -> new Value.Text("\u00e4\u20ac\ud83d\ude00\u0000" + word());
      case 4 -> new Value.Text(pick(wild ? "rollback" : "calm", "abort", "", word()));
      default -> {
        byte[] bytes = new byte[random.nextInt(50)];
        random.nextBytes(bytes);
        yield new Value.Blob(bytes);
      }
    };
  }

  private String pick(String... choices) {
    return choices[random.nextInt(choices.length)];
  }
}
