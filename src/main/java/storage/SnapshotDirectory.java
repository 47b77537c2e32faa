package storage;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The snapshots that a node keeps on its own disk.
 *
 * <p>A file that has its final name is whole and synced: it is written under another name, synced,
 * renamed, and the directory is synced. Whether it is still what was written is found out when it
 * is read; what turns out to be damaged is set aside under another name, and never used again.
 *
 * <p>Thread-safe. One snapshot is taken at a time, and one received.
 */
public final class SnapshotDirectory {

  private static final Logger LOG = LoggerFactory.getLogger(SnapshotDirectory.class);

  private static final String SNAPSHOT = ".snapshot";
  private static final String RECEIVED = ".received";
  private static final String DAMAGED = ".damaged";
  private static final String COPY = "copy.taking";
  private static final String FILE = "file.taking";
  private static final Pattern ID = Pattern.compile("[0-9]{19}-[0-9a-f]{16}");

  /**
   * A snapshot that is there.
   *
   * @param id names it, in all nodes
   * @param header what it is of
   * @param bytes of its file
   */
  public record Stored(String id, SnapshotHeader header, long bytes) {}

  private final Path directory;
  private final Object takeLock = new Object();

  /** By id, which sorts by sequence number. Guarded by this. */
  private final TreeMap<String, Stored> stored = new TreeMap<>();

  private SnapshotDirectory(Path directory) {
    this.directory = directory;
  }

  /**
   * Finds what is there, and removes what an earlier process left unfinished; what it had received
   * in part stays, to be gone on with.
   *
   * @param directory made if it is missing
   */
  public static SnapshotDirectory open(Path directory) throws IOException {
    Files.createDirectories(directory);
    SnapshotDirectory snapshots = new SnapshotDirectory(directory);
    for (Path file : snapshots.files("")) {
      String name = String.valueOf(file.getFileName());
      if (name.startsWith(COPY) || name.startsWith(FILE)) {
        Files.deleteIfExists(file);
      } else if (name.endsWith(SNAPSHOT)) {
        snapshots.find(name.substring(0, name.length() - SNAPSHOT.length()), file);
      }
    }
    return snapshots;
  }

  private void find(String id, Path file) {
    if (!isId(id)) {
      LOG.warn("{} has not the name of a snapshot and is passed over", file);
      return;
    }
    try {
      add(new Stored(id, SnapshotFile.header(file), Files.size(file)));
    } catch (SnapshotDamagedException e) {
      LOG.error("{}; it is set aside", e.getMessage());
      setAside(id);
    } catch (IOException e) {
      LOG.error("the snapshot {} cannot be read: {}", file, e.toString());
    }
  }

  private List<Path> files(String suffix) throws IOException {
    List<Path> files = new ArrayList<>();
    try (DirectoryStream<Path> found = Files.newDirectoryStream(directory, "*" + suffix)) {
      found.forEach(files::add);
    }
    return files;
  }

  /** Whether a text that came from elsewhere can be the id of a snapshot. */
  public static boolean isId(String text) {
    return ID.matcher(text).matches();
  }

  private synchronized void add(Stored snapshot) {
    stored.put(snapshot.id(), snapshot);
  }

  /** What is there, the newest first. */
  public synchronized List<Stored> list() {
    return List.copyOf(stored.descendingMap().values());
  }

  /** The newest of those that one wants. */
  public Optional<Stored> newest(Predicate<Stored> wanted) {
    return list().stream().filter(wanted).findFirst();
  }

  /** Where a snapshot's file is, or would be. */
  public Path file(String id) {
    return directory.resolve(id + SNAPSHOT);
  }

  /** Where a snapshot's file is collected while it comes from elsewhere. */
  public Path received(String id) {
    return directory.resolve(id + RECEIVED);
  }

  /**
   * Takes a snapshot, beside whoever writes and reads.
   *
   * @param source a connection to the database that is used for nothing else
   * @param nodeId whose replica it is
   * @param level of zstd's compression
   * @param isWanted asked now and then
   * @return the snapshot; empty if nothing was applied yet
   * @throws SQLException if the database cannot be read
   * @throws DatabaseDamagedException if the database is damaged: no snapshot spreads that
   * @throws IOException if the snapshot cannot be written; nothing of it is left then
   */
  public Optional<Stored> take(
      Connection source, String nodeId, int level, BooleanSupplier isWanted)
      throws SQLException, IOException {
    synchronized (takeLock) {
      Path copy = directory.resolve(COPY);
      Path file = directory.resolve(FILE);
      try {
        requireSpace(2 * DatabaseCopy.bytes(source));
        Optional<SnapshotHeader> header = DatabaseCopy.takeForSnapshot(source, copy, nodeId);
        if (header.isEmpty()) {
          return Optional.empty();
        }
        DatabaseCopy.check(copy);
        SnapshotFile.write(header.get(), copy, file, level, isWanted);
        String id = newId(header.get().seq());
        Stored taken = new Stored(id, header.get(), Files.size(file));
        Durability.rename(file, file(id));
        add(taken);
        forgetDamaged();
        return Optional.of(taken);
      } finally {
        Files.deleteIfExists(copy);
        Files.deleteIfExists(file);
      }
    }
  }

  private static String newId(long seq) {
    long random = UUID.randomUUID().getMostSignificantBits();
    return String.format(Locale.ROOT, "%019d-%016x", seq, random);
  }

  /**
   * Checks that so many bytes can be written and enough is left for the database.
   *
   * @throws IOException if not; the message says how much is missing
   */
  public void requireSpace(long bytes) throws IOException {
    FreeSpace.require(directory, "a snapshot", bytes);
  }

  /** Takes in a file that was received whole and found to be right. */
  public Stored adopt(String id, SnapshotHeader header) throws IOException {
    Path received = received(id);
    Durability.sync(received);
    Stored adopted = new Stored(id, header, Files.size(received));
    Durability.rename(received, file(id));
    add(adopted);
    forgetDamaged();
    return adopted;
  }

  /** Removes what was received in part, except of one. */
  public void forgetReceived(String except) throws IOException {
    for (Path file : files(RECEIVED)) {
      if (!file.equals(received(except))) {
        Files.deleteIfExists(file);
      }
    }
  }

  /**
   * Never uses a snapshot again that is not what was written. Its file is kept for whoever wants to
   * know what happened to it: all of them until another snapshot is taken or received, since
   * nothing else may hold what is in them, and then the newest.
   */
  public synchronized void setAside(String id) {
    stored.remove(id);
    try {
      Files.move(file(id), directory.resolve(id + DAMAGED));
    } catch (NoSuchFileException e) {
      LOG.debug("the snapshot {} is gone already", id);
    } catch (IOException e) {
      LOG.error("the snapshot {} cannot be set aside: {}", file(id), e.toString());
    }
  }

  private void forgetDamaged() {
    try {
      List<Path> newestFirst = files(DAMAGED).stream().sorted(Comparator.reverseOrder()).toList();
      for (Path older : newestFirst.subList(Math.min(1, newestFirst.size()), newestFirst.size())) {
        Files.deleteIfExists(older);
      }
    } catch (IOException e) {
      LOG.warn("a damaged snapshot could not be deleted: {}", e.toString());
    }
  }

  /** Deletes all snapshots that one names. */
  public synchronized void delete(Predicate<Stored> unwanted) throws IOException {
    for (Stored snapshot : list()) {
      if (unwanted.test(snapshot)) {
        stored.remove(snapshot.id());
        Files.deleteIfExists(file(snapshot.id()));
      }
    }
  }

  /**
   * Deletes old snapshots.
   *
   * @param keep how many of the newest stay whatever they are
   * @param from the sequence number of the oldest that is relied on: it and all newer ones stay
   */
  public void prune(int keep, long from) throws IOException {
    List<Stored> newestFirst = list();
    List<Stored> spare =
        newestFirst.subList(Math.min(keep, newestFirst.size()), newestFirst.size());
    delete(snapshot -> snapshot.header().seq() < from && spare.contains(snapshot));
  }
}
