package actors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import storage.ArrivingFile;
import storage.SnapshotDamagedException;
import storage.SnapshotDirectory;
import storage.SnapshotFile;
import storage.SnapshotHeader;

/**
 * Makes a database from the best snapshot that can be had: from this node's own disk, else from
 * another node, else from the store.
 *
 * <p>What comes from elsewhere is collected in a file that a later attempt goes on with. It is
 * unpacked while it comes, and not used before every sum in it is right. A snapshot that turns out
 * to be damaged is left out, and the next one is tried. Blocking; one restore at a time.
 */
final class SnapshotRestore {

  private static final Logger LOG = LoggerFactory.getLogger(SnapshotRestore.class);

  private static final int READ_BYTES = 1 << 20;
  private static final long TOLD_NANOS = 1_000_000_000L;

  /**
   * What is needed.
   *
   * @param journalId the journal it must be of
   * @param atLeast it must contain all events up to this one
   * @param atMost the journal's last event, asked before this: what is beyond it is of another past
   * @param below it must not contain anything of this event
   * @param trustsOwn whether what this node has taken may be used, wherever it is kept
   */
  record Wanted(String journalId, long atLeast, long atMost, long below, boolean trustsOwn) {

    boolean fits(String journal, long seq) {
      // A snapshot may hold the beginning of the event behind its last.
      return journal.equals(journalId) && seq >= atLeast && seq <= atMost && seq + 1 < below;
    }
  }

  /**
   * What came of it.
   *
   * @param database where it is, synced; empty if there was no snapshot
   * @param seq the last event in it
   * @param told where it came from, or why there is none
   * @param isFinal whether there is none because no snapshot is good, and not for want of something
   *     that may come
   */
  record Result(Optional<Path> database, long seq, String told, boolean isFinal) {

    static Result none(String reason, boolean isFinal) {
      return new Result(Optional.empty(), 0, reason, isFinal);
    }
  }

  /** Where else to look, found out only when this node's own disk has nothing that will do. */
  interface Elsewhere {
    List<SnapshotSource> find() throws IOException;
  }

  private record Candidate(Optional<SnapshotSource> source, SnapshotSource.Offer offer) {}

  private final String nodeId;
  private final SnapshotDirectory own;
  private final Path target;
  private final long bytesPerSecond;

  /**
   * @param nodeId this node
   * @param own this node's snapshots; what is fetched is added to them
   * @param target the database to make
   * @param bytesPerSecond how fast one is fetched at most
   */
  SnapshotRestore(String nodeId, SnapshotDirectory own, Path target, long bytesPerSecond) {
    this.nodeId = nodeId;
    this.own = own;
    this.target = target;
    this.bytesPerSecond = bytesPerSecond;
  }

  /**
   * Makes the database.
   *
   * @param elsewhere where else to look
   * @param progress is told in words how far it is, about once a second
   * @throws IOException if this node's disk does not take it; a later attempt may
   */
  Result restore(Wanted wanted, Elsewhere elsewhere, Consumer<String> progress) throws IOException {
    Attempt attempt = new Attempt(wanted, progress);
    Optional<Result> made = wanted.trustsOwn() ? attempt.first(ownOnes(wanted)) : Optional.empty();
    if (made.isEmpty()) {
      made = attempt.first(offered(wanted, elsewhere.find(), attempt.problems));
    }
    if (made.isPresent()) {
      return made.get();
    }
    Files.deleteIfExists(target);
    return Result.none(
        attempt.problems.isEmpty()
            ? "nobody who can be reached has a snapshot that would do"
            : String.join("; ", attempt.problems),
        attempt.isFinal);
  }

  /** One restore, and what was in its way so far. */
  private final class Attempt {
    private final Wanted wanted;
    private final Consumer<String> progress;
    private final List<String> problems = new ArrayList<>();
    private boolean isFinal = true;

    Attempt(Wanted wanted, Consumer<String> progress) {
      this.wanted = wanted;
      this.progress = progress;
    }

    /** The database from the first of them that is good. */
    Optional<Result> first(List<Candidate> candidates) throws IOException {
      for (Candidate candidate : candidates) {
        String id = candidate.offer().id();
        Optional<SnapshotSource> source = candidate.source();
        String from = source.map(SnapshotSource::name).orElse("its own disk");
        try {
          SnapshotHeader header =
              source.isPresent()
                  ? receive(source.get(), candidate.offer())
                  : unpackOwn(candidate.offer());
          if (source.isPresent()) {
            own.adopt(id, header);
          }
          return Optional.of(new Result(Optional.of(target), header.seq(), from, true));
        } catch (SnapshotDamagedException e) {
          problems.add(from + ": " + e.getMessage());
          LOG.error("a snapshot from {} is not used: {}", from, e.getMessage());
          if (source.isPresent()) {
            Files.deleteIfExists(own.received(id));
          } else {
            own.setAside(id);
          }
        } catch (IOException e) {
          isFinal = false;
          problems.add(from + ": " + e.getMessage());
          LOG.warn("the snapshot {} cannot be had from {}: {}", id, from, e.getMessage());
        }
      }
      return Optional.empty();
    }

    private SnapshotHeader unpackOwn(SnapshotSource.Offer offer) throws IOException {
      tellUnpacking(offer);
      Path file = own.file(offer.id());
      return SnapshotFile.extract(
          file, Files.newInputStream(file), header -> requireUsable(offer, header, 0), target);
    }

    private void tellUnpacking(SnapshotSource.Offer offer) {
      progress.accept("unpacking the snapshot up to event " + offer.seq());
    }

    private void requireUsable(SnapshotSource.Offer offer, SnapshotHeader header, long stillToCome)
        throws IOException {
      if (header.seq() != offer.seq() || !header.journalId().equals(wanted.journalId())) {
        throw new IOException("the snapshot " + offer.id() + " is not what it was offered as");
      }
      if (!wanted.trustsOwn() && header.nodeId().equals(nodeId)) {
        // Another node stores a better one.
        throw new IOException(
            "the snapshot " + offer.id() + " was taken by this node, which was wrong");
      }
      own.requireSpace(header.databaseBytes() + stillToCome);
    }

    /** Goes on where an earlier attempt ended, and unpacks what is there meanwhile. */
    private SnapshotHeader receive(SnapshotSource source, SnapshotSource.Offer offer)
        throws IOException {
      own.forgetReceived(offer.id());
      Path file = own.received(offer.id());
      try (FileChannel out =
          FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
        if (out.size() > offer.bytes()) {
          out.truncate(0);
        }
        long have = out.size();
        own.requireSpace(offer.bytes() - have);
        ArrivingFile arriving = new ArrivingFile(file, have);
        FutureTask<SnapshotHeader> unpacked =
            new FutureTask<>(
                () ->
                    SnapshotFile.extract(
                        file,
                        arriving,
                        header -> requireUsable(offer, header, offer.bytes() - Files.size(file)),
                        target));
        Thread unpacking = new Thread(unpacked, "peqlite-restore-unpack");
        unpacking.setDaemon(true);
        unpacking.start();
        try {
          fetch(source, offer, out, arriving, unpacked, progress);
          arriving.complete();
          tellUnpacking(offer);
          return unpacked.get();
        } catch (ExecutionException e) {
          throw e.getCause() instanceof IOException cause
              ? cause
              : new IOException("cannot unpack " + file + ": " + e.getCause(), e);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new IOException("interrupted", e);
        } finally {
          arriving.breakOff(new IOException("no more of it comes"));
          end(unpacking);
        }
      }
    }

    /** Whoever looks at the target next finds nobody who still writes it. */
    private static void end(Thread unpacking) throws IOException {
      try {
        unpacking.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted", e);
      }
    }
  }

  /** What this node has taken itself, which need not travel. */
  private List<Candidate> ownOnes(Wanted wanted) {
    List<Candidate> candidates = new ArrayList<>();
    for (SnapshotDirectory.Stored stored : own.list()) {
      SnapshotHeader header = stored.header();
      if (header.journalId().equals(wanted.journalId()) && header.seq() > wanted.atMost()) {
        LOG.error(
            "the snapshot {} has events that the journal does not hold; it is set aside",
            stored.id());
        own.setAside(stored.id());
      } else if (wanted.fits(header.journalId(), header.seq())) {
        candidates.add(
            new Candidate(
                Optional.empty(),
                new SnapshotSource.Offer(
                    stored.id(), header.journalId(), header.seq(), stored.bytes(), false)));
      }
    }
    return candidates;
  }

  /**
   * What others have: what the majority agrees on before what might be a replica's that differs and
   * does not know it yet.
   */
  private static List<Candidate> offered(
      Wanted wanted, List<SnapshotSource> sources, List<String> problems) {
    List<Candidate> elsewhere = new ArrayList<>();
    for (SnapshotSource source : sources) {
      try {
        for (SnapshotSource.Offer offer : source.offers()) {
          if (SnapshotDirectory.isId(offer.id())
              && wanted.fits(offer.journalId(), offer.seq())
              && offer.bytes() > 0) {
            elsewhere.add(new Candidate(Optional.of(source), offer));
          }
        }
      } catch (IOException e) {
        problems.add(source.name() + ": " + e.getMessage());
      }
    }
    elsewhere.sort(
        Comparator.comparing((Candidate candidate) -> candidate.offer().agreed())
            .thenComparing(candidate -> candidate.offer().seq())
            .reversed());
    return elsewhere;
  }

  /** Fetches what is missing, as long as what comes is being unpacked. */
  private void fetch(
      SnapshotSource source,
      SnapshotSource.Offer offer,
      FileChannel out,
      ArrivingFile arriving,
      Future<?> unpacked,
      Consumer<String> progress)
      throws IOException {
    long have = out.size();
    out.position(have);
    long began = System.nanoTime();
    long told = began - TOLD_NANOS;
    long fetched = 0;
    while (have < offer.bytes() && !unpacked.isDone()) {
      long now = System.nanoTime();
      if (now - told >= TOLD_NANOS) {
        told = now;
        progress.accept(
            "fetching a snapshot from "
                + source.name()
                + ": "
                + (have >> 20)
                + " of "
                + (offer.bytes() >> 20)
                + " MiB");
      }
      int wanted = (int) Math.min(READ_BYTES, offer.bytes() - have);
      byte[] bytes = source.read(offer, have, wanted);
      if (bytes.length == 0 || bytes.length > wanted) {
        throw new IOException(bytes.length + " bytes came instead of " + wanted);
      }
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      while (buffer.hasRemaining()) {
        out.write(buffer);
      }
      have += bytes.length;
      arriving.arrived(have);
      fetched += bytes.length;
      pace(began, fetched);
    }
  }

  private void pace(long beganNanos, long bytes) throws IOException {
    long dueNanos = (long) (bytes * 1e9 / bytesPerSecond);
    long aheadMillis = (dueNanos - (System.nanoTime() - beganNanos)) / 1_000_000;
    if (aheadMillis > 0) {
      try {
        Thread.sleep(aheadMillis);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted", e);
      }
    }
  }
}
