package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sql.Position;

/** Sessions and their numbers: what is sent twice is done once, and what is given up never. */
class RequestsOnceTest {

  @TempDir private Path folder;
  private final EventChain chain = EventChain.create();
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
  void takesANumberOnceHoweverOftenItComes() throws SQLException {
    Entry request = log(2, "a");
    chain.append(request, request);
    chain.append(request);
    chain.append(log(2, "another request under the number"));
    apply();
    assertEquals(List.of("a"), logged());
    assertInstanceOf(AppliedEntry.Taken.class, replica.told.get(new Position(3, 0)));
    assertNull(replica.told.get(new Position(3, 1)));
    assertNull(replica.told.get(new Position(4, 0)));
  }

  @Test
  void usesANumberUpEvenIfItsRequestFails() throws SQLException {
    chain.append(request(2, "INSERT INTO nowhere VALUES (1)"));
    chain.append(log(2, "again"));
    apply();
    assertEquals(List.of(), logged());
  }

  @Test
  void takesNumbersInAnyOrder() throws SQLException {
    List<Integer> numbers = new ArrayList<>();
    for (int i = 2; i <= 200; i++) {
      numbers.add(i);
      numbers.add(i);
    }
    Collections.shuffle(numbers, new Random(7));
    for (List<Integer> batch : List.of(numbers.subList(0, 150), numbers.subList(150, 398))) {
      for (int number : batch) {
        chain.append(log(number, String.valueOf(number)));
      }
      apply();
      replica.close();
      try {
        replica = ReplicaFixture.open(folder);
      } catch (ReplicaException e) {
        throw new AssertionError(e);
      }
    }
    assertEquals(
        List.of("199|2|200"),
        replica.read("SELECT count(*), min(CAST(v AS INTEGER)), max(CAST(v AS INTEGER)) FROM log"));
    assertEquals(List.of("200|"), replica.read("SELECT low, strays FROM _peqlite_sessions"));
  }

  @Test
  void leavesNumbersFarBeyondTheWindowAlone() throws SQLException {
    chain.append(log(1 + Sessions.STRAYS_MAX + 1, "too far"));
    chain.append(log(1 + Sessions.STRAYS_MAX, "just inside"));
    chain.append(log(0, "zero"));
    chain.append(log(-1, "negative"));
    chain.append(log(Long.MAX_VALUE, "largest"));
    apply();
    assertEquals(List.of("just inside"), logged());
  }

  @Test
  void leavesWhatWasCancelledBefore() throws SQLException {
    chain.append(new Entry.Cancelled(EventChain.SESSION, 2));
    chain.append(log(2, "late"));
    chain.append(log(3, "next"));
    apply();
    assertEquals(List.of("next"), logged());
    assertEquals(
        new AppliedEntry.GivenUp(new Position(3, 0), EventChain.SESSION, 2),
        replica.told.get(new Position(3, 0)));
    assertNull(replica.told.get(new Position(4, 0)));
  }

  @Test
  void cannotCancelWhatIsTaken() throws SQLException {
    chain.append(log(2, "early"), new Entry.Cancelled(EventChain.SESSION, 2));
    apply();
    assertEquals(List.of("early"), logged());
    assertNull(replica.told.get(new Position(3, 1)));
  }

  @Test
  void takesNothingOfASessionThatIsNotOpen() throws SQLException {
    Position missing = new Position(1, 0);
    chain.append(EventChain.submitted(missing, 1, EventChain.statements(insert("x"))));
    chain.append(new Entry.Cancelled(missing, 1));
    chain.append(new Entry.SessionClosed(missing));
    chain.append(new Entry.SessionClosed(EventChain.SESSION));
    chain.append(log(2, "closed"));
    chain.append(new Entry.Cancelled(EventChain.SESSION, 3));
    apply();
    assertEquals(List.of(), logged());
    assertEquals(
        new AppliedEntry.SessionClosed(new Position(6, 0), EventChain.SESSION),
        replica.told.get(new Position(6, 0)));
    assertEquals(3, replica.told.size());
  }

  @Test
  void closesTheOldSessionWhenItsNodeOpensAnother() throws SQLException {
    chain.append(new Entry.SessionOpened(EventChain.NODE, "second nonce"));
    Position second = new Position(chain.head(), 0);
    chain.append(log(2, "of the old session"));
    chain.append(chain.request(second, EventChain.statements(insert("of the new one"))));
    apply();
    assertEquals(List.of("of the new one"), logged());
    assertEquals(new AppliedEntry.SessionOpened(second, "second nonce"), replica.told.get(second));
  }

  @Test
  void opensASessionOnceAlthoughItsOpeningCameTwice() throws SQLException {
    chain.append(new Entry.SessionOpened(EventChain.NODE, "nonce"));
    chain.append(log(2, "still open"));
    apply();
    assertEquals(List.of("still open"), logged());
    assertNull(replica.told.get(new Position(3, 0)));
  }

  @Test
  void leavesTheSessionsOfOtherNodesOpenAndTellsNothingOfThem() throws SQLException {
    chain.append(new Entry.SessionOpened("n2", "nonce"));
    Position other = new Position(chain.head(), 0);
    chain.append(chain.request(other, EventChain.statements(insert("other"))));
    chain.append(log(2, "own"));
    chain.append(new Entry.Cancelled(other, 2));
    chain.append(new Entry.SessionClosed(other));
    apply();
    assertEquals(List.of("other", "own"), logged());
    assertEquals(
        List.of(new Position(1, 1), new Position(2, 0), new Position(5, 0)),
        List.copyOf(replica.told.keySet()));
  }

  private void apply() {
    assertEquals(new ApplyResult.Applied(), replica.apply(chain));
  }

  private List<String> logged() throws SQLException {
    return replica.read("SELECT v FROM log");
  }

  private static Entry log(long number, String text) {
    return request(number, insert(text));
  }

  private static Entry request(long number, String sql) {
    return EventChain.submitted(EventChain.SESSION, number, EventChain.statements(sql));
  }

  private static String insert(String text) {
    return "INSERT INTO log VALUES ('" + text + "')";
  }
}
