package actors;

import com.typesafe.config.Config;
import java.util.List;
import org.apache.pekko.cluster.ConfigValidation;
import org.apache.pekko.cluster.JoinConfigCompatChecker;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Keeps the members of different clusters apart, whatever addresses they are given: a node joins
 * only members that have the same identity, which is that of their journal.
 *
 * <p>Named in the configuration and made by Pekko. If it fails, Pekko ends the actor system of the
 * node that wanted to join.
 */
public final class ClusterIdentityCheck extends JoinConfigCompatChecker {

  /** Where the identity stands in the configuration of the cluster's actor system. */
  static final String KEY = "peqlite.cluster.identity";

  /** The identity of the cluster that a system with this configuration belongs to. */
  static String identity(Config config) {
    return config.getString(KEY);
  }

  @Override
  public Seq<String> requiredKeys() {
    return CollectionConverters.asScala(List.of(KEY)).toSeq();
  }

  @Override
  public ConfigValidation check(Config toCheck, Config actualConfig) {
    return JoinConfigCompatChecker.fullMatch(requiredKeys(), toCheck, actualConfig);
  }
}
