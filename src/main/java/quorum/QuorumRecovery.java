package quorum;

import java.io.IOException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.UUID;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import storage.FormatException;
import storage.JournalException;

/**
 * Lets one node go on alone when the majority of its quorum is lost for good: it becomes the only
 * voter of a new group, so that nobody of the old one, should he come back, can be mistaken for one
 * of the new. Works on the files of a node that does not run.
 *
 * <p>Everything in the node's Raft log is kept, also what it does not know to be committed: the
 * lost nodes may have acknowledged it. What only they had is lost.
 */
public final class QuorumRecovery {

  private final Path directory;
  private final String nodeId;
  private final QuorumIdentity identity;

  /**
   * What a node's files hold.
   *
   * @param group the group that lost its majority
   * @param self the node's identity in it
   * @param term the term of the last entry in its Raft log: of several survivors the one with the
   *     highest term holds the most, and of those with the same, the one with the highest entry
   * @param entry that entry
   * @param highest the last event, when everything in the log is applied; 0 if there is none
   * @param payload that event's, empty if there is none
   * @param unconfirmed how many of its last events are not known to stand on a majority: some of
   *     them nobody may have been told of
   */
  public record Holdings(
      UUID group,
      String self,
      long term,
      long entry,
      long highest,
      byte[] payload,
      long unconfirmed) {}

  private QuorumRecovery(Path directory, String nodeId, QuorumIdentity identity) {
    this.directory = directory;
    this.nodeId = nodeId;
    this.identity = identity;
  }

  /**
   * Looks who the node is.
   *
   * @param directory the node's folder for the quorum
   * @param nodeId the node's name
   * @throws JournalException if it has no part in a quorum
   */
  public static QuorumRecovery of(Path directory, String nodeId) throws JournalException {
    QuorumIdentity identity =
        QuorumIdentity.load(directory)
            .orElseThrow(() -> new JournalException("no quorum's journal is kept in " + directory));
    boolean hasPart =
        identity.standing() == QuorumIdentity.Standing.MEMBER
            || identity.standing() == QuorumIdentity.Standing.LISTENER;
    if (!hasPart) {
      throw new JournalException(
          "the node of " + directory + " has not been part of a quorum since it was last changed");
    }
    return new QuorumRecovery(directory, nodeId, identity);
  }

  /**
   * Says what the files hold, and changes nothing: what is not known to be committed may still be
   * taken back, should the others live after all.
   *
   * @throws JournalException if the files cannot be read
   */
  public Holdings gather() throws JournalException {
    String group = identity.group().toString();
    try (QuorumTable table = QuorumTable.open(QuorumFiles.table(directory), group)) {
      long confirmed = table.highest();
      Last last = applyLog(table, directory, group);
      Holdings holdings =
          new Holdings(
              identity.group(),
              identity.peerId(),
              last.term(),
              last.entry(),
              table.highest(),
              table.lastPayload(),
              table.highest() - confirmed);
      table.rollback();
      return holdings;
    } catch (IOException | SQLException | FormatException e) {
      throw new JournalException("cannot read " + directory + ": " + e.getMessage(), e);
    }
  }

  /**
   * Makes the journal of the lost group that of a new one, with everything that the log holds. May
   * be broken off at any moment and done again.
   *
   * @throws JournalException if the files cannot be read or written
   */
  static void takeOver(Path directory, String newGroup) throws JournalException {
    Path file = QuorumFiles.table(directory);
    String lost = QuorumTable.groupOf(file);
    try {
      if (!lost.equals(newGroup)) {
        try (QuorumTable table = QuorumTable.open(file, lost)) {
          table.regroup(newGroup, applyLog(table, directory, lost).entry());
          table.checkpoint();
        }
      }
      // Ratis would start every group whose log it finds.
      QuorumFiles.deleteRaft(directory);
    } catch (IOException | SQLException | FormatException e) {
      throw new JournalException("cannot take over " + directory + ": " + e.getMessage(), e);
    }
  }

  /** The last entry of a log. */
  private record Last(long term, long entry) {}

  /** Applies what the log holds behind the table's last entry, and commits none of it. */
  private static Last applyLog(QuorumTable table, Path directory, String group)
      throws IOException, SQLException, FormatException, JournalException {
    Last last = new Last(table.term(), table.entry());
    for (Path segment : RaftLogFiles.of(directory, group).segments()) {
      last = apply(table, last, segment);
    }
    return last;
  }

  /** An entry that was only half written was never acknowledged, and ends the log. */
  private static Last apply(QuorumTable table, Last before, Path segment)
      throws IOException, SQLException, FormatException, JournalException {
    Last last = before;
    for (LogEntryProto entry : RaftLogFiles.entriesUntilDamage(segment)) {
      if (entry.getIndex() <= last.entry()) {
        continue;
      }
      if (entry.getIndex() != last.entry() + 1) {
        throw new JournalException(
            "the Raft log lacks entry " + (last.entry() + 1) + " before " + entry.getIndex());
      }
      if (entry.hasStateMachineLogEntry()) {
        CommandApplier.apply(
            table, CommandApplier.frameOf(entry.getStateMachineLogEntry().getLogData()));
      }
      last = new Last(entry.getTerm(), entry.getIndex());
    }
    return last;
  }

  /**
   * Makes the node the only voter of a new group, from its next start on.
   *
   * @return the new group
   * @throws JournalException if that cannot be stored; nothing has changed then
   */
  public UUID separate() throws JournalException {
    UUID group = UUID.randomUUID();
    new QuorumIdentity(
            QuorumIdentity.Standing.ALONE, group, QuorumIdentity.newPeerId(nodeId), List.of())
        .store(directory);
    return group;
  }
}
