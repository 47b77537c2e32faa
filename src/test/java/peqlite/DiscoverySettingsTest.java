package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.Config;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How a pod is told to look for the others, and what it says when it cannot. */
final class DiscoverySettingsTest {

  @TempDir private Path directory;

  @BeforeEach
  void write() throws Exception {
    Files.writeString(directory.resolve("ca.crt"), "certificate");
    Files.writeString(directory.resolve("token"), "abc");
    Files.writeString(directory.resolve("namespace"), "databases\n");
  }

  @Test
  void namespaceAndTokenAreThoseOfThePod() throws Exception {
    assertEquals(
        Optional.of(
            new Settings.Discovery(
                "databases",
                "app.kubernetes.io/name=peqlite",
                "management",
                1,
                directory.resolve("token"))),
        Settings.from(load(Map.of())).discovery());
  }

  @Test
  void aNamespaceThatIsGivenNeedsNoFile() throws Exception {
    Files.delete(directory.resolve("namespace"));
    Config config = load(Map.of("discovery-namespace", "others"));
    assertEquals("others", Settings.from(config).discovery().orElseThrow().namespace());
  }

  @Test
  void pekkoIsToldWhatToLookFor() throws Exception {
    Config config = load(Map.of("discovery-selector", "app=a", "discovery-nodes-min", "2"));
    Config pekko =
        PekkoSettings.of(new NetworkAddress("10.0.0.1", 7355), Settings.from(config), config);
    assertEquals(List.of("http.ClusterDiscovery"), pekko.getStringList("pekko.extensions"));
    Config kubernetes = pekko.getConfig("pekko.discovery.kubernetes-api");
    assertEquals("databases", kubernetes.getString("pod-namespace"));
    assertEquals("app=a", kubernetes.getString("pod-label-selector"));
    assertEquals(directory.resolve("token").toString(), kubernetes.getString("api-token-path"));
    Config search = pekko.getConfig("pekko.management.cluster.bootstrap.contact-point-discovery");
    assertEquals(2, search.getInt("required-contact-point-nr"));
    assertEquals("management", search.getString("port-name"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "discovery-selector  | app is a    ; b | --discovery-selector: 'app is a    ; b' is not a"
            + " label selector such as app=peqlite",
        "discovery-namespace | Default         | --discovery-namespace: 'Default' is not the name"
            + " of a namespace",
        "discovery-nodes-min | 0               | --discovery-nodes-min: must be from 1 to 1000",
        "management-addr     | ''              | --discovery: needs --management-addr, where the"
            + " nodes ask each other",
      })
  void whatCannotBeUsedIsSaid(String option, String value, String line) throws Exception {
    Config config = load(Map.of(option, value));
    assertEquals(line, assertThrows(SettingsException.class, () -> Settings.from(config)).line());
  }

  @Test
  void aProcessOutsideOfAPodIsToldWhatItLacks() throws Exception {
    Files.delete(directory.resolve("token"));
    String line = assertThrows(SettingsException.class, () -> Settings.from(load(Map.of()))).line();
    assertEquals(
        "'"
            + directory.resolve("token")
            + "' is not a file that can be read; --discovery kubernetes-api needs a pod with a"
            + " service account and its token",
        line.substring(line.indexOf("): ") + 3));
  }

  @Test
  void aTokenIsSentWithoutTheLinesEndBehindIt() throws Exception {
    Path file = directory.resolve("token");
    assertEquals(file, ServiceToken.withoutLineEnd(file));
    Files.writeString(file, "abc\r\n");
    Path copy = ServiceToken.withoutLineEnd(file);
    assertNotEquals(file, copy);
    assertEquals("abc", Files.readString(copy));
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(copy)));
    Files.delete(copy);
    Files.writeString(file, "\n");
    assertThrows(StartException.class, () -> ServiceToken.withoutLineEnd(file));
  }

  private Config load(Map<String, String> more) throws Exception {
    Map<String, String> options = new HashMap<>();
    options.put("journal", "postgres");
    options.put("journal-url", "jdbc:postgresql://127.0.0.1:5432/peqlite");
    options.put("discovery", "kubernetes-api");
    options.putAll(more);
    Path config =
        Files.writeString(
            directory.resolve("node.conf"),
            "pekko.discovery.kubernetes-api { api-ca-path = \"%1$s/ca.crt\", api-token-path ="
                .concat(" \"%1$s/token\", pod-namespace-path = \"%1$s/namespace\" }")
                .formatted(directory));
    return SettingsSource.load(options, Map.of(), Optional.of(config));
  }
}
