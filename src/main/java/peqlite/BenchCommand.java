package peqlite;

import static java.util.stream.Collectors.joining;

import actors.Node;
import actors.ReadLevel;
import com.typesafe.config.Config;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;
import storage.PostgresSettings;

/**
 * Measures a node, and in the same run what the same machine does without it. Exit code 1 if any
 * request failed.
 */
@Command(
    name = "bench",
    description = {
      "Measure a node under a closed-loop load, and the same disk without it.",
      "Without --url or --cluster a node is started in this process, in a folder that is removed"
          + " afterwards."
    })
final class BenchCommand implements Callable<Integer> {

  private static final List<String> WORKLOADS = List.of("insert", "batch", "read", "mixed");

  private static final Duration READY_MAX = Duration.ofSeconds(60);

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = "--url",
      paramLabel = "URL,...",
      description =
          "A node to measure, such as http://127.0.0.1:4001, or several of one cluster, over which"
              + " the workers are spread; the table peqlite_bench is replaced.")
  private @Nullable String url;

  @Option(
      names = "--cluster",
      description =
          "Measure one node and then three with a PostgreSQL as their journal, each in a process"
              + " of its own on this machine.")
  private boolean cluster;

  @Option(
      names = "--journal-url",
      paramLabel = "URL",
      description =
          "That PostgreSQL: jdbc:postgresql://host:port/database (default: PEQLITE_JOURNAL_URL)."
              + " Schemas are made in it and dropped again.")
  private @Nullable String journalUrl;

  @Option(names = "--in-process", description = "Measure only without HTTP.")
  private boolean inProcessOnly;

  @Option(names = "--http", description = "Measure only through HTTP.")
  private boolean httpOnly;

  @Option(
      names = "--workload",
      paramLabel = "KIND",
      description =
          "insert (default with --cluster), batch, read, mixed (1 insert to 9 reads) or all"
              + " (default).")
  private @Nullable String workload;

  @Option(
      names = "--workers",
      paramLabel = "N",
      description = "Requests under way at once (default: 64, and 32 for reads).")
  private @Nullable Integer workers;

  @Option(
      names = "--duration",
      paramLabel = "TIME",
      defaultValue = "5s",
      converter = TimeConverter.class,
      description = "How long each workload is measured (default: ${DEFAULT-VALUE}).")
  private Duration duration = Duration.ofSeconds(5);

  @Option(
      names = "--warmup",
      paramLabel = "TIME",
      defaultValue = "5s",
      converter = TimeConverter.class,
      description = {
        "How long each one runs before (default: ${DEFAULT-VALUE}); with --cluster that is repeated",
        "until its rate rises no more."
      })
  private Duration warmup = Duration.ofSeconds(5);

  @Option(
      names = "--count",
      paramLabel = "N",
      description = "End a workload after so many requests, if that is earlier.")
  private long count = Long.MAX_VALUE;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      defaultValue = "100",
      description = "Rows in a request of the batch workload (default: ${DEFAULT-VALUE}).")
  private int batchSize = 100;

  @Option(
      names = "--rows",
      paramLabel = "N",
      defaultValue = "10000",
      description = "Rows that are there before reads begin (default: ${DEFAULT-VALUE}).")
  private int rows = 10_000;

  @Option(
      names = "--no-yardsticks",
      description = "Leave out what the machine does without peqlite.")
  private boolean withoutYardsticks;

  @Option(
      names = "--data-dir",
      paramLabel = "DIR",
      defaultValue = "peqlite-data",
      description = "Its folder tmp is on the disk to measure (default: ./${DEFAULT-VALUE}).")
  private Path dataDirectory = Path.of("peqlite-data");

  @Option(names = "--json", description = "Print one JSON object instead of a table.")
  private boolean json;

  @Override
  public Integer call()
      throws SettingsException, StartException, IOException, SQLException, InterruptedException {
    BenchRun.Plan plan = plan();
    List<NetworkAddress> remote = remote();
    Optional<PostgresSettings> journal = journal();
    try (BenchResources resources = new BenchResources(spec.commandLine().getErr())) {
      resources.closeAtExit();
      Path directory = temporaryDirectory();
      resources.keep(() -> delete(directory));
      // Before SQLite is loaded, so that its library goes away with the rest.
      System.setProperty("org.sqlite.tmpdir", directory.toString());
      BenchRun run = new BenchRun(plan);
      BenchYardsticks sticks = new BenchYardsticks(directory, plan.warmup(), plan.duration());
      if (!withoutYardsticks) {
        run.add(sticks.fsync());
        run.add(sticks.inserts());
      }
      if (journal.isPresent()) {
        cluster(run, sticks, new BenchCluster(journal.get(), directory, resources));
      } else {
        measure(run, plan, remote, sticks, directory);
      }
      return report(new BenchReport(run.results()));
    }
  }

  private int report(BenchReport report) throws IOException {
    if (json) {
      report.printJson(spec.commandLine().getOut());
    } else {
      report.printTable(spec.commandLine().getOut());
    }
    return report.hasErrors() ? CommandLine.ExitCode.SOFTWARE : CommandLine.ExitCode.OK;
  }

  private void cluster(BenchRun run, BenchYardsticks sticks, BenchCluster nodes)
      throws StartException, InterruptedException {
    if (!withoutYardsticks) {
      run.add(nodes.yardstick(sticks));
    }
    nodes.measure(run);
  }

  private void measure(
      BenchRun run,
      BenchRun.Plan plan,
      List<NetworkAddress> remote,
      BenchYardsticks sticks,
      Path directory)
      throws SettingsException, StartException, IOException, SQLException, InterruptedException {
    Map<String, String> options =
        Map.of(
            "http-addr", "127.0.0.1:0",
            "cluster-addr", "127.0.0.1:0",
            "management-addr", "",
            "data-dir", directory.resolve("node").toString());
    Config config = SettingsSource.load(options, Map.of(), Optional.empty());
    Settings settings = Settings.from(config);
    int readThreads = Math.min(settings.read().connections(), plan.readWorkers());
    if (!withoutYardsticks && plan.has("read")) {
      run.add(sticks.reads(readThreads, plan.rows()));
    }
    if (remote.isEmpty()) {
      local(run, plan, settings, config, sticks, readThreads);
    } else {
      http(run, remote);
    }
    // After the node's turn, so that the JVM has warmed up to HTTP for both.
    if (!withoutYardsticks && plan.has("read") && !inProcessOnly) {
      emptyRoute(run, plan, config);
    }
  }

  private void local(
      BenchRun run,
      BenchRun.Plan plan,
      Settings settings,
      Config config,
      BenchYardsticks sticks,
      int readThreads)
      throws SettingsException, StartException, IOException, InterruptedException {
    RunningNode node = RunningNode.start(settings, config);
    try {
      if (!node.awaitReady(READY_MAX)) {
        throw new StartException("the node is not ready: " + node.problem());
      }
      if (!httpOnly) {
        BenchNodeTarget target = new BenchNodeTarget(node.node());
        run.fill(List.of(target));
        if (plan.has("read")) {
          run.add(sticks.localReads(readThreads, plan.rows(), target));
          asks(run, plan, settings, node.node(), sticks, readThreads);
        }
        run.workloads("in-process", List.of(target));
      }
      if (!inProcessOnly) {
        http(run, List.of(node.httpAddress()));
      }
    } finally {
      boolean unused = node.stop();
    }
  }

  /** What an application in this process has. */
  private void asks(
      BenchRun run,
      BenchRun.Plan plan,
      Settings settings,
      Node node,
      BenchYardsticks sticks,
      int readThreads)
      throws StartException {
    try {
      run.add(sticks.dataSourceReads(readThreads, plan.rows(), new LocalDataSource(node.reads())));
    } catch (SQLException e) {
      throw new StartException("cannot read by the data source: " + e.getMessage(), e);
    }
    if (!withoutYardsticks) {
      try (BenchAsk ask = BenchAsk.ofNobody()) {
        asks(run, plan, "yardstick: empty ask", ask, ReadLevel.NONE);
      }
    }
    try (BenchAsk ask = BenchAsk.of(node, settings)) {
      for (ReadLevel level : List.of(ReadLevel.NONE, ReadLevel.WEAK)) {
        String name = "ask read, level " + level.name().toLowerCase(Locale.ROOT);
        asks(run, plan, name, ask, level);
      }
    }
  }

  private static void asks(
      BenchRun run, BenchRun.Plan plan, String name, BenchAsk ask, ReadLevel level) {
    run.closedLoop(
        name,
        plan.readWorkers(),
        (worker, number) -> ask.read(ThreadLocalRandom.current().nextLong(plan.rows()) + 1, level));
  }

  private static void http(BenchRun run, List<NetworkAddress> addresses) throws StartException {
    try {
      run.nodes("http", addresses);
    } catch (IOException e) {
      String urls =
          addresses.stream().map(address -> "http://" + address).collect(joining(" and "));
      throw new StartException("cannot measure " + urls + ": " + e.getMessage(), e);
    }
  }

  private static void emptyRoute(BenchRun run, BenchRun.Plan plan, Config config)
      throws IOException, StartException, InterruptedException {
    try (BenchEmptyRoute route = BenchEmptyRoute.start(config);
        BenchHttpTarget target = new BenchHttpTarget(route.address())) {
      run.closedLoop(
          "yardstick: empty HTTP route",
          plan.readWorkers(),
          (worker, number) -> target.read(number));
    }
  }

  private BenchRun.Plan plan() throws SettingsException {
    String chosen = workload != null ? workload : cluster ? "insert" : "all";
    if (!chosen.equals("all") && !WORKLOADS.contains(chosen)) {
      throw new SettingsException("--workload: '" + chosen + "' is not one of " + WORKLOADS);
    }
    if (inProcessOnly && (httpOnly || url != null || cluster)) {
      throw new SettingsException(
          "--in-process does not go together with --http, --url or --cluster");
    }
    if (cluster && url != null) {
      throw new SettingsException("--cluster does not go together with --url");
    }
    if (journalUrl != null && !cluster) {
      throw new SettingsException("--journal-url: has no use without --cluster");
    }
    return new BenchRun.Plan(
        chosen.equals("all") ? WORKLOADS : List.of(chosen),
        atLeastOne("--workers", workers == null ? 64 : workers),
        atLeastOne("--workers", workers == null ? 32 : workers),
        warmup,
        cluster,
        duration,
        count,
        atLeastOne("--batch-size", batchSize),
        atLeastOne("--rows", rows));
  }

  private static int atLeastOne(String option, int value) throws SettingsException {
    if (value < 1) {
      throw new SettingsException(option + ": must be at least 1");
    }
    return value;
  }

  private Optional<PostgresSettings> journal() throws SettingsException {
    return cluster
        ? Optional.of(BenchCluster.journal(Optional.ofNullable(journalUrl), System.getenv()))
        : Optional.empty();
  }

  /** The nodes that run already, if some are given. */
  private List<NetworkAddress> remote() throws SettingsException {
    List<NetworkAddress> addresses = new ArrayList<>();
    if (url != null) {
      for (String one : url.split(",", -1)) {
        addresses.add(remote(one.strip()));
      }
    }
    return addresses;
  }

  private static NetworkAddress remote(String text) throws SettingsException {
    try {
      URI uri = new URI(text);
      if ("http".equals(uri.getScheme()) && uri.getHost() != null) {
        String port = uri.getPort() < 0 ? ":80" : "";
        return NetworkAddress.parse(uri.getAuthority() + port);
      }
    } catch (URISyntaxException | IllegalArgumentException e) {
      throw new SettingsException("--url: " + e.getMessage());
    }
    throw new SettingsException("--url: '" + text + "' is not http://host:port");
  }

  private Path temporaryDirectory() throws SettingsException {
    Path parent = dataDirectory.toAbsolutePath().normalize().resolve("tmp");
    try {
      return Files.createTempDirectory(Files.createDirectories(parent), "bench-");
    } catch (IOException e) {
      throw new SettingsException("--data-dir: cannot write to '" + parent + "'");
    }
  }

  /** Best effort: what cannot be removed is left to the user, in a folder that says what it is. */
  private static void delete(Path directory) {
    try (Stream<Path> paths = Files.walk(directory)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    } catch (IOException e) {
      return;
    }
  }

  /** Times as they stand in the configuration: {@code 500ms}, {@code 5s}, {@code 2m}. */
  static final class TimeConverter implements ITypeConverter<Duration> {

    private static final Pattern TIME = Pattern.compile("([0-9]{1,9})(ms|s|m)");

    @Override
    public Duration convert(String text) {
      Matcher matcher = TIME.matcher(text);
      if (!matcher.matches()) {
        throw new TypeConversionException("'" + text + "' is not a time such as 500ms, 5s or 2m");
      }
      long number = Long.parseLong(matcher.group(1));
      return switch (matcher.group(2)) {
        case "ms" -> Duration.ofMillis(number);
        case "s" -> Duration.ofSeconds(number);
        default -> Duration.ofMinutes(number);
      };
    }
  }
}
