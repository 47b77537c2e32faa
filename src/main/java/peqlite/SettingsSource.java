package peqlite;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValueFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Where settings come from: command line, then environment, then a file, then the defaults of
 * {@code application.conf}; the first that gives a key wins.
 */
final class SettingsSource {

  /** The options that are a key and a variable too, by the option's name without dashes. */
  private static final Map<String, String> KEYS =
      Map.ofEntries(
          Map.entry("node-id", "peqlite.node-id"),
          Map.entry("http-addr", "peqlite.http-addr"),
          Map.entry("data-dir", "peqlite.data-dir"),
          Map.entry("cluster-addr", "peqlite.cluster-addr"),
          Map.entry("management-addr", "peqlite.management-addr"),
          Map.entry("quorum-addr", "peqlite.quorum-addr"),
          Map.entry("bind-host", "peqlite.bind-host"),
          Map.entry("join", "peqlite.join"),
          Map.entry("discovery", "peqlite.discovery.method"),
          Map.entry("discovery-namespace", "peqlite.discovery.namespace"),
          Map.entry("discovery-selector", "peqlite.discovery.selector"),
          Map.entry("discovery-nodes-min", "peqlite.discovery.nodes-min"),
          Map.entry("foreign-keys", "peqlite.foreign-keys"),
          Map.entry("backup-url", "peqlite.backup.url"),
          Map.entry("backup-encryption-key-file", "peqlite.backup.encryption-key-file"),
          Map.entry("log-format", "peqlite.log.format"),
          Map.entry("journal", "peqlite.journal.plugin"),
          Map.entry("journal-url", "peqlite.journal.url"),
          Map.entry("journal-user", "peqlite.journal.user"),
          Map.entry("journal-password", "peqlite.journal.password"),
          Map.entry("journal-password-file", "peqlite.journal.password-file"));

  /** Keys that hold whole trees of Pekko's own, which this class does not know one by one. */
  private static final List<String> TREES =
      List.of("peqlite.apply-dispatcher.", "peqlite.journal-dispatcher.");

  /** Where the build puts it, so that an application does not take it for its own. */
  private static final String DEFAULTS = "peqlite/application.conf";

  private SettingsSource() {}

  /**
   * The whole configuration, Pekko's part included, not yet checked by {@link Settings#from}.
   *
   * @param options values given on the command line, by the option's name without dashes
   * @param environment the process's environment; only variables of known keys are looked at
   * @param file what {@code --config} names
   * @throws SettingsException if the file cannot be read or has a key that does not exist
   */
  static Config load(
      Map<String, String> options, Map<String, String> environment, Optional<Path> file)
      throws SettingsException {
    ClassLoader loader = SettingsSource.class.getClassLoader();
    Config defaults = ConfigFactory.parseResources(loader, DEFAULTS);
    Config config = ConfigFactory.empty();
    for (Map.Entry<String, String> key : KEYS.entrySet()) {
      String option = key.getKey();
      String variable = variable(option);
      if (options.containsKey(option)) {
        config = with(config, key.getValue(), options.get(option), "--" + option);
      } else if (environment.containsKey(variable)) {
        config = with(config, key.getValue(), environment.get(variable), variable);
      }
    }
    if (file.isPresent()) {
      config = config.withFallback(parse(file.get(), defaults));
    }
    try {
      return config
          .withFallback(defaults)
          .withFallback(ConfigFactory.defaultReferenceUnresolved(loader))
          .resolve();
    } catch (ConfigException e) {
      throw new SettingsException("--config: " + oneLine(e));
    }
  }

  /**
   * The whole configuration of a node inside an application: what that says under {@code peqlite},
   * and nothing else of it, above the defaults. HTTP is served and the cluster shown only where it
   * says so.
   *
   * @param application the application's configuration, resolved
   * @throws SettingsException if it has a key that does not exist
   */
  static Config embedded(Config application) throws SettingsException {
    ClassLoader loader = SettingsSource.class.getClassLoader();
    Config defaults = ConfigFactory.parseResources(loader, DEFAULTS);
    Config given =
        application.hasPath("peqlite")
            ? application.withOnlyPath("peqlite")
            : ConfigFactory.empty();
    for (var entry : given.entrySet()) {
      checkKnown(entry.getKey(), entry.getValue().origin().description(), defaults);
    }
    return given
        .withFallback(
            ConfigFactory.parseMap(
                Map.of("peqlite.http-addr", "", "peqlite.management-addr", ""), "peqlite"))
        .withFallback(defaults)
        .withFallback(ConfigFactory.defaultReferenceUnresolved(loader))
        .resolve();
  }

  /** The variable that gives the same setting as an option: {@code PEQLITE_HTTP_ADDR}. */
  static String variable(String option) {
    return "PEQLITE_" + option.toUpperCase(Locale.ROOT).replace('-', '_');
  }

  private static Config with(Config config, String path, Object value, String origin) {
    return config.withValue(path, ConfigValueFactory.fromAnyRef(value, origin));
  }

  private static Config parse(Path file, Config defaults) throws SettingsException {
    if (!Files.isRegularFile(file) || !Files.isReadable(file)) {
      throw new SettingsException("--config: '" + file + "' is not a file that can be read");
    }
    Config parsed;
    try {
      parsed =
          ConfigFactory.parseFile(
              file.toFile(), ConfigParseOptions.defaults().setAllowMissing(false));
      for (var entry : parsed.resolve().entrySet()) {
        checkKnown(entry.getKey(), entry.getValue().origin().description(), defaults);
      }
    } catch (ConfigException e) {
      throw new SettingsException("--config: " + oneLine(e));
    }
    return parsed;
  }

  private static void checkKnown(String path, String origin, Config defaults)
      throws SettingsException {
    String root = ConfigUtil.splitPath(path).get(0);
    boolean known =
        root.equals("peqlite")
            ? TREES.stream().anyMatch(path::startsWith) || isLeaf(defaults, path)
            : defaults.root().containsKey(root);
    if (!known) {
      throw new SettingsException(origin + ": there is no key '" + path + "'");
    }
  }

  private static boolean isLeaf(Config config, String path) {
    return config.entrySet().stream().anyMatch(entry -> entry.getKey().equals(path));
  }

  private static String oneLine(ConfigException e) {
    return String.valueOf(e.getMessage()).replaceAll("\\s*[\\r\\n]+\\s*", " ");
  }
}
