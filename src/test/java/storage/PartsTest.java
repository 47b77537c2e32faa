package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sql.Position;

/** A request that is spread over several events. */
class PartsTest {

  private static final int PART_BYTES = 20;

  @TempDir private Path folder;
  private EventChain chain = EventChain.create();
  private ReplicaFixture replica;

  @BeforeEach
  void open() throws ReplicaException {
    replica = ReplicaFixture.open(folder);
    replica.run(chain, "CREATE TABLE log (v)");
  }

  @AfterEach
  void close() {
    replica.close();
  }

  @Test
  void takesTheRequestWithItsLastPart() throws SQLException {
    List<Entry> parts = parts(2, "INSERT INTO log VALUES ('a large request')");
    for (Entry part : parts.subList(0, parts.size() - 1)) {
      chain.append(part);
    }
    apply();
    assertEquals(2, replica.told.size());
    chain.append(parts.get(parts.size() - 1));
    apply();
    assertEquals(List.of("a large request"), logged());
    assertInstanceOf(AppliedEntry.Taken.class, replica.told.get(new Position(chain.head(), 0)));
    assertEquals(List.of("0"), stored());
  }

  @Test
  void isVoidedByAnOpening() throws SQLException {
    List<Entry> parts = parts(2, "INSERT INTO log VALUES ('voided')");
    chain.append(parts.get(0));
    chain.append(parts.get(1));
    chain.reopen();
    for (Entry part : parts.subList(2, parts.size())) {
      chain.append(part);
    }
    apply();
    assertEquals(List.of(), logged());
    assertEquals(List.of("0"), stored());
    // Sent again from the first part, under the same number.
    parts.forEach(chain::append);
    apply();
    assertEquals(List.of("voided"), logged());
  }

  @Test
  void startsAnewWithTheFirstPart() throws SQLException {
    List<Entry> parts = parts(2, "INSERT INTO log VALUES ('sent again')");
    chain.append(parts.get(0));
    chain.append(parts.get(1));
    parts.forEach(chain::append);
    apply();
    assertEquals(List.of("sent again"), logged());
  }

  @Test
  void comesToNothingIfAPartIsMissingOrTwice() throws SQLException {
    List<Entry> parts = parts(2, "INSERT INTO log VALUES ('incomplete')");
    chain.append(parts.get(0));
    parts.subList(2, parts.size()).forEach(chain::append);
    chain.append(parts.get(0));
    chain.append(parts.get(1));
    chain.append(parts.get(1));
    parts.subList(2, parts.size()).forEach(chain::append);
    apply();
    assertEquals(List.of(), logged());
    assertEquals(List.of("0"), stored());
  }

  @Test
  void doesNotMixTheRequestsOfTwoNumbers() throws SQLException {
    List<Entry> one = parts(2, "INSERT INTO log VALUES ('one')");
    List<Entry> two = parts(3, "INSERT INTO log VALUES ('two')");
    chain.append(one.get(0));
    two.subList(1, two.size()).forEach(chain::append);
    apply();
    assertEquals(List.of(), logged());
    two.forEach(chain::append);
    one.forEach(chain::append);
    apply();
    assertEquals(List.of("two", "one"), logged());
  }

  @Test
  void isTakenOnce() throws SQLException {
    List<Entry> parts = parts(2, "INSERT INTO log VALUES ('once')");
    parts.forEach(chain::append);
    parts.forEach(chain::append);
    chain.append(new Entry.Cancelled(EventChain.SESSION, 3));
    parts(3, "INSERT INTO log VALUES ('cancelled')").forEach(chain::append);
    apply();
    assertEquals(List.of("once"), logged());
    assertNull(replica.told.get(new Position(chain.head(), 0)));
    assertEquals(List.of("0"), stored());
  }

  @Test
  void goesOnBetweenPartsAndInTheLastOneAfterAStop() throws Exception {
    replica.close();
    chain = new EventChain(EventChain.FOREIGN_KEYS);
    Path file = folder.resolve("deferred.db");
    ApplySettings limited = ReplicaFixture.limited(true, 200_000, 0);
    replica = new ReplicaFixture(file, limited);
    replica.run(
        chain,
        "CREATE TABLE p (id INTEGER PRIMARY KEY)",
        "CREATE TABLE log (v REFERENCES p DEFERRABLE INITIALLY DEFERRED)");
    List<Entry> parts =
        parts(
            2,
            "INSERT INTO p VALUES (1)",
            "INSERT INTO p WITH n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n LIMIT 100000)"
                + " SELECT max(i) FROM n",
            "INSERT INTO log SELECT id FROM p");
    for (Entry part : parts) {
      chain.append(part);
      replica.apply(chain);
      replica.reopen(limited);
    }
    assertEquals(List.of("1"), replica.read("SELECT id FROM p"));
    replica.reopen(ReplicaFixture.settings(true));
    apply();
    assertEquals(List.of("1", "100001"), logged());
    assertEquals(List.of("0"), stored());
    assertEquals(List.of("0"), replica.read("SELECT count(*) FROM _peqlite_results"));
  }

  private static List<Entry> parts(long number, String... sql) {
    byte[] request = RequestCodec.encode(EventChain.statements(sql));
    int count = (request.length + PART_BYTES - 1) / PART_BYTES;
    List<Entry> parts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      byte[] bytes =
          Arrays.copyOfRange(
              request, i * PART_BYTES, Math.min(request.length, (i + 1) * PART_BYTES));
      parts.add(new Entry.Part(EventChain.SESSION, number, i, count, bytes));
    }
    return parts;
  }

  private void apply() {
    assertEquals(new ApplyResult.Applied(), replica.apply(chain));
  }

  private List<String> logged() throws SQLException {
    return replica.read("SELECT v FROM log");
  }

  private List<String> stored() throws SQLException {
    return replica.read("SELECT count(*) FROM _peqlite_parts");
  }
}
