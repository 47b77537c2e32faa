package quorum;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.RaftConfigKeys;
import org.apache.ratis.conf.RaftProperties;
import org.apache.ratis.grpc.GrpcConfigKeys;
import org.apache.ratis.rpc.SupportedRpcType;
import org.apache.ratis.server.RaftServerConfigKeys;
import org.apache.ratis.util.SizeInBytes;
import org.apache.ratis.util.TimeDuration;

/** What Ratis is told: where a default is another one, for what reason. */
final class RaftSettings {

  /** How many entries of the log there are between two checkpoints at most. */
  private static final long CHECKPOINT_ENTRIES = 20_000;

  /** What stays of the Raft log, so that a node that was away for a moment need not copy rows. */
  private static final long ENTRIES_KEPT = 128;

  /**
   * How a leader calls again whom it does not reach: by default a node that was away for half a
   * minute would be called every 5 s only, also when it is back and has no leader otherwise.
   */
  private static final String CALL_AGAIN = "1ms,10, 100ms,50, 300ms,100000000";

  private RaftSettings() {}

  /**
   * For a server and for what calls others.
   *
   * @param address where the server is, host:port
   */
  static RaftProperties of(QuorumSettings settings, String address) {
    RaftProperties properties = new RaftProperties();
    RaftConfigKeys.Rpc.setType(properties, SupportedRpcType.GRPC);
    int colon = address.lastIndexOf(':');
    GrpcConfigKeys.Server.setHost(
        properties,
        settings.bindHost().isEmpty() ? address.substring(0, colon) : settings.bindHost());
    GrpcConfigKeys.Server.setPort(properties, Integer.parseInt(address.substring(colon + 1)));
    RaftServerConfigKeys.setStorageDir(
        properties, List.of(QuorumFiles.raft(settings.directory()).toFile()));
    TimeDuration min = time(settings.electionTimeoutMin());
    TimeDuration max = time(settings.electionTimeoutMax());
    RaftServerConfigKeys.Rpc.setTimeoutMin(properties, min);
    RaftServerConfigKeys.Rpc.setTimeoutMax(properties, max);
    RaftServerConfigKeys.Rpc.setFirstElectionTimeoutMin(properties, min);
    RaftServerConfigKeys.Rpc.setFirstElectionTimeoutMax(properties, max);
    RaftServerConfigKeys.Rpc.setRequestTimeout(
        properties, TimeDuration.valueOf(2, TimeUnit.SECONDS));
    RaftServerConfigKeys.Read.setOption(properties, RaftServerConfigKeys.Read.Option.LINEARIZABLE);
    RaftServerConfigKeys.Read.setTimeout(properties, TimeDuration.valueOf(4, TimeUnit.SECONDS));
    RaftServerConfigKeys.LeaderElection.setPreVote(properties, true);
    // Whoever has lost the majority may be the only one who can lead when it is back.
    RaftServerConfigKeys.LeaderElection.setLeaderStepDownWaitTime(properties, max);
    // From one voter to two.
    RaftServerConfigKeys.LeaderElection.setMemberMajorityAdd(properties, true);
    RaftServerConfigKeys.Log.Appender.setRetryPolicy(properties, CALL_AGAIN);
    // Rows are copied by the state machine; files are never sent.
    RaftServerConfigKeys.Log.Appender.setInstallSnapshotEnabled(properties, false);
    RaftServerConfigKeys.Snapshot.setAutoTriggerEnabled(properties, true);
    RaftServerConfigKeys.Snapshot.setAutoTriggerThreshold(properties, CHECKPOINT_ENTRIES);
    // Otherwise a dead node would make the logs of the others grow without end.
    RaftServerConfigKeys.Log.setPurgeUptoSnapshotIndex(properties, true);
    RaftServerConfigKeys.Log.setPurgePreservationLogNum(properties, ENTRIES_KEPT);
    RaftServerConfigKeys.Log.setPurgeGap(properties, 1);
    RaftServerConfigKeys.Log.setSegmentSizeMax(properties, SizeInBytes.valueOf("8MB"));
    RaftServerConfigKeys.Log.setPreallocatedSize(properties, SizeInBytes.valueOf("1MB"));
    RaftServerConfigKeys.Log.setSegmentCacheSizeMax(properties, SizeInBytes.valueOf("16MB"));
    RaftServerConfigKeys.Log.setLogMetadataEnabled(properties, false);
    // An answer before the sync, or a log that counts as synced although that failed, is none.
    RaftServerConfigKeys.Log.setUnsafeFlushEnabled(properties, false);
    RaftServerConfigKeys.Log.setAsyncFlushEnabled(properties, false);
    return properties;
  }

  private static TimeDuration time(Duration duration) {
    return TimeDuration.valueOf(duration.toMillis(), TimeUnit.MILLISECONDS);
  }
}
