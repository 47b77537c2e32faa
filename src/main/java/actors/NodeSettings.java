package actors;

import com.typesafe.config.Config;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import storage.ApplySettings;
import storage.PastSettings;
import storage.ReadSettings;
import storage.ReplicatedSettings;

/**
 * Everything a node needs to know to run. The comments in {@code application.conf} say what each
 * value does.
 *
 * @param nodeId the node's name, unique in the cluster
 * @param version of peqlite
 * @param clusterAddress host:port where the cluster finds this node
 * @param dataDirectory where its files are; it exists and belongs to this process
 * @param pekko the configuration of the cluster's actor system, address and journal included
 * @param journal where events are made durable
 * @param cluster how it finds the others
 * @param replicated what the journal tells every replica
 * @param apply how this node applies
 * @param replica when and how often it tries again
 * @param snapshot when snapshots are taken
 * @param backup where and when backups are made, if they are
 * @param read its read connections
 * @param past limits of the databases of the past that it keeps for reads
 * @param write limits of its writes
 * @param sequencer limits of the sequencer, if it runs here
 */
public record NodeSettings(
    String nodeId,
    String version,
    String clusterAddress,
    Path dataDirectory,
    Config pekko,
    JournalChoice journal,
    ClusterSettings cluster,
    ReplicatedSettings replicated,
    ApplySettings apply,
    Replica.Settings replica,
    SnapshotSettings snapshot,
    Optional<BackupSettings> backup,
    ReadSettings read,
    PastSettings past,
    WriteSession.Settings write,
    Sequencer.Settings sequencer) {

  /** Where the journal of a single node is. */
  public static Path journalFile(Path dataDirectory) {
    return dataDirectory.resolve("journal.db");
  }

  /** This node's part of a journal on several nodes' disks. */
  public static Path quorumDirectory(Path dataDirectory) {
    return dataDirectory.resolve("quorum");
  }

  /** The replica's database. */
  public static Path databaseFile(Path dataDirectory) {
    return dataDirectory.resolve("database.db");
  }

  /** This node's snapshots. */
  static Path snapshotDirectory(Path dataDirectory) {
    return dataDirectory.resolve("snapshots");
  }

  /** The databases of the past that are kept for reads. */
  static Path pastDirectory(Path dataDirectory) {
    return dataDirectory.resolve("past");
  }

  /** What backups need for a while. */
  static Path backupDirectory(Path dataDirectory) {
    return dataDirectory.resolve("backup");
  }

  /** Where the replica notes what it attempts. */
  static Path attemptFile(Path dataDirectory) {
    return dataDirectory.resolve("attempt");
  }

  /** How long a stopping node waits for the writes it has taken. */
  public static Duration drainMax() {
    return Duration.ofSeconds(30);
  }

  /** How long it then waits to leave the cluster and hand the sequencer over. */
  public static Duration leaveMax() {
    return Duration.ofSeconds(20);
  }
}
