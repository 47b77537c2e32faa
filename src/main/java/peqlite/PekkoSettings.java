package peqlite;

import actors.JournalChoice;
import actors.NodeSettings;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.util.HashMap;
import java.util.Map;
import storage.PostgresJournal;
import storage.SqliteJournal;

/** Pekko's configuration: that of {@code application.conf} with what {@link Settings} decide. */
final class PekkoSettings {

  private PekkoSettings() {}

  /**
   * Puts the cluster address and the journal in.
   *
   * @param cluster with its real port
   * @param config everything else
   */
  static Config of(NetworkAddress cluster, Settings settings, Config config) {
    Map<String, Object> decided = new HashMap<>();
    decided.put("pekko.remote.artery.canonical.hostname", cluster.host());
    decided.put("pekko.remote.artery.canonical.port", cluster.port());
    // Management's routes are served by the node itself; without a name this machine's is looked
    // up.
    decided.put("pekko.management.http.hostname", cluster.host());
    if (settings.journal() instanceof JournalChoice.Postgres postgres) {
      decided.putAll(PostgresJournal.appendPool(postgres.settings()));
    } else {
      decided.put(
          "pekko-persistence-jdbc.shared-databases.slick.db.url",
          SqliteJournal.url(NodeSettings.journalFile(settings.dataDirectory())));
    }
    return ConfigFactory.parseMap(decided, "settings").withFallback(config);
  }
}
