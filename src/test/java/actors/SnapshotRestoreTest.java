package actors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import storage.EventHash;
import storage.SnapshotDirectory;
import storage.SnapshotFile;
import storage.SnapshotHeader;

class SnapshotRestoreTest {

  private static final int BYTES = 3_500_000;

  @TempDir private Path folder;
  private SnapshotDirectory own;
  private Path target;
  private int ids;
  private long head = 100;
  private boolean agreed = true;

  @BeforeEach
  void open() throws IOException {
    own = SnapshotDirectory.open(folder.resolve("snapshots"));
    target = folder.resolve("database");
  }

  private byte[] content(long seq) {
    byte[] content = new byte[BYTES];
    new Random(seq).nextBytes(content);
    return content;
  }

  private String id(long seq) {
    return String.format("%019d-%016x", seq, ++ids);
  }

  private byte[] snapshot(long seq, String journalId) throws IOException {
    Path database = Files.write(folder.resolve("content"), content(seq));
    Path file = folder.resolve("file");
    SnapshotHeader header =
        new SnapshotHeader(journalId, seq, EventHash.none(), 1, 2, BYTES, "b", "3");
    SnapshotFile.write(header, database, file, 1, () -> true);
    return Files.readAllBytes(file);
  }

  /** Another node, which may break off or send what is wrong. */
  private final class Peer implements SnapshotSource {
    private final List<Offer> offers = new ArrayList<>();
    private final List<byte[]> files = new ArrayList<>();
    private final List<Long> asked = new ArrayList<>();
    private long breaksAt = Long.MAX_VALUE;
    private long pauseMillis;

    Peer has(long seq) throws IOException {
      return has(seq, snapshot(seq, "journal"));
    }

    Peer has(long seq, byte[] file) {
      offers.add(new Offer(id(seq), "journal", seq, file.length, agreed));
      files.add(file);
      return this;
    }

    @Override
    public String name() {
      return "a peer";
    }

    @Override
    public List<Offer> offers() {
      return offers;
    }

    @Override
    public byte[] read(Offer offer, long offset, int max) throws IOException {
      if (offset >= breaksAt) {
        throw new IOException("broken off");
      }
      asked.add(offset);
      try {
        Thread.sleep(pauseMillis);
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
      byte[] file = files.get(offers.indexOf(offer));
      return Arrays.copyOfRange(file, (int) offset, (int) offset + max);
    }
  }

  private SnapshotRestore.Result restore(
      long atLeast, long below, boolean trustsOwn, SnapshotSource... sources) throws IOException {
    return new SnapshotRestore("a", own, target, 1L << 40)
        .restore(
            new SnapshotRestore.Wanted("journal", atLeast, head, below, trustsOwn),
            () -> List.of(sources),
            text -> {});
  }

  private SnapshotRestore.Result restore(SnapshotSource... sources) throws IOException {
    return restore(1, Long.MAX_VALUE, true, sources);
  }

  private void assertHas(long seq, SnapshotRestore.Result result) throws IOException {
    assertEquals(Optional.of(target), result.database(), result.told());
    assertEquals(seq, result.seq());
    assertArrayEquals(content(seq), Files.readAllBytes(target));
  }

  @Test
  void theNewestIsFetchedAndKept() throws Exception {
    assertHas(7, restore(new Peer().has(5).has(7), new Peer().has(6)));
    assertEquals(7, own.list().get(0).header().seq());
    assertEquals(7, SnapshotFile.verify(own.file(own.list().get(0).id())).seq());
    assertHas(7, restore()); // now without the peer
  }

  @Test
  void itGoesOnWhereItBrokeOff() throws Exception {
    Peer peer = new Peer().has(7);
    peer.breaksAt = 2 << 20;
    SnapshotRestore.Result broken = restore(peer);
    assertEquals(Optional.empty(), broken.database());
    assertTrue(broken.told().contains("broken off"), broken.told());
    assertFalse(Files.exists(target));
    peer.breaksAt = Long.MAX_VALUE;
    peer.asked.clear();
    assertHas(7, restore(peer));
    assertEquals(2 << 20, peer.asked.get(0));
  }

  @Test
  void oneThatIsDamagedIsLeftOutAndTheNextOneTaken() throws Exception {
    byte[] damaged = snapshot(9, "journal");
    damaged[damaged.length / 2] ^= 1;
    assertHas(7, restore(new Peer().has(9, damaged).has(7)));
    assertEquals(1, own.list().size());
  }

  /** Nobody fetches gigabytes behind what is wrong. */
  @Test
  void whatIsFoundWrongIsNotFetchedToItsEnd() throws Exception {
    byte[] damaged = snapshot(9, "journal");
    damaged[20] ^= 1; // in the header
    Peer peer = new Peer().has(9, damaged);
    peer.pauseMillis = 300;
    SnapshotRestore.Result none = restore(peer);
    assertEquals(Optional.empty(), none.database());
    assertTrue(none.told().contains("damaged"), none.told());
    long last = peer.asked.get(peer.asked.size() - 1);
    assertTrue(last + (1 << 20) < damaged.length, peer.asked::toString);
  }

  @Test
  void itsOwnThatIsDamagedIsSetAside() throws Exception {
    assertHas(7, restore(new Peer().has(7)));
    Path file = own.file(own.list().get(0).id());
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length / 2] ^= 1;
    Files.write(file, bytes);
    SnapshotRestore.Result none = restore();
    assertEquals(Optional.empty(), none.database());
    assertTrue(none.told().contains("damaged at byte"), none.told());
    assertEquals(List.of(), own.list());
    assertHas(6, restore(new Peer().has(6)));
  }

  @Test
  void whatIsNotWantedIsNotTaken() throws Exception {
    assertEquals(Optional.empty(), restore(8, Long.MAX_VALUE, true, new Peer().has(7)).database());
    // Behind event 7 may stand the beginning of event 8.
    assertEquals(Optional.empty(), restore(1, 8, true, new Peer().has(7)).database());
    assertHas(6, restore(1, 8, true, new Peer().has(7).has(6)));
    assertEquals(Optional.empty(), restore(1, 8, false).database());
  }

  @Test
  void aSnapshotOfAnotherJournalIsNotTakenWhateverItIsOfferedAs() throws Exception {
    Peer liar = new Peer().has(7, snapshot(7, "another"));
    SnapshotRestore.Result result = restore(liar);
    assertEquals(Optional.empty(), result.database());
    assertTrue(result.told().contains("not what it was offered as"), result.told());
    assertEquals(List.of(), own.list());
  }

  @Test
  void whatIsBeyondTheJournalsEndIsOfAnotherPast() throws Exception {
    assertHas(7, restore(new Peer().has(7)));
    head = 6; // the journal has lost its end
    assertHas(5, restore(new Peer().has(7).has(5)));
    assertEquals(List.of(5L), own.list().stream().map(one -> one.header().seq()).toList());
  }

  @Test
  void whatIsAgreedOnComesBeforeWhatIsNewer() throws Exception {
    Peer peer = new Peer().has(5);
    agreed = false;
    assertHas(5, restore(peer.has(7)));
    assertHas(7, restore(6, Long.MAX_VALUE, true, peer));
  }
}
