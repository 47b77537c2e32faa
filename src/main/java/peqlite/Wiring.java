package peqlite;

import actors.ClusterSettings;
import actors.NodeSettings;
import actors.Replica;
import actors.Sequencer;
import actors.SnapshotSettings;
import actors.WriteSession;
import com.typesafe.config.Config;
import http.HttpSettings;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import storage.ApplySettings;
import storage.DatabaseConnections;
import storage.PastSettings;
import storage.ReadSettings;
import storage.ReplicatedSettings;

/** Says {@link Settings} in the words of each package, which know nothing of the face. */
final class Wiring {

  private Wiring() {}

  /**
   * For the actors and the storage below them. Cluster port 0 becomes a free one.
   *
   * @throws StartException if there is none, or a file that discovery needs cannot be read
   */
  static NodeSettings node(Settings settings, Config config) throws StartException {
    NetworkAddress cluster = withPort(settings.clusterAddress());
    String nodeId = settings.nodeId().orElse(cluster.toString());
    return new NodeSettings(
        nodeId,
        Version.text(),
        cluster.toString(),
        settings.dataDirectory(),
        PekkoSettings.of(cluster, settings, config),
        settings.journal(),
        cluster(settings),
        replicated(settings),
        apply(settings, nodeId),
        replica(settings),
        snapshot(settings.snapshot()),
        settings.backup(),
        read(settings),
        past(settings),
        write(settings.write()),
        sequencer(settings));
  }

  /** For the HTTP interface. */
  static HttpSettings http(NetworkAddress address, Settings settings) {
    Settings.Http http = settings.http();
    return new HttpSettings(
        address.host(),
        address.port(),
        Version.text(),
        http.allowOrigin(),
        http.bodyBytesMax(),
        http.bodiesBytesMax(),
        http.requestsMax(),
        http.connectionsMax(),
        http.timeout(),
        http.timeoutMax(),
        settings.read().timeMax(),
        settings.read().rowsMax(),
        settings.read().bytesMax(),
        settings.dataDirectory().resolve("spool"),
        http.spoolBytesMax());
  }

  private static ClusterSettings cluster(Settings settings) {
    return new ClusterSettings(
        settings.join().stream().map(NetworkAddress::toString).toList(),
        settings.cluster().stableAfter(),
        settings.cluster().minorityDelay(),
        settings.discovery().isPresent());
  }

  private static ReplicatedSettings replicated(Settings settings) {
    Settings.Keys keys = settings.keys();
    return new ReplicatedSettings(
        settings.foreignKeys(), keys.age(), keys.countMax(), keys.outcomeBytesMax());
  }

  private static ApplySettings apply(Settings settings, String nodeId) {
    Settings.Apply apply = settings.apply();
    return new ApplySettings(
        nodeId,
        settings.foreignKeys(),
        apply.stepLimit(),
        apply.cacheBytes(),
        apply.statementCache(),
        apply.resultBytesMax(),
        apply.walBytesMax(),
        apply.databaseBytesMax(),
        settings.log().slowStatement().toNanos());
  }

  private static Replica.Settings replica(Settings settings) {
    Settings.Apply apply = settings.apply();
    return new Replica.Settings(
        apply.holdAfter(),
        apply.retryBackoffMin(),
        apply.retryBackoffMax(),
        apply.batchEventsMax(),
        settings.snapshot().restoreBehindEvents(),
        apply.catchUpBytesPerSecond(),
        apply.changesBytesMax());
  }

  private static SnapshotSettings snapshot(Settings.Snapshot snapshot) {
    return new SnapshotSettings(
        snapshot.journalBytes(),
        snapshot.journalEvents(),
        snapshot.interval(),
        snapshot.keep(),
        snapshot.compression(),
        snapshot.lookInterval(),
        snapshot.restoreBehindEvents(),
        snapshot.transferBytesPerSecond());
  }

  private static ReadSettings read(Settings settings) {
    Settings.Read read = settings.read();
    return new ReadSettings(
        read.connections(),
        read.queueMax(),
        settings.foreignKeys(),
        read.cacheBytes(),
        DatabaseConnections.LENGTH_MAX,
        settings.log().slowStatement().toNanos());
  }

  private static PastSettings past(Settings settings) {
    Settings.AsOf asOf = settings.asOf();
    Settings.Apply apply = settings.apply();
    return new PastSettings(
        asOf.statesMax(),
        asOf.bytesMax(),
        asOf.idle(),
        apply.catchUpBytesPerSecond(),
        apply.cacheBytes(),
        read(settings));
  }

  private static WriteSession.Settings write(Settings.Write write) {
    return new WriteSession.Settings(
        write.pendingMax(),
        write.pendingBytesMax(),
        write.sessionWindow(),
        write.requestBytesMax(),
        write.resendInterval(),
        write.lagMax());
  }

  private static Sequencer.Settings sequencer(Settings settings) {
    Settings.Sequencer sequencer = settings.sequencer();
    return new Sequencer.Settings(
        sequencer.queueMax(),
        sequencer.queueBytesMax(),
        sequencer.batchRequestsMax(),
        sequencer.eventBytesMax(),
        settings.read().weakAgeMax(),
        sequencer.reportWait(),
        settings.scrub().interval(),
        settings.vacuum().freeBytes());
  }

  /**
   * The node's name and address must be known before anything is bound, so a free port is looked
   * for here. Another process could take it meanwhile; then the start fails and says so.
   */
  private static NetworkAddress withPort(NetworkAddress address) throws StartException {
    if (address.port() != 0) {
      return address;
    }
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName(address.host()))) {
      return new NetworkAddress(address.host(), socket.getLocalPort());
    } catch (IOException e) {
      throw new StartException("there is no free port at " + address.host() + ": " + e, e);
    }
  }
}
