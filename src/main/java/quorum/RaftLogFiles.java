package quorum;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.server.RaftServerConfigKeys.Log.CorruptionPolicy;
import org.apache.ratis.server.raftlog.segmented.LogSegment;
import org.apache.ratis.server.raftlog.segmented.LogSegmentPath;
import org.apache.ratis.util.SizeInBytes;
import storage.Durability;

/** The segments of a group's Raft log, as they lie in the files of a server that does not run. */
final class RaftLogFiles {

  /** Longer than any entry that can be ordered. */
  private static final SizeInBytes ENTRY_BYTES_MAX = SizeInBytes.valueOf("1GB");

  /** How Ratis names a segment by its first entry, which it tells nobody. */
  private static final Pattern NAME = Pattern.compile("log_(?:inprogress_)?(\\d+)(?:-\\d+)?");

  private final Path log;

  private RaftLogFiles(Path log) {
    this.log = log;
  }

  /** Of a group, in a node's folder for the quorum. */
  static RaftLogFiles of(Path directory, String group) {
    return new RaftLogFiles(QuorumFiles.log(directory, group));
  }

  /** In their order; fails if the group has no log. */
  List<Path> segments() throws IOException {
    try (Stream<Path> files = Files.list(log)) {
      return files
          .filter(file -> LogSegmentPath.matchLogSegment(file) != null)
          .sorted(Comparator.comparing(LogSegmentPath::matchLogSegment, RaftLogFiles::compare))
          .toList();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static int compare(LogSegmentPath one, LogSegmentPath other) {
    return one.getStartEnd().compareTo(other.getStartEnd());
  }

  /**
   * What a segment holds; an entry at its end that was only half written does not count.
   *
   * @throws IOException if it is damaged before its end, or cannot be read
   */
  static List<LogEntryProto> entries(Path segment) throws IOException {
    return entries(segment, CorruptionPolicy.EXCEPTION);
  }

  /** The same up to where it is damaged, for who has nothing else. */
  static List<LogEntryProto> entriesUntilDamage(Path segment) throws IOException {
    return entries(segment, CorruptionPolicy.WARN_AND_RETURN);
  }

  private static List<LogEntryProto> entries(Path segment, CorruptionPolicy policy)
      throws IOException {
    List<LogEntryProto> entries = new ArrayList<>();
    LogSegment.readSegmentFile(
        segment.toFile(),
        LogSegmentPath.matchLogSegment(segment).getStartEnd(),
        ENTRY_BYTES_MAX,
        policy,
        null,
        entries::add);
    return entries;
  }

  /** The number of the first entry; empty if there is no segment. */
  OptionalLong first() throws IOException {
    List<Path> segments = segments();
    return segments.isEmpty() ? OptionalLong.empty() : OptionalLong.of(start(segments.get(0)));
  }

  /**
   * Whether what the log holds can be applied behind an entry: it begins right behind that, or
   * holds it, and then of the same term. Otherwise none of it was ever committed behind that entry
   * (Raft, section 7: what a server does with its log when it takes a snapshot over).
   *
   * @throws IOException if it cannot be read
   */
  boolean continues(long term, long entry) throws IOException {
    List<Path> segments = segments();
    for (int i = segments.size() - 1; i >= 0; i--) {
      long start = start(segments.get(i));
      if (start == entry + 1 && i == 0) {
        return true;
      }
      if (start <= entry) {
        return entries(segments.get(i)).stream()
            .anyMatch(one -> one.getIndex() == entry && one.getTerm() == term);
      }
    }
    return false;
  }

  /**
   * Who was in the group when it was last changed, as far as this server had heard; nobody if that
   * is not known.
   */
  List<QuorumIdentity.Peer> members() throws IOException {
    Path file = log.resolve("raft-meta.conf");
    if (!Files.exists(file)) {
      return List.of();
    }
    return LogEntryProto.parseFrom(Files.readAllBytes(file))
        .getConfigurationEntry()
        .getPeersList()
        .stream()
        .map(peer -> new QuorumIdentity.Peer(peer.getId().toStringUtf8(), peer.getAddress()))
        .toList();
  }

  private static long start(Path segment) throws IOException {
    Matcher name = NAME.matcher(String.valueOf(segment.getFileName()));
    if (!name.matches()) {
      throw new IOException("it is not known with which entry " + segment + " begins");
    }
    return Long.parseLong(name.group(1));
  }

  /** Deletes all of them, the newest last, so that what stays after a crash has no hole. */
  void delete() throws IOException {
    for (Path segment : segments()) {
      Files.delete(segment);
    }
    Durability.sync(log);
  }
}
