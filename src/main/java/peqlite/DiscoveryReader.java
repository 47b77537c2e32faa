package peqlite;

import actors.JournalChoice;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Reads the keys under {@code peqlite.discovery}, and the files that Kubernetes gives to every pod:
 * what lacks there would otherwise be seen only in a cluster that is never formed. Where the files
 * are stands in Pekko's own keys.
 */
final class DiscoveryReader {

  private static final String METHOD = "peqlite.discovery.method";
  private static final String NAMESPACE = "peqlite.discovery.namespace";
  private static final String SELECTOR = "peqlite.discovery.selector";
  private static final String PORT_NAME = "peqlite.discovery.port-name";
  private static final String CA_FILE = "pekko.discovery.kubernetes-api.api-ca-path";
  private static final String TOKEN_FILE = "pekko.discovery.kubernetes-api.api-token-path";
  private static final String NAMESPACE_FILE = "pekko.discovery.kubernetes-api.pod-namespace-path";

  private static final Pattern NAME = Pattern.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?");

  /** Spaces are allowed by Kubernetes around the values of a set. */
  private static final Pattern LABELS = Pattern.compile("[-A-Za-z0-9._/=!,() ]+");

  private static final String IN_A_POD =
      "; --discovery kubernetes-api needs a pod with a service account and its token";

  private DiscoveryReader() {}

  /**
   * How other nodes are to be looked for; asks no server.
   *
   * @throws SettingsException if the keys do not say it, or a file of the pod cannot be read
   */
  static Optional<Settings.Discovery> read(SettingsReader reader, JournalChoice journal)
      throws SettingsException {
    String method = reader.text(METHOD);
    if (method.isEmpty()) {
      return Optional.empty();
    }
    if (!method.equals("kubernetes-api")) {
      throw reader.wrong(
          METHOD, "'" + method + "' is not a way to look for nodes; use 'kubernetes-api' or ''");
    }
    if (journal instanceof JournalChoice.Sqlite) {
      throw reader.wrong(
          METHOD,
          "needs a journal for many nodes, and 'sqlite' is for one; use --journal postgres");
    }
    if (reader.text("peqlite.management-addr").isEmpty()) {
      throw reader.wrong(METHOD, "needs --management-addr, where the nodes ask each other");
    }
    file(CA_FILE, reader);
    Path token = file(TOKEN_FILE, reader);
    return Optional.of(
        new Settings.Discovery(
            namespace(reader),
            matching(SELECTOR, LABELS, "a label selector such as app=peqlite", reader),
            matching(PORT_NAME, NAME, "the name of a container's port", reader),
            reader.count("peqlite.discovery.nodes-min", 1, 1000),
            token));
  }

  private static String namespace(SettingsReader reader) throws SettingsException {
    if (!reader.text(NAMESPACE).isEmpty()) {
      return matching(NAMESPACE, NAME, "the name of a namespace", reader);
    }
    Path file = file(NAMESPACE_FILE, reader);
    try {
      String namespace = Files.readString(file, StandardCharsets.UTF_8).strip();
      if (NAME.matcher(namespace).matches()) {
        return namespace;
      }
    } catch (IOException e) {
      throw reader.wrong(NAMESPACE_FILE, "cannot read '" + file + "': " + e);
    }
    throw reader.wrong(
        NAMESPACE_FILE, "'" + file + "' does not hold a namespace; give --discovery-namespace");
  }

  private static Path file(String path, SettingsReader reader) throws SettingsException {
    String name = reader.text(path);
    try {
      Path file = Path.of(name);
      if (Files.isRegularFile(file) && Files.isReadable(file)) {
        return file;
      }
    } catch (InvalidPathException e) {
      throw reader.wrong(path, "is not a path: " + e.getReason());
    }
    throw reader.wrong(path, "'" + name + "' is not a file that can be read" + IN_A_POD);
  }

  private static String matching(String path, Pattern pattern, String what, SettingsReader reader)
      throws SettingsException {
    String text = reader.text(path);
    if (!pattern.matcher(text).matches()) {
      throw reader.wrong(path, "'" + text + "' is not " + what);
    }
    return text;
  }
}
