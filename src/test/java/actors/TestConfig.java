package actors;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import storage.SqliteJournal;

/** Configurations for actor systems in tests. */
final class TestConfig {

  private TestConfig() {}

  /** The product's configuration without a cluster and without a journal. */
  static Config local() {
    return ConfigFactory.parseMap(Map.of("pekko.actor.provider", "local"))
        .withFallback(ConfigFactory.load("peqlite/application"));
  }

  /** The same with a journal in this file. */
  static Config withJournal(Path file) {
    Map<String, Object> journal = new HashMap<>();
    journal.put("pekko-persistence-jdbc.shared-databases.slick.db.url", SqliteJournal.url(file));
    return ConfigFactory.parseMap(journal).withFallback(local());
  }

  /** The product's configuration of a cluster's actor system on a free port, without a journal. */
  static Config clustered() {
    return ConfigFactory.parseMap(
            Map.of(
                "pekko.remote.artery.canonical.hostname",
                "127.0.0.1",
                "pekko.remote.artery.canonical.port",
                0,
                ClusterIdentityCheck.KEY,
                "a test",
                "pekko.persistence.journal.plugin",
                ""))
        .withFallback(ConfigFactory.load("peqlite/application"));
  }
}
