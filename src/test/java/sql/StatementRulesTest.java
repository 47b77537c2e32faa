package sql;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class StatementRulesTest {

  private static final StatementRules RULES = new StatementRules(false);
  private static final StatementRules WITH_FOREIGN_KEYS = new StatementRules(true);

  @ParameterizedTest
  @ValueSource(strings = {"", " \n\t", "-- only", "/* only */", "/* open", ";", " ; ; "})
  void findsNothingToRun(String sql) {
    assertEquals(new Classification.Empty(), RULES.classify(sql));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT 1",
        "select 1;",
        " \uFEFF/* a */ -- b\n SELECT 1",
        "VALUES(1, 2)",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM dbstat",
        "SELECT * FROM pragma_table_info('t')",
        "SELECT sqlite_version(), total_changes()",
        "SELECT '_peqlite_applied'",
        "SELECT a, '_peqlite_applied' FROM t WHERE a IN ('_peqlite', 'b')",
        "SELECT a IS DISTINCT FROM '_peqlite'",
        "SELECT name FROM sqlite_schema WHERE name NOT LIKE '_peqlite%'",
        "SELECT load_extension FROM t",
        "SELECT my_peqlite FROM t",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "WITH RECURSIVE a(x, y) AS (SELECT 1, 2), b AS (VALUES(1)) SELECT * FROM a, b",
        "WITH replace AS (SELECT 1), \"insert\" AS NOT MATERIALIZED (SELECT 2) SELECT 3",
        "WITH a AS MATERIALIZED (SELECT ')') VALUES(1)",
        "EXPLAIN SELECT 1",
        "EXPLAIN INSERT INTO t VALUES(1)",
        "explain query plan delete from t",
        "EXPLAIN QUERY PLAN WITH a AS (SELECT 1) UPDATE t SET a = 1",
        "EXPLAIN CREATE TABLE t(a)",
        "EXPLAIN CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END",
      })
  void reads(String sql) {
    assertEquals(new Classification.Read(), RULES.classify(sql));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "blah",
        "blah blah",
        "(SELECT 1)",
        "\"SELECT\" 1",
        "'INSERT' INTO t VALUES(1)",
        "1",
        "?",
        "'open",
        "^",
        "INSERTINTO t",
        "\u00e9",
        "BEGIN\u00e9",
        "\u017felect 1",
        "EXPLAIN",
        "EXPLAIN EXPLAIN SELECT 1",
        "EXPLAIN blah",
        "WITH",
        "WITH a",
        "WITH a AS",
        "WITH a AS (SELECT 1",
        "WITH a AS (SELECT 1)",
        "WITH a AS (SELECT 1), INSERT INTO t VALUES(1)",
        "WITH a AS (SELECT 1) blah",
      })
  void leavesSyntaxErrorsToSqlite(String sql) {
    assertEquals(new Classification.Read(), RULES.classify(sql));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "INSERT INTO t VALUES(1)",
        "INSERT OR REPLACE INTO t SELECT 1",
        "REPLACE INTO t VALUES(1)",
        "UPDATE t SET a = 1",
        "DELETE FROM t",
        "CREATE TABLE t(a)",
        "CREATE TABLE temp(a)",
        "CREATE TABLE IF NOT EXISTS main.t(a)",
        "CREATE UNIQUE INDEX i ON t(a)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE TRIGGER tr AFTER INSERT ON t BEGIN DELETE FROM u; END;",
        "CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; END",
        "CREATE VIRTUAL TABLE f USING fts5(a, b)",
        "CREATE VIRTUAL TABLE IF NOT EXISTS main.f USING FTS4(a)",
        "create virtual table f using \"rtree\"(id, a, b)",
        "CREATE VIRTUAL TABLE f USING rtree_i32(id, a, b)",
        "CREATE VIRTUAL TABLE f USING fts3",
        "CREATE VIRTUAL TABLE f USING fts5vocab('t', 'row')",
        "DROP TABLE t",
        "ALTER TABLE t RENAME TO u",
        "ANALYZE",
        "ANALYZE t",
        "ANALYZE sqlite_master",
        "ANALYZE sqlite_schema",
        "analyze main.SQLITE_MASTER",
        "REINDEX",
        "REINDEX t",
        "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
        "WITH RECURSIVE replace(x) AS (SELECT 1) REPLACE INTO t SELECT * FROM replace",
        "WITH a AS (SELECT 1) UPDATE t SET a = 1",
        "WITH a AS (SELECT 1) DELETE FROM t",
        "INSERT blah blah",
        "INSERT INTO t VALUES('dbstat'), ('sqlite_master'), ('pragma_table_info')",
        "INSERT INTO t SELECT a, 'dbstat' FROM u WHERE b IN ('sqlite_schema', 'x')",
        "UPDATE t SET total_changes = 1, sqlite_version = 2",
        "CREATE TABLE total_changes (a)",
        "INSERT INTO total_changes (a) VALUES(1)",
        "UPDATE t SET a = temp.a FROM u AS temp WHERE temp.b = t.b",
        "INSERT INTO t(name) VALUES(\"fiona\")",
        "INSERT INTO t VALUES(random(), datetime('now'), CURRENT_TIMESTAMP, last_insert_rowid())",
        "DELETE FROM sqlite_sequence WHERE name = 't'",
        "INSERT INTO my_peqlite VALUES(1)",
        "CREATE TABLE my_peqlite(a)",
      })
  void writes(String sql) {
    assertInstanceOf(Classification.Write.class, RULES.classify(sql));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "BEGIN|transaction flag",
        "begin immediate|transaction flag",
        "COMMIT|transaction flag",
        "END TRANSACTION|transaction flag",
        "/* a */ ROLLBACK|transaction flag",
        "\uFEFFROLLBACK TO a|transaction flag",
        "SAVEPOINT a|transaction flag",
        "RELEASE a|transaction flag",
        "EXPLAIN BEGIN|transaction flag",
        "ATTACH ':memory:' AS a|one database",
        "DETACH a|one database",
        "VACUUM|renumber",
        "vacuum into 'f'|renumber",
        "EXPLAIN VACUUM|renumber",
        "SELECT 1; SELECT 2|several",
        "SELECT 1;; DELETE FROM t|several",
        "CREATE TABLE a(b); DROP TABLE c|several",
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END; DROP TABLE c|several",
        "CREATE TEMP TABLE t(a)|without TEMP",
        "create /* a */ temporary view v AS SELECT 1|without TEMP",
        "CREATE TEMP TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END|without TEMP",
        "EXPLAIN CREATE TEMP TABLE t(a)|without TEMP",
        "CREATE TABLE temp.t(a)|the schema temp",
        "CREATE TABLE IF NOT EXISTS \"TEMP\".t(a)|the schema temp",
        "CREATE INDEX [temp].i ON t(a)|the schema temp",
        "CREATE VIEW temp.v AS SELECT 1|the schema temp",
        "CREATE TRIGGER 'temp'.a AFTER INSERT ON t BEGIN SELECT 1; END|the schema temp",
        "INSERT INTO temp.t VALUES(1)|the schema temp",
        "INSERT OR IGNORE INTO temp.t VALUES(1)|the schema temp",
        "REPLACE INTO temp.t VALUES(1)|the schema temp",
        "UPDATE temp.t SET a = 1|the schema temp",
        "UPDATE OR ABORT temp.t SET a = 1|the schema temp",
        "DELETE FROM temp.t|the schema temp",
        "DROP TABLE IF EXISTS temp.t|the schema temp",
        "ALTER TABLE temp.t RENAME TO u|the schema temp",
        "ANALYZE temp|the schema temp",
        "ANALYZE temp.t|the schema temp",
        "REINDEX temp.t|the schema temp",
        "INSERT INTO t SELECT * FROM u JOIN temp.v|the schema temp",
        "INSERT INTO t SELECT * FROM u, temp.v|the schema temp",
        "INSERT INTO t SELECT * FROM (u, temp.v)|the schema temp",
        "INSERT INTO other.t VALUES(1)|the schema other",
        "INSERT INTO _peqlite_applied VALUES(1)|_peqlite",
        "INSERT INTO \"_PEQLITE_applied\" VALUES(1)|_peqlite",
        "INSERT INTO [_Peqlite] VALUES(1)|_peqlite",
        "INSERT INTO `_peqlite` VALUES(1)|_peqlite",
        "INSERT INTO '_peqlite' VALUES(1)|_peqlite",
        "INSERT INTO main._peqlite VALUES(1)|_peqlite",
        "INSERT INTO t VALUES('_peqlite')|_peqlite",
        "UPDATE t SET a = (SELECT b FROM _peqlite)|_peqlite",
        "DROP TABLE _peqlite|_peqlite",
        "ALTER TABLE t RENAME TO _peqlite|_peqlite",
        "CREATE VIEW v AS SELECT * FROM _peqlite|_peqlite",
        "CREATE VIRTUAL TABLE f USING fts5(a, content=_peqlite)|_peqlite",
        "CREATE VIRTUAL TABLE f USING fts5(a, content='main. _PEQLITE')|_peqlite",
        "WITH a AS (SELECT * FROM _peqlite) DELETE FROM t|_peqlite",
        "SELECT * FROM _peqlite|_peqlite",
        "SELECT * FROM '_peqlite'|_peqlite",
        "SELECT * FROM t, main.'_PEQLITE'|_peqlite",
        "SELECT * FROM (t JOIN '_peqlite')|_peqlite",
        "SELECT * FROM t AS x JOIN u ON x.a = u.a, '_peqlite'|_peqlite",
        "SELECT 1 WHERE 1 IN '_peqlite'|_peqlite",
        "SELECT \"_peqlite\"|_peqlite",
        "WITH a AS (SELECT * FROM _peqlite) SELECT 1|_peqlite",
        "EXPLAIN SELECT * FROM _peqlite|_peqlite",
        "PRAGMA table_info(_peqlite)|_peqlite",
        "INSERT INTO t SELECT pgno FROM dbstat|dbstat",
        "INSERT INTO t SELECT pgno FROM u, 'dbstat'|dbstat",
        "CREATE VIEW v AS SELECT * FROM \"DBSTAT\"|dbstat",
        "INSERT INTO t SELECT * FROM pragma_page_count|pragma_page_count",
        "INSERT INTO t SELECT * FROM pragma_table_info('t')|pragma_table_info",
        "INSERT INTO t SELECT * FROM 'pragma_page_count'|pragma_page_count",
        "INSERT INTO t VALUES(sqlite_version())|sqlite_version",
        "INSERT INTO t VALUES(\"sqlite_source_id\" ())|sqlite_source_id",
        "INSERT INTO t VALUES(fts5_source_id())|fts5_source_id",
        "INSERT INTO t VALUES(total_changes())|total_changes",
        "UPDATE t SET a = sqlite_compileoption_get(1)|sqlite_compileoption_get",
        "UPDATE t SET a = sqlite_compileoption_used('x')|sqlite_compileoption_used",
        "INSERT INTO t SELECT * FROM sqlite_dbpage|sqlite_dbpage",
        "INSERT INTO t SELECT * FROM bytecode('SELECT 1')|bytecode",
        "INSERT INTO t SELECT * FROM tables_used('SELECT 1')|tables_used",
        "INSERT INTO t SELECT * FROM sqlite_stmt|sqlite_stmt",
        "INSERT INTO t SELECT * FROM sqlite_memstat|sqlite_memstat",
        "INSERT INTO t SELECT rootpage FROM sqlite_master|sqlite_master",
        "INSERT INTO t SELECT rootpage FROM 'sqlite_schema'|sqlite_schema",
        "INSERT INTO t SELECT 1 WHERE 1 IN \"sqlite_schema\"|sqlite_schema",
        "INSERT INTO t SELECT 1 FROM temp.sqlite_master|the schema temp",
        "INSERT INTO t SELECT 1 FROM sqlite_temp_master|sqlite_temp_master",
        "INSERT INTO t SELECT 1 FROM sqlite_temp_schema|sqlite_temp_schema",
        "CREATE VIRTUAL TABLE f USING fts4(content='sqlite_master')|sqlite_master",
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN DELETE FROM sqlite_sequence; END|in a trigger",
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN DELETE FROM 'sqlite_stat1'; END|in a trigger",
        "CREATE VIRTUAL TABLE f USING dbstat|module",
        "CREATE VIRTUAL TABLE f USING fts3tokenize|module",
        "CREATE VIRTUAL TABLE f|module",
        "SELECT load_extension('x')|load_extension",
        "SELECT \"load_extension\" ('x', 'y')|load_extension",
        "INSERT INTO t SELECT load_extension('x')|load_extension",
        "SELECT fts3_tokenizer('simple', ?)|fts3_tokenizer",
        "INSERT INTO t VALUES(FTS3_TOKENIZER(?))|fts3_tokenizer",
        "SELECT * FROM pragma_optimize|pragma_optimize",
        "EXPLAIN PRAGMA table_info(t)|EXPLAIN PRAGMA",
        "EXPLAIN QUERY PLAN PRAGMA foreign_keys=1|EXPLAIN PRAGMA",
      })
  void refusesWithAReason(String sql, String part) {
    assertTrue(refusal(sql).contains(part), () -> refusal(sql));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT '\0'",
        "SELECT 1 \0",
        "SELECT '\ud83d'",
        "SELECT '\ude00'",
        "-- \ude00\ud83d",
        "\ud83d"
      })
  void refusesCharactersThatSqliteWouldNotSee(String sql) {
    assertTrue(refusal(sql).contains("NUL"));
  }

  @Test
  void takesWholeSurrogatePairs() {
    assertEquals(new Classification.Read(), RULES.classify("SELECT '\ud83d\ude00', 1"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"off", "OFF", "no", "false", "0", "'off'", "\"no\"", "[false]"})
  void acceptsForeignKeysAsTheyAre(String value) {
    String[] forms = {
      "PRAGMA foreign_keys=" + value,
      "pragma FOREIGN_KEYS = " + value + " ;",
      "PRAGMA foreign_keys(" + value + ")",
      "/* a */ PRAGMA main . \"foreign_keys\" ( " + value + " ) -- b",
      "PRAGMA 'foreign_keys' == " + value,
    };
    for (String form : forms) {
      assertEquals(new Classification.Accepted(), RULES.classify(form));
      assertInstanceOf(Classification.Refused.class, WITH_FOREIGN_KEYS.classify(form));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"on", "ON", "yes", "true", "1", "'on'"})
  void refusesForeignKeysAsTheyAreNot(String value) {
    String sql = "PRAGMA foreign_keys=" + value;
    assertTrue(refusal(sql).startsWith("PRAGMA foreign_keys is refused: foreign keys are off"));
    assertEquals(new Classification.Accepted(), WITH_FOREIGN_KEYS.classify(sql));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "PRAGMA journal_mode=WAL",
        "PRAGMA JOURNAL_MODE = delete",
        "pragma journal_mode(wal)",
        "PRAGMA main.journal_mode=wal",
        "PRAGMA \"main\" . [journal_mode] /* a */ = -- b\n wal",
        "PRAGMA wal_autocheckpoint=1000",
        "PRAGMA wal_autocheckpoint(0)",
        "PRAGMA wal_checkpoint",
        "PRAGMA wal_checkpoint=TRUNCATE",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA main.wal_checkpoint",
        "PRAGMA synchronous=OFF",
        "PRAGMA 'synchronous'(1)",
        "PRAGMA query_only=1",
        "PRAGMA query_only = ",
      })
  void recognizesDisallowedPragmas(String sql) {
    assertEquals(new Classification.DisallowedPragma(), RULES.classify(sql));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "PRAGMA table_info(t)",
        "PRAGMA table_info=t",
        "PRAGMA main.table_info('t')",
        "PRAGMA table_xinfo(t)",
        "PRAGMA table_list",
        "PRAGMA table_list(t)",
        "PRAGMA index_list(\"t\")",
        "PRAGMA index_info(i)",
        "PRAGMA index_xinfo(i)",
        "PRAGMA foreign_key_list(t)",
        "PRAGMA foreign_key_check",
        "PRAGMA foreign_key_check(t)",
        "PRAGMA foreign_keys",
        "PRAGMA integrity_check",
        "PRAGMA integrity_check(5)",
        "PRAGMA quick_check",
        "PRAGMA user_version",
        "PRAGMA application_id",
        "PRAGMA schema_version",
        "PRAGMA page_count",
        "PRAGMA page_size",
        "PRAGMA freelist_count",
        "PRAGMA encoding;",
        "PRAGMA collation_list",
        "PRAGMA function_list",
        "PRAGMA module_list",
        "PRAGMA compile_options",
        "PRAGMA database_list",
        "PRAGMA data_version",
        "PRAGMA journal_mode",
        "PRAGMA synchronous",
        "PRAGMA auto_vacuum",
        "PRAGMA wal_autocheckpoint",
        "PRAGMA query_only",
      })
  void readsWithPragmas(String sql) {
    assertEquals(new Classification.Read(), RULES.classify(sql));
  }

  @ParameterizedTest
  @CsvSource({
    "PRAGMA user_version=5,user_version",
    "PRAGMA user_version(5),user_version",
    "PRAGMA foreign_keys=2,foreign_keys",
    "PRAGMA foreign_keys=off on,foreign_keys",
    "PRAGMA foreign_keys(off,foreign_keys",
    "PRAGMA foreign_keys off,foreign_keys",
    "PRAGMA foreign_keys=-1,foreign_keys",
    "PRAGMA temp.foreign_keys=off,foreign_keys",
    "PRAGMA temp.table_info(t),table_info",
    "PRAGMA other.journal_mode=wal,journal_mode",
    "PRAGMA table_info,table_info",
    "PRAGMA table_info(t) x,table_info",
    "PRAGMA writable_schema=1,writable_schema",
    "PRAGMA defer_foreign_keys=1,defer_foreign_keys",
    "PRAGMA recursive_triggers(1),recursive_triggers",
    "PRAGMA optimize,optimize",
    "PRAGMA incremental_vacuum,incremental_vacuum",
    "PRAGMA shrink_memory,shrink_memory",
    "PRAGMA case_sensitive_like,case_sensitive_like",
    "PRAGMA encoding='UTF-16',encoding",
    "PRAGMA BLAH,blah",
  })
  void refusesOtherPragmas(String sql, String name) {
    assertTrue(refusal(sql).startsWith("PRAGMA " + name + " is refused: "), () -> refusal(sql));
  }

  @ParameterizedTest
  @ValueSource(strings = {"PRAGMA", "PRAGMA 1", "PRAGMA =", "PRAGMA main.", "PRAGMA (x)"})
  void refusesPragmasWithoutAName(String sql) {
    assertTrue(refusal(sql).startsWith("PRAGMA is refused"), () -> refusal(sql));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE INDEX i ON t(date())",
        "CREATE INDEX i ON t(a, date ( /* a */ ))",
        "CREATE UNIQUE INDEX i ON t(datetime('now'))",
        "CREATE INDEX IF NOT EXISTS main.i ON t(time('NOW'))",
        "CREATE INDEX i ON t(julianday(\"now\"))",
        "CREATE INDEX i ON t(unixepoch(x'6E6f77'))",
        "CREATE INDEX i ON t(strftime('%s'))",
        "CREATE INDEX i ON t(strftime('%s', 'now'))",
        "CREATE INDEX i ON t(timediff(a))",
        "CREATE INDEX i ON t(timediff(a, 'now'))",
        "CREATE INDEX i ON t(\"date\"())",
        "CREATE INDEX i ON t(date(a, 'localtime'))",
        "CREATE INDEX i ON t(date(a, 'UTC'))",
        "CREATE INDEX i ON t(unixepoch('subsec'))",
        "CREATE INDEX i ON t(strftime('%f', 'subsecond'))",
        "CREATE INDEX i ON t(date(coalesce(a, 'subsec')))",
        "CREATE INDEX i ON t(date(CASE WHEN a IS NULL THEN a ELSE 'now' END))",
        "CREATE INDEX i ON t(a) WHERE a > date('now')",
        "CREATE INDEX i ON t(a) WHERE a > datetime()",
        "CREATE TABLE t(a, b AS (datetime('now')))",
        "CREATE TABLE t(a, b TEXT GENERATED ALWAYS AS (date()) STORED)",
        "CREATE TABLE t(a CHECK(a > 1), b AS (strftime('%s')) VIRTUAL, c)",
        "CREATE TABLE IF NOT EXISTS main.t(a, n AS ('now'), b AS (date(n)))",
        "ALTER TABLE t ADD COLUMN c AS (datetime('now'))",
        "ALTER TABLE t ADD c INT GENERATED ALWAYS AS (unixepoch()) VIRTUAL",
      })
  void refusesTheClockInStoredExpressions(String sql) {
    assertTrue(refusal(sql).startsWith("the clock in an index"), () -> refusal(sql));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE INDEX i ON t(date(a))",
        "CREATE INDEX i ON t(date(a, '+1 day'), b)",
        "CREATE INDEX i ON t(strftime('%Y', a))",
        "CREATE INDEX i ON t(timediff(a, b))",
        "CREATE INDEX i ON t(unixepoch(a, 'subsec'))",
        "CREATE INDEX i ON t(strftime('%f', a, 'subsecond', '+1 day'))",
        "CREATE INDEX i ON t(\"datetime\"(a))",
        "CREATE INDEX i ON t(a) WHERE date(a) > '2020-01-01'",
        "CREATE TABLE t(a, b AS (date(a)) STORED, c DEFAULT (datetime('now')))",
        "ALTER TABLE t ADD COLUMN c AS (julianday(a))",
      })
  void tellsOfStoredDateFunctions(String sql) {
    assertTrue(traits(sql).storedDateFunction());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE INDEX date ON t(date, time)",
        "CREATE INDEX i ON date(a)",
        "CREATE INDEX i ON t(a) WHERE a = 'now'",
        "CREATE TABLE t(a DEFAULT CURRENT_TIMESTAMP, b DEFAULT (datetime('now')), c AS (a + 1))",
        "CREATE TABLE t(a CHECK(a < datetime('now')))",
        "CREATE TABLE t AS SELECT datetime('now') AS a",
        "CREATE TABLE t AS SELECT * FROM (WITH d AS (SELECT date('now')) SELECT * FROM d)",
        "CREATE VIEW v AS SELECT date('now')",
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN UPDATE t SET b = date('now'); END",
        "INSERT INTO t VALUES(date('now'))",
        "ALTER TABLE t ADD COLUMN c DEFAULT 'now'",
      })
  void leavesOtherDatesAlone(String sql) {
    assertFalse(traits(sql).storedDateFunction());
  }

  @Test
  void tellsTheTraitsOfAnInsert() {
    assertEquals(
        new WriteTraits(
            true, Optional.of("t"), false, true, false, false, false, false, false, false),
        traits("INSERT INTO t VALUES(1)"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "INSERT INTO t VALUES(1)|t",
        "INSERT OR IGNORE INTO \"my \"\"t\"\"\"(a) VALUES(1)|my \"t\"",
        "REPLACE INTO main.[a b] VALUES(1)|a b",
        "insert into 'it''s' values(1)|it's",
        "UPDATE OR ROLLBACK `u` SET a = 1|u",
        "UPDATE main.u SET a = 1|u",
        "DELETE FROM d WHERE a = 1|d",
        "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x|t",
        "WITH x(delete_from) AS (SELECT 1) DELETE FROM \"main\".\"d\"|d",
      })
  void tellsTheTarget(String sql, String target) {
    assertEquals(Optional.of(target), traits(sql).target());
    assertTrue(traits(sql).dataChange());
    assertFalse(traits(sql).schemaChange());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"INSERT", "INSERT blah", "UPDATE", "DELETE t", "REPLACE t", "INSERT INTO 1"})
  void tellsNoTargetOfWhatCannotBeRead(String sql) {
    assertEquals(Optional.empty(), traits(sql).target());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE TABLE t(a)",
        "DROP VIEW v",
        "ALTER TABLE t DROP COLUMN a",
        "create view v as select 1"
      })
  void tellsSchemaChanges(String sql) {
    assertTrue(traits(sql).schemaChange());
    assertFalse(traits(sql).dataChange());
    assertEquals(Optional.empty(), traits(sql).target());
  }

  @Test
  void tellsInsertsFromOtherChanges() {
    assertTrue(traits("REPLACE INTO t VALUES(1)").insert());
    assertTrue(traits("WITH a AS (SELECT 1) INSERT INTO t SELECT 1").insert());
    assertFalse(traits("UPDATE t SET a = (SELECT replace(a, b, c))").insert());
    assertFalse(traits("ANALYZE").dataChange());
    assertFalse(traits("REINDEX").schemaChange());
  }

  @Test
  void tellsReturningAtTheTopOnly() {
    assertTrue(traits("DELETE FROM t RETURNING a").returning());
    assertTrue(traits("INSERT INTO t VALUES(1) ON CONFLICT DO NOTHING returning *").returning());
    assertFalse(traits("DELETE FROM t WHERE a = 'RETURNING'").returning());
    assertFalse(traits("UPDATE t SET \"RETURNING\" = 1").returning());
    assertFalse(
        traits("CREATE TRIGGER a AFTER INSERT ON t BEGIN DELETE FROM u RETURNING 1; END")
            .returning());
  }

  @Test
  void tellsWhatIsMentioned() {
    String deferred = "CREATE TABLE t(a REFERENCES u DEFERRABLE INITIALLY DEFERRED)";
    assertTrue(traits(deferred).mentionsDeferred());
    assertFalse(traits("INSERT INTO t VALUES('DEFERRED')").mentionsDeferred());
    assertTrue(traits("DELETE FROM SQLITE_STAT4").mentionsStatistics());
    assertTrue(traits("DROP TABLE 'sqlite_stat1'").mentionsStatistics());
    assertFalse(traits("DELETE FROM t").mentionsStatistics());
    assertTrue(traits("UPDATE \"sqlite_sequence\" SET seq = 1").mentionsSequence());
    assertFalse(traits("DELETE FROM t").mentionsSequence());
  }

  private static String refusal(String sql) {
    return assertInstanceOf(Classification.Refused.class, RULES.classify(sql), sql).reason();
  }

  private static WriteTraits traits(String sql) {
    return assertInstanceOf(Classification.Write.class, RULES.classify(sql), sql).traits();
  }
}
