package storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * The events of a random journal for tests of other packages, with a replica that goes through them
 * and a journal that shows as much of them as a test says.
 */
public final class History implements AutoCloseable {

  private final EventChain chain;
  private final Path folder;
  private final ReplicaFixture replica;
  private final Path file;
  private int files;

  /** What the journal holds. */
  public volatile long first = 1;

  /** The journal's last event. */
  public volatile long head;

  /** An event of which the journal gives another bit; 0 for none. */
  public volatile long damaged;

  private History(EventChain chain, Path folder) throws ReplicaException {
    this.chain = chain;
    this.folder = folder;
    this.file = folder.resolve("history.db");
    this.replica = new ReplicaFixture(file, ReplicaFixture.settings(false));
    this.head = chain.head();
  }

  /** About so many requests. */
  public static History random(long seed, int requests, Path folder) throws Exception {
    return new History(RandomJournal.create(seed, false, requests), folder);
  }

  /** As many events of one small request each, a second apart. */
  public static History plain(int events, Path folder) throws Exception {
    EventChain chain = EventChain.create();
    chain.write("CREATE TABLE t (a)");
    while (chain.head() < events) {
      chain.write("INSERT INTO t VALUES (" + chain.head() + ")");
    }
    return new History(chain, folder);
  }

  public String journalId() {
    return EventChain.JOURNAL;
  }

  /** All events. */
  public List<StoredEvent> events() {
    return chain.events();
  }

  public long micros(long seq) throws FormatException {
    return EventCodec.header(chain.events().get((int) seq - 1)).timestampMicros();
  }

  public byte[] hash(long seq) {
    return seq == 0 ? EventHash.none() : EventHash.of(chain.events().get((int) seq - 1).bytes());
  }

  /** The replica goes on to an event, which is not behind it. */
  public void applyTo(long seq) {
    for (StoredEvent event :
        chain.from(replica.seq() + 1).subList(0, (int) (seq - replica.seq()))) {
      ApplyResult result = replica.apply(List.of(event));
      if (!(result instanceof ApplyResult.Applied)) {
        throw new AssertionError(result.toString());
      }
    }
  }

  /** A snapshot of where the replica stands. */
  public SnapshotDirectory.Stored snapshot(SnapshotDirectory snapshots) throws Exception {
    try (Connection source = DriverManager.getConnection("jdbc:sqlite:" + file)) {
      return snapshots.take(source, "n1", 1, () -> true).orElseThrow();
    }
  }

  /** What the replica holds now, as one that is given out would. */
  public String content() throws Exception {
    Path copy = folder.resolve("copy" + files++);
    try (Connection source = DriverManager.getConnection("jdbc:sqlite:" + file)) {
      DatabaseCopy.take(source, copy);
    }
    DatabaseCopy.prepareForOutside(copy, false, false);
    return content(copy);
  }

  /** What a file for the outside holds; it is changed. */
  public static String content(Path outside) throws Exception {
    // The digest covers the internal tables, of which the outside has none.
    EventApplier.open(outside, ReplicaFixture.settings(false)).close();
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + outside)) {
      MathFunctions.install(connection);
      return HexFormat.of().formatHex(ContentDigest.of(connection));
    }
  }

  /** The journal, as far as it is shown. Its clock is at its head. */
  public Journal journal() {
    return new Journal() {
      @Override
      public long head() {
        return head;
      }

      @Override
      public long first() {
        return first;
      }

      @Override
      public List<StoredEvent> read(long from, int eventsMax, long bytesMax)
          throws JournalException {
        if (from < first) {
          throw JournalGapException.of(from, first, first);
        }
        List<StoredEvent> page = new ArrayList<>();
        long bytes = 0;
        for (long seq = from; seq <= head && page.size() < eventsMax && bytes < bytesMax; seq++) {
          byte[] given = chain.events().get((int) seq - 1).bytes().clone();
          given[given.length / 2] ^= seq == damaged ? 1 : 0;
          page.add(new StoredEvent(seq, given));
          bytes += given.length;
        }
        return JournalDamagedException.before(page);
      }

      @Override
      public long count(long from, long to) {
        throw new UnsupportedOperationException();
      }

      @Override
      public void trim(long to) {
        first = to + 1;
      }

      @Override
      public long bytes() {
        throw new UnsupportedOperationException();
      }

      @Override
      public long timeMicros() throws JournalException {
        try {
          return head == 0 ? 0 : micros(head);
        } catch (FormatException e) {
          throw new JournalException(e.getMessage(), e);
        }
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public void close() throws IOException {
    replica.close();
    Files.deleteIfExists(file);
  }
}
