package quorum;

import java.io.IOException;
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
    }
  }

  private static int compare(LogSegmentPath one, LogSegmentPath other) {
    return one.getStartEnd().compareTo(other.getStartEnd());
  }

  /** What a segment holds; an entry that was only half written ends it. */
  static List<LogEntryProto> entries(Path segment) throws IOException {
    List<LogEntryProto> entries = new ArrayList<>();
    LogSegment.readSegmentFile(
        segment.toFile(),
        LogSegmentPath.matchLogSegment(segment).getStartEnd(),
        ENTRY_BYTES_MAX,
        CorruptionPolicy.WARN_AND_RETURN,
        null,
        entries::add);
    return entries;
  }

  /** The number of the first entry; empty if there is no segment. */
  OptionalLong first() throws IOException {
    List<Path> segments = segments();
    return segments.isEmpty() ? OptionalLong.empty() : OptionalLong.of(start(segments.get(0)));
  }

  /** The number of the last entry, or of the one before the first; empty if there is no segment. */
  OptionalLong last() throws IOException {
    List<Path> segments = segments();
    if (segments.isEmpty()) {
      return OptionalLong.empty();
    }
    Path newest = segments.get(segments.size() - 1);
    List<LogEntryProto> entries = entries(newest);
    return OptionalLong.of(
        entries.isEmpty() ? start(newest) - 1 : entries.get(entries.size() - 1).getIndex());
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
