package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import actors.BackupSettings;
import actors.JournalChoice;
import backup.BackupJob;
import com.typesafe.config.Config;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class SettingsTest {

  @TempDir private Path directory;

  @Test
  void defaultsAreThoseOfTheDocumentedFile() throws Exception {
    Settings settings = Settings.from(load(Map.of(), Map.of(), ""));

    assertEquals(Optional.empty(), settings.nodeId());
    assertEquals("127.0.0.1:4001", settings.httpAddress().orElseThrow().toString());
    assertEquals("127.0.0.1:7355", settings.clusterAddress().toString());
    assertEquals(Path.of("peqlite-data").toAbsolutePath(), settings.dataDirectory());
    assertFalse(settings.foreignKeys());
    assertEquals(new JournalChoice.Sqlite(), settings.journal());
    assertEquals("127.0.0.1:7626", settings.managementAddress().orElseThrow().toString());
    assertEquals(List.of(), settings.join());
    assertEquals(Optional.empty(), settings.discovery());
    assertEquals(
        new Settings.Cluster(Duration.ofMillis(300), Duration.ofMillis(700)), settings.cluster());
    assertEquals(
        new Settings.Write(10_000, 64 << 20, 4096, 32 << 20, Duration.ofMillis(500), 20_000),
        settings.write());
    assertEquals(
        new Settings.Sequencer(20_000, 128 << 20, 1024, 900 << 10, Duration.ofSeconds(5)),
        settings.sequencer());
    assertEquals(
        new Settings.Apply(
            500_000_000,
            Duration.ofSeconds(10),
            Duration.ofMillis(100),
            Duration.ofSeconds(5),
            64 << 20,
            256,
            16 << 20,
            16 << 20,
            0,
            64,
            64 << 20,
            16 << 20),
        settings.apply());
    assertEquals(new Settings.Keys(Duration.ofDays(1), 1_000_000, 64 << 10), settings.keys());
    assertEquals(
        new Settings.Read(
            4, 10_000, Duration.ofSeconds(30), 2_000_000, 1 << 30, 8 << 20, Duration.ofMillis(200)),
        settings.read());
    assertEquals(new Settings.AsOf(4, 16L << 30, Duration.ofMinutes(10)), settings.asOf());
    assertEquals(
        new Settings.Http(
            Optional.empty(),
            32 << 20,
            256 << 20,
            Duration.ofSeconds(30),
            Duration.ofMinutes(5),
            4096,
            4096,
            1 << 30,
            Duration.ofSeconds(10)),
        settings.http());
    assertEquals(new Settings.Log(LogFormat.TEXT, Duration.ofSeconds(1)), settings.log());
  }

  @Test
  void theCommandLineWinsOverTheEnvironmentAndThatOverTheFile() throws Exception {
    String file =
        "peqlite { http-addr = \"h:1\", cluster-addr = \"h:2\", node-id = three, keys.age = 1h }";
    Map<String, String> environment =
        Map.of("PEQLITE_HTTP_ADDR", "h:11", "PEQLITE_CLUSTER_ADDR", "h:12");
    Settings settings = Settings.from(load(Map.of("http-addr", "h:21"), environment, file));

    assertEquals("h:21", settings.httpAddress().orElseThrow().toString());
    assertEquals("h:12", settings.clusterAddress().toString());
    assertEquals(Optional.of("three"), settings.nodeId());
    assertEquals(Duration.ofHours(1), settings.keys().age());
  }

  @Test
  void aVariableSwitchesForeignKeysOn() throws Exception {
    Map<String, String> environment = Map.of("PEQLITE_FOREIGN_KEYS", "true");
    assertTrue(Settings.from(load(Map.of(), environment, "")).foreignKeys());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "node-id      | a b              | --node-id: 'a b' is not 1 to 64 letters, digits and any"
            + " of . _ : -",
        "http-addr    | 127.0.0.1        | --http-addr: '127.0.0.1' is not host:port",
        "http-addr    | 127.0.0.1:70000  | --http-addr: '127.0.0.1:70000' has no port from 0 to"
            + " 65535",
        "cluster-addr | x                | --cluster-addr: 'x' is not host:port",
        "data-dir     | a?b              | --data-dir: 'a?b' is not a folder's path without"
            + " question marks",
        "management-addr | x             | --management-addr: 'x' is not host:port",
        "join         | a:1,b            | --join: 'b' is not host:port",
        "join         | a:0              | --join: 'a:0' has no port from 1 to 65535",
        "discovery    | dns              | --discovery: 'dns' is not a way to look for nodes; use"
            + " 'kubernetes-api' or ''",
        "discovery    | kubernetes-api   | --discovery: needs a journal for many nodes, and 'sqlite'"
            + " is for one; use --journal postgres",
        "journal      | postgres         | --journal-url: is not set, and the journal 'postgres'"
            + " needs it, such as jdbc:postgresql://127.0.0.1:5432/peqlite",
        "journal-url  | jdbc:postgresql://h/d | --journal-url: has no use with the journal"
            + " 'sqlite'; use --journal postgres",
        "journal      | quorum           | --join: is not set, and the journal 'quorum' needs the"
            + " --cluster-addr of all nodes that are to form the cluster, this one's included",
        "journal      | h2               | --journal: 'h2' is not a journal; use 'sqlite',"
            + " 'quorum' or 'postgres'",
        "foreign-keys | perhaps          | --foreign-keys: 'perhaps' is not true or false",
      })
  void aWrongOptionIsNamed(String option, String value, String line) {
    assertEquals(line, refused(Map.of(option, value), Map.of(), ""));
  }

  @Test
  void aWrongVariableIsNamed() {
    assertEquals(
        "PEQLITE_JOURNAL: 'x' is not a journal; use 'sqlite', 'quorum' or 'postgres'",
        refused(Map.of(), Map.of("PEQLITE_JOURNAL", "x"), ""));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "peqlite.read.connections = 0          | must be from 1 to 256",
        "peqlite.read.connections = many       | 'many' is not a whole number",
        "peqlite.http.timeout = 2h             | must be from 1ms to 3600s",
        "peqlite.http.timeout = soon           | 'soon' is not a time such as 500ms or 30s",
        "peqlite.http.body-bytes-max = 3       | must be from 1KiB to 1GiB",
        "peqlite.http.body-bytes-max = big     | 'big' is not a size such as 64MiB",
        "peqlite.http.body-bytes-max = 512MiB  | ''",
        "peqlite.http.timeout = 10m            | is longer than peqlite.http.timeout-max",
        "peqlite.write.request-bytes-max = 64MiB | is more than half of"
            + " peqlite.write.pending-bytes-max",
        "peqlite.sequencer.queue-bytes-max = 1MiB | is less than peqlite.write.request-bytes-max",
        "peqlite.apply.retry-backoff-min = 10s | is longer than peqlite.apply.retry-backoff-max",
        "peqlite.node-id = null                | is not set",
        "peqlite.write.lag-max = 0             | must be from 1 to 9223372036854775807",
        "peqlite.cluster.stable-after = 2m     | must be from 1ms to 60s",
        "peqlite.sequencer.report-wait = 0s    | must be from 1ms to 3600s",
        "peqlite.apply.catch-up-bytes-per-second = 1KiB | must be from 64KiB to 64GiB",
        "peqlite.join = [1, {}]                | '[1, {}]' is not a list of host:port",
      })
  void aWrongLineOfTheFileIsNamedWithItsKey(String text, String problem) {
    String line = refused(Map.of(), Map.of(), text);
    String key = text.substring(0, text.indexOf(' '));
    if (problem.isEmpty()) {
      assertTrue(line.startsWith("peqlite.http.bodies-bytes-max"), line);
      return;
    }
    assertTrue(line.startsWith(key), line);
    assertTrue(line.endsWith(": " + problem), line);
  }

  @ParameterizedTest
  @CsvSource({
    "peqlite.http-adr = x, peqlite.http-adr",
    "peqlite.http = 1, peqlite.http",
    "peqlite.node-id.x = 1, peqlite.node-id.x",
    "http-addr = x, http-addr",
  })
  void anUnknownKeyIsNamedWithItsLine(String text, String key) {
    String line = refused(Map.of(), Map.of(), text);
    assertTrue(line.endsWith("node.conf: 1: there is no key '" + key + "'"), line);
  }

  @Test
  void pekkosOwnKeysMayStandInTheFile() throws Exception {
    Config config = load(Map.of(), Map.of(), "pekko.cluster.roles = [a]");
    assertEquals("a", config.getStringList("pekko.cluster.roles").get(0));
  }

  @Test
  void aFileThatIsNotConfigurationIsOneLine() {
    String line = refused(Map.of(), Map.of(), "peqlite {\n\n");
    assertTrue(line.startsWith("--config: "), line);
    assertFalse(line.contains("\n"), line);
  }

  @Test
  void aFileThatIsNotThereIsNamed() {
    Path missing = directory.resolve("missing.conf");
    SettingsException refused =
        assertThrows(
            SettingsException.class,
            () -> SettingsSource.load(Map.of(), Map.of(), Optional.of(missing)));
    assertEquals("--config: '" + missing + "' is not a file that can be read", refused.line());
  }

  @Test
  void pekkoGetsTheAddressAndTheJournalsFile() throws Exception {
    Config config = load(Map.of("data-dir", "/data"), Map.of(), "");
    NetworkAddress address = new NetworkAddress("127.0.0.2", 7);
    Config pekko = PekkoSettings.of(address, Settings.from(config), config);

    assertEquals("127.0.0.2", pekko.getString("pekko.remote.artery.canonical.hostname"));
    assertEquals(7, pekko.getInt("pekko.remote.artery.canonical.port"));
    assertEquals(
        "jdbc:sqlite:/data/journal.db?journal_mode=WAL&synchronous=FULL&busy_timeout=5000",
        pekko.getString("pekko-persistence-jdbc.shared-databases.slick.db.url"));
  }

  private String refused(
      Map<String, String> options, Map<String, String> environment, String file) {
    return assertThrows(
            SettingsException.class, () -> Settings.from(load(options, environment, file)))
        .line();
  }

  private Config load(Map<String, String> options, Map<String, String> environment, String file)
      throws SettingsException, IOException {
    Path path = Files.writeString(directory.resolve("node.conf"), file);
    return SettingsSource.load(options, environment, Optional.of(path));
  }

  @Test
  void backupsAreMadeWhereAPlaceIsNamedAndItIsNeverShown() throws Exception {
    assertEquals(Optional.empty(), Settings.from(load(Map.of(), Map.of(), "")).backup());
    String place = "https://user:hidden@host/path";
    Settings settings = Settings.from(load(Map.of(), Map.of("PEQLITE_BACKUP_URL", place), ""));
    BackupSettings backup = settings.backup().orElseThrow();
    assertEquals(place, backup.place().toString());
    assertEquals(
        new BackupJob.Settings(Duration.ofDays(1), 16 << 20, Duration.ofDays(7), false, 1),
        backup.job());
    assertEquals(Duration.ofMinutes(1), backup.segmentInterval());
    assertEquals(Duration.ofHours(1), backup.holdJournal());
    assertFalse(settings.toString().contains("hidden"), settings.toString());

    for (String wrong :
        List.of(
            "url = \"ftp://user:hidden@host\"",
            "url = \"no address: hidden\"",
            "upload = hidden",
            "access-key = a")) {
      SettingsException refused =
          assertThrows(
              SettingsException.class,
              () -> Settings.from(load(Map.of(), Map.of(), "peqlite.backup { " + wrong + " }")),
              wrong);
      assertTrue(refused.line().startsWith("peqlite.backup."), refused.line());
      assertEquals(wrong.startsWith("upload"), refused.line().contains("hidden"), refused.line());
    }
  }
}
