package storage;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import sql.Position;

/**
 * Makes a journal of random requests, with everything else that a journal holds: several sessions,
 * requests that come twice, in parts, too late or not at all, new sequencers and new processes.
 */
final class RandomJournal {

  private static final List<String> NODES = List.of("n1", "n2", "n3");

  private final Random random;
  private final RandomRequests requests;
  private final EventChain chain;
  private final Map<String, Position> sessions = new HashMap<>();
  private final Map<Position, Long> numbers = new HashMap<>();
  private final List<Entry> sent = new ArrayList<>();
  private int nonces;

  private RandomJournal(long seed, boolean foreignKeys) {
    random = new Random(seed);
    requests = new RandomRequests(random);
    chain = new EventChain(new ReplicatedSettings(foreignKeys, Duration.ofMinutes(5), 60, 400));
  }

  /** A journal with about so many requests, behind one that makes the schema. */
  static EventChain create(long seed, boolean foreignKeys, int requests) {
    RandomJournal journal = new RandomJournal(seed, foreignKeys);
    journal.begin();
    int made = 0;
    while (made < requests) {
      made += journal.event();
    }
    return journal.chain;
  }

  private void begin() {
    chain.write(EventChain.statements(RandomRequests.SCHEMA.toArray(new String[0])));
    for (String node : NODES) {
      openSession(node);
    }
  }

  private void openSession(String node) {
    Position session = chain.next(0);
    chain.append(
        new Entry.SessionOpened(node, "nonce " + nonces++),
        EventChain.submitted(session, 1, EventChain.statements("ANALYZE")));
    numbers.put(session, 1L);
    sessions.put(node, session);
  }

  private int event() {
    chain.later(Duration.ofMillis(random.nextInt(random.nextInt(50) == 0 ? 100_000_000 : 3000)));
    if (random.nextInt(10) == 0) {
      requests.wild(random.nextInt(5) == 0);
    }
    switch (random.nextInt(60)) {
      case 0 -> chain.reopen();
      case 1, 4, 5 -> openSession(NODES.get(random.nextInt(NODES.size())));
      case 2 -> {
        return parts();
      }
      case 3 -> chain.append();
      default -> {
        return batch();
      }
    }
    return 0;
  }

  private int batch() {
    int count = 1 + random.nextInt(random.nextInt(12) + 1);
    List<Entry> entries = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      switch (random.nextInt(24)) {
        case 0 -> entries.add(again());
        case 1 -> entries.add(cancellation());
        default -> {
          Position session = session();
          // Now and then a number is left out for later, or for ever.
          long number = number(session) + (random.nextInt(15) == 0 ? 1 : 0);
          numbers.put(session, number);
          Entry entry = EventChain.submitted(session, number, requests.next());
          sent.add(entry);
          entries.add(entry);
        }
      }
    }
    chain.append(entries);
    return count;
  }

  private Entry again() {
    return sent.isEmpty() ? cancellation() : sent.get(random.nextInt(sent.size()));
  }

  private Entry cancellation() {
    Position session = session();
    return new Entry.Cancelled(session, Math.max(1, number(session) - 2 + random.nextInt(5)));
  }

  private int parts() {
    Position session = session();
    long number = number(session);
    numbers.put(session, number);
    byte[] request = RequestCodec.encode(requests.next());
    int size = 1 + request.length / (1 + random.nextInt(4));
    int count = (request.length + size - 1) / size;
    boolean complete = random.nextInt(4) > 0;
    for (int i = 0; i < (complete ? count : count - 1); i++) {
      byte[] bytes =
          Arrays.copyOfRange(request, i * size, Math.min(request.length, (i + 1) * size));
      chain.append(new Entry.Part(session, number, i, count, bytes));
    }
    if (!complete) {
      chain.reopen();
    }
    return 1;
  }

  private Position session() {
    return sessions.get(NODES.get(random.nextInt(NODES.size())));
  }

  private long number(Position session) {
    return numbers.getOrDefault(session, 0L) + 1;
  }
}
