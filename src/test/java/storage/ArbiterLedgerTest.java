package storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import storage.Arbiter.Entry;
import storage.Arbiter.Standing;
import storage.ArbiterLedger.Decision;

/** What calls do to a ledger; what follows from times is tested in {@link ArbiterStateTest}. */
class ArbiterLedgerTest {

  private static final Arbiter.Process A = new Arbiter.Process("a", "host-a:1", 1);
  private static final Arbiter.Process B = new Arbiter.Process("b", "host-b:1", -2);
  private static final Arbiter.Process A_AGAIN = new Arbiter.Process("a", "host-a:1", 9);
  private static final long SECOND = 1_000_000;

  private static ArbiterLedger formedByA() {
    ArbiterLedger ledger = ArbiterLedger.empty().enter(SECOND, A).after();
    return ledger.renew(SECOND, A, 1, true).after();
  }

  @Test
  void oneFormsAndTheOthersJoin() {
    Decision<Entry> first = ArbiterLedger.empty().enter(SECOND, A);
    assertEquals(new Entry.Form(1), first.answer());
    assertEquals(new Entry.Form(1), first.after().enter(SECOND, A).answer(), "asked once more");
    assertInstanceOf(Entry.Wait.class, first.after().enter(SECOND, B).answer());
    assertEquals(new Entry.Join(1, List.of(A.address())), formedByA().enter(SECOND, B).answer());
  }

  @Test
  void whoIsOutStaysOut() {
    ArbiterLedger ledger = formedByA().putOut(2 * SECOND, A, 1, List.of(B)).after();
    assertInstanceOf(Standing.Out.class, ledger.renew(2 * SECOND, B, 1, true).answer());
    assertInstanceOf(Standing.Out.class, ledger.putOut(2 * SECOND, B, 1, List.of(A)).answer());
    assertInstanceOf(Entry.Wait.class, ledger.enter(2 * SECOND, B).answer());
    assertEquals(new Standing.In(), ledger.renew(2 * SECOND, A, 1, true).answer());
    assertInstanceOf(Standing.Out.class, ledger.renew(2 * SECOND, A, 2, true).answer());
  }

  @Test
  void anEarlierStartIsPutOutWhenItIsSilent() {
    ArbiterLedger ledger = formedByA();
    assertInstanceOf(Entry.Wait.class, ledger.enter(2 * SECOND, A_AGAIN).answer());
    Decision<Entry> later = ledger.enter(4 * SECOND, A_AGAIN);
    assertInstanceOf(Standing.Out.class, later.after().renew(4 * SECOND, A, 1, true).answer());
  }

  @Test
  void whoHasLeftIsNotKnown() {
    ArbiterLedger ledger = formedByA();
    assertEquals(List.of(A), ledger.known(2 * SECOND));
    assertEquals(List.of(), ledger.leave(2 * SECOND, A).known(2 * SECOND));
    assertEquals(List.of(), ledger.known(60 * SECOND));
  }

  @Test
  void isReadAsItWasWritten() throws FormatException {
    Random random = new Random(5);
    ArbiterLedger ledger = ArbiterLedger.empty();
    for (int i = 0; i < 200; i++) {
      long now = i * SECOND / 2;
      Arbiter.Process one = new Arbiter.Process("n" + random.nextInt(4), "h:" + i % 5, i % 7);
      Arbiter.Process other = new Arbiter.Process("n" + random.nextInt(4), "h:" + i % 3, i % 7);
      ledger =
          switch (random.nextInt(4)) {
            case 0 -> ledger.enter(now, one).after();
            case 1 -> ledger.renew(now, one, 1, random.nextBoolean()).after();
            case 2 -> ledger.putOut(now, one, 1, List.of(other)).after();
            default -> ledger.leave(now, one);
          };
      byte[] bytes = ledger.encode();
      assertArrayEquals(bytes, ArbiterLedger.decode(bytes).encode());
      assertTrue(bytes.length < 100_000);
    }
  }
}
