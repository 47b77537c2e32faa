package peqlite;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.nio.file.Path;
import java.util.Map;
import storage.SqliteJournal;

/** Pekko's configuration: that of {@code application.conf} with what {@link Settings} decide. */
final class PekkoSettings {

  private PekkoSettings() {}

  /**
   * Puts the cluster address and the journal's file in.
   *
   * @param cluster with its real port
   * @param journalFile the SQLite file of the journal
   * @param config everything else
   */
  static Config of(NetworkAddress cluster, Path journalFile, Config config) {
    Map<String, Object> decided =
        Map.of(
            "pekko.remote.artery.canonical.hostname", cluster.host(),
            "pekko.remote.artery.canonical.port", cluster.port(),
            "pekko-persistence-jdbc.shared-databases.slick.db.url", SqliteJournal.url(journalFile));
    return ConfigFactory.parseMap(decided, "settings").withFallback(config);
  }
}
