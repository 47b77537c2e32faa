package quorum;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.OptionalLong;
import org.apache.ratis.protocol.RaftPeer;
import storage.Durability;
import storage.FormatException;
import storage.FreeSpace;
import storage.JournalException;

/**
 * Makes a node's damaged copy of the journal anew from another member's, in a file beside it.
 *
 * <p>What a member has applied was committed by the group, so that the node's Raft log and vote,
 * which stay as they are, fit to it: it is as if the leader had found this node to be behind its
 * log. The log has to begin no later than where the copy ends.
 *
 * <p>It may be broken off at any moment: the damaged copy stands there until the new one is synced,
 * and is found damaged again, if not at the start then by who reads it. For one thread.
 */
final class CopyRemake implements AutoCloseable {

  private final Path directory;
  private final String groupId;
  private final Path file;
  private final QuorumTable table;

  private CopyRemake(Path directory, String groupId, Path file, QuorumTable table) {
    this.directory = directory;
    this.groupId = groupId;
    this.file = file;
    this.table = table;
  }

  /**
   * Begins with nothing.
   *
   * @throws JournalException if the file cannot be made, or there is no space for it
   */
  static CopyRemake begin(Path directory, String groupId) throws JournalException {
    Path copy = QuorumFiles.table(directory);
    Path file = copy.resolveSibling(copy.getFileName() + ".new");
    try {
      delete(file);
      FreeSpace.require(
          directory, "a copy of the journal", Files.exists(copy) ? Files.size(copy) : 0);
    } catch (IOException e) {
      throw new JournalException("cannot make " + file + ": " + e.getMessage(), e);
    }
    return new CopyRemake(directory, groupId, file, QuorumTable.open(file, groupId));
  }

  /**
   * Copies what the first member that can give it holds and this does not yet. Blocks.
   *
   * @param startedAt the entry up to which the copy was when the server was started last, so that a
   *     log that is empty held nothing behind it; -1 if that is not known
   * @throws JournalException if none can; it may be tried again
   */
  void copy(List<RaftPeer> others, QuorumMachine.Source source, long startedAt)
      throws JournalException {
    String why = "there is no other member";
    for (RaftPeer member : others) {
      try {
        Answer.State state =
            RowTransfer.copy(question -> source.ask(member, question), table.end(), table::stage);
        OptionalLong first = RaftLogFiles.of(directory, groupId).first();
        if (first.isEmpty() && startedAt < 0) {
          why = "this node's Raft log is empty: empty its data directory, and replace it";
        } else if (state.index() < first.orElse(startedAt + 1) - 1) {
          why = member.getId() + " is not yet where this node's Raft log begins";
        } else {
          table.adopt(state);
          return;
        }
      } catch (IOException | SQLException | FormatException | IllegalStateException e) {
        why = member.getId() + ": " + e.getMessage();
      }
    }
    throw new JournalException("it cannot be copied from another member: " + why);
  }

  /**
   * Puts the new copy in the damaged one's place, which nothing may have open.
   *
   * @throws JournalException if that fails: then the one or the other stands there
   */
  void install() throws JournalException {
    Path copy = QuorumFiles.table(directory);
    try {
      table.checkpoint();
      table.close();
      QuorumFiles.deleteBeside(file);
      QuorumFiles.deleteBeside(copy);
      // Otherwise a power failure could bring the damaged one's log back beside the new one.
      Durability.sync(directory);
      Durability.rename(file, copy);
    } catch (IOException | SQLException e) {
      throw new JournalException("cannot write the journal anew: " + e.getMessage(), e);
    }
  }

  @Override
  public void close() throws JournalException {
    table.close();
    try {
      delete(file);
    } catch (IOException e) {
      throw new JournalException("cannot delete " + file + ": " + e, e);
    }
  }

  private static void delete(Path file) throws IOException {
    Files.deleteIfExists(file);
    QuorumFiles.deleteBeside(file);
  }
}
