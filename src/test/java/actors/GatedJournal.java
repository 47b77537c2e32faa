package actors;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import storage.Journal;
import storage.JournalException;
import storage.StoredEvent;

/** A journal whose answers about the head can be held back. Thread-safe. */
final class GatedJournal implements Journal {

  private final Journal journal;
  private final AtomicLong questions = new AtomicLong();
  private final AtomicLong waiting = new AtomicLong();
  private volatile CountDownLatch gate = new CountDownLatch(0);
  private volatile long headMax = Long.MAX_VALUE;

  GatedJournal(Journal journal) {
    this.journal = journal;
  }

  /** From now on nobody is told the head; what the answer will be is found out first. */
  void hold() {
    gate = new CountDownLatch(1);
  }

  void letThrough() {
    gate.countDown();
  }

  /** From now on the head is told as if everything behind this event was lost. */
  void loseBehind(long seq) {
    headMax = seq;
  }

  /** How often it was asked for the head. */
  long questions() {
    return questions.get();
  }

  /** Returns once somebody waits for the head. */
  void awaitQuestion() {
    long endNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (gate.getCount() > 0 && waiting.get() == 0) {
      if (System.nanoTime() - endNanos > 0) {
        throw new AssertionError("nobody asks for the head");
      }
      LockSupport.parkNanos(1_000_000);
    }
  }

  @Override
  public long head() throws JournalException {
    questions.incrementAndGet();
    long head = Math.min(headMax, journal.head());
    waiting.incrementAndGet();
    try {
      gate.await();
    } catch (InterruptedException e) {
      throw new JournalException("interrupted", e);
    } finally {
      waiting.decrementAndGet();
    }
    return head;
  }

  @Override
  public long first() throws JournalException {
    return journal.first();
  }

  @Override
  public List<StoredEvent> read(long from, int eventsMax, long bytesMax) throws JournalException {
    return journal.read(from, eventsMax, bytesMax);
  }

  @Override
  public long count(long from, long to) throws JournalException {
    return journal.count(from, to);
  }

  @Override
  public void trim(long to) throws JournalException {
    journal.trim(to);
  }

  @Override
  public long bytes() throws JournalException {
    return journal.bytes();
  }

  @Override
  public long timeMicros() throws JournalException {
    return journal.timeMicros();
  }

  @Override
  public void close() {
    letThrough();
    journal.close();
  }
}
