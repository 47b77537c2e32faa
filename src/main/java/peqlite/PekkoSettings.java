package peqlite;

import actors.JournalChoice;
import actors.NodeSettings;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import http.ClusterDiscovery;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import storage.PostgresJournal;
import storage.SqliteJournal;

/** Pekko's configuration: that of {@code application.conf} with what {@link Settings} decide. */
final class PekkoSettings {

  private PekkoSettings() {}

  /**
   * Puts the cluster address, the journal and discovery in.
   *
   * @param cluster with its real port
   * @param config everything else
   * @throws StartException if discovery's token cannot be read
   */
  static Config of(NetworkAddress cluster, Settings settings, Config config) throws StartException {
    Map<String, Object> decided = new HashMap<>();
    decided.put("pekko.remote.artery.canonical.hostname", cluster.host());
    decided.put("pekko.remote.artery.canonical.port", cluster.port());
    if (!settings.bindHost().isEmpty()) {
      decided.put("pekko.remote.artery.bind.hostname", settings.bindHost());
    }
    // Management's routes are served by the node itself; without a name this machine's is looked
    // up.
    decided.put("pekko.management.http.hostname", cluster.host());
    if (settings.journal() instanceof JournalChoice.Postgres postgres) {
      decided.putAll(PostgresJournal.appendPool(postgres.settings()));
    } else if (settings.journal() instanceof JournalChoice.Quorum) {
      decided.put("pekko.persistence.journal.plugin", "quorum-journal");
    } else {
      decided.put(
          "pekko-persistence-jdbc.shared-databases.slick.db.url",
          SqliteJournal.url(NodeSettings.journalFile(settings.dataDirectory())));
    }
    if (settings.discovery().isPresent()) {
      decided.putAll(discovery(settings.discovery().get()));
    }
    return ConfigFactory.parseMap(decided, "settings").withFallback(config);
  }

  /** The class that begins the search stands here by its name, because each system loads it. */
  private static Map<String, Object> discovery(Settings.Discovery discovery) throws StartException {
    String kubernetes = "pekko.discovery.kubernetes-api.";
    String search = "pekko.management.cluster.bootstrap.contact-point-discovery.";
    return Map.of(
        "pekko.extensions",
        List.of(ClusterDiscovery.class.getName()),
        kubernetes + "api-token-path",
        ServiceToken.withoutLineEnd(discovery.tokenFile()).toString(),
        kubernetes + "pod-namespace",
        discovery.namespace(),
        kubernetes + "pod-label-selector",
        discovery.selector(),
        search + "discovery-method",
        "kubernetes-api",
        search + "port-name",
        discovery.portName(),
        search + "required-contact-point-nr",
        discovery.nodesMin());
  }
}
