package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import actors.BackupSettings;
import actors.JournalChoice;
import actors.NodeSettings;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerPort;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.Probe;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeMount;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.batch.v1.CronJob;
import io.fabric8.kubernetes.api.model.batch.v1.JobSpec;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import io.fabric8.kubernetes.api.model.rbac.Role;
import io.fabric8.kubernetes.api.model.rbac.RoleBinding;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.DayOfWeek;
import java.time.format.TextStyle;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.ParseResult;

/** What {@code kubectl apply -k} would send fits Kubernetes, itself and the program. */
@Timeout(120)
final class ManifestsTest {

  private static final Path FOLDER = Path.of("k8s");
  private static final Path GUIDE = Path.of("docs/KUBERNETES.md");

  private static final String BACKUP_URL = "s3://my-bucket/peqlite?region=eu-central-1";

  @TempDir private Path directory;

  /** What is for Prometheus and Grafana is tested as such. */
  static List<Path> files() throws IOException {
    return Manifests.files(FOLDER).stream()
        .filter(file -> !file.startsWith(FOLDER.resolve("monitoring")))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("files")
  void everyFileFitsTheModelOfKubernetes(Path file) throws Exception {
    assertTrue(!Manifests.parse(Files.readString(file)).objects().isEmpty(), "objects");
  }

  @Test
  void whatKubernetesDoesNotKnowIsRefused() {
    String good =
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 1}]}\n";
    for (String bad :
        List.of(
            good.replace("port: 1", "prot: 1"),
            good.replace("port: 1", "port: one"),
            good.replace("Service", "Servise"),
            good.replace("v1", "v2"))) {
      assertThrows(IOException.class, () -> Manifests.parse(bad), bad);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"single", "postgres", "quorum"})
  void anOverlayFitsTogether(String overlay) throws Exception {
    assertFitsTogether(build(overlay));
  }

  @ParameterizedTest
  @ValueSource(strings = {"single", "postgres", "quorum"})
  void everyOverlayTakesBackups(String overlay) throws Exception {
    Manifests built = withBackups(overlay);
    assertFitsTogether(built);
    BackupSettings backup = settings(built).backup().orElseThrow();
    assertEquals(BACKUP_URL, backup.place().toString());
    assertEquals("key", Files.readString(backup.store().encryptionKeyFile().orElseThrow()));
    assertEquals(settings(build(overlay)).journal(), settings(built).journal());
    Set<String> names = new TreeSet<>();
    for (CronJob job : built.all(CronJob.class)) {
      names.add(job.getMetadata().getName());
      assertJobFits(built, job);
    }
    assertEquals(Set.of("peqlite-backup-check", "peqlite-backup-copy"), names);
  }

  /** Who only wants copies has no Secret to make. */
  @Test
  void copiesNeedNothingOfTheBackups() throws Exception {
    Manifests built = withComponent("single", "backup-copy");
    assertFitsTogether(built);
    assertEquals(Optional.empty(), settings(built).backup());
    CronJob job = built.only(CronJob.class);
    assertJobFits(built, job);
    Container container = pod(job).getContainers().get(0);
    assertEquals(List.of(), container.getEnv());
    assertEquals(List.of(), container.getEnvFrom());
  }

  private static PodSpec pod(CronJob job) {
    return job.getSpec().getJobTemplate().getSpec().getTemplate().getSpec();
  }

  /** As strict as a node's pod, of its image, taken for no node, let through to the HTTP port. */
  private static void assertJobFits(Manifests built, CronJob job) throws IOException {
    String name = job.getMetadata().getName();
    StatefulSet set = built.only(StatefulSet.class);
    PodSpec nodePod = set.getSpec().getTemplate().getSpec();
    Container node = nodePod.getContainers().get(0);
    PodSpec pod = pod(job);
    assertEquals(1, pod.getContainers().size());
    Container container = pod.getContainers().get(0);
    assertEquals(node.getImage(), container.getImage());
    assertEquals(nodePod.getSecurityContext(), pod.getSecurityContext());
    assertEquals(node.getSecurityContext(), container.getSecurityContext());
    assertEquals(false, pod.getAutomountServiceAccountToken());
    assertTrue(container.getResources().getLimits().containsKey("memory"), name);
    assertTrue(container.getResources().getRequests().containsKey("memory"), name);

    assertEquals("Etc/UTC", job.getSpec().getTimeZone());
    assertEquals("Forbid", job.getSpec().getConcurrencyPolicy());
    assertTrue(job.getSpec().getSuccessfulJobsHistoryLimit() >= 1, name);
    assertTrue(job.getSpec().getFailedJobsHistoryLimit() >= 1, name);
    JobSpec spec = job.getSpec().getJobTemplate().getSpec();
    assertTrue(spec.getActiveDeadlineSeconds() > 0, name);
    assertTrue(spec.getBackoffLimit() > 0, name);
    assertEquals("Never", pod.getRestartPolicy());

    Map<String, String> labels = spec.getTemplate().getMetadata().getLabels();
    List<Map<String, String>> selectors =
        new ArrayList<>(List.of(set.getSpec().getSelector().getMatchLabels()));
    built.all(Service.class).forEach(service -> selectors.add(service.getSpec().getSelector()));
    built
        .all(PodDisruptionBudget.class)
        .forEach(budget -> selectors.add(budget.getSpec().getSelector().getMatchLabels()));
    NetworkPolicy policy = built.only(NetworkPolicy.class);
    selectors.add(policy.getSpec().getPodSelector().getMatchLabels());
    for (Map<String, String> selector : selectors) {
      assertFalse(labels.entrySet().containsAll(selector.entrySet()), name + " by " + selector);
    }
    assertEquals(Set.of("http"), portsOpenTo(labels, policy));
    if (pod.getServiceAccountName() != null) {
      assertEquals(
          built.only(ServiceAccount.class).getMetadata().getName(), pod.getServiceAccountName());
    }
    assertMountsExist(List.of(), pod, container);
    assertNamesExist(built, pod, container);
  }

  /** The nodes' ports that pods of this namespace with these labels reach. */
  private static Set<String> portsOpenTo(Map<String, String> labels, NetworkPolicy policy) {
    return policy.getSpec().getIngress().stream()
        .filter(
            rule ->
                rule.getFrom().stream()
                    .anyMatch(
                        peer ->
                            labels
                                .entrySet()
                                .containsAll(peer.getPodSelector().getMatchLabels().entrySet())))
        .flatMap(rule -> rule.getPorts().stream())
        .map(port -> port.getPort().getStrVal())
        .collect(Collectors.toSet());
  }

  @Test
  void theCheckIsWhatTheProgramTakes() throws Exception {
    Container container = container(withBackups("quorum"), "peqlite-backup-check");
    assertEquals(List.of(), container.getCommand());
    Map<String, String> environment = new HashMap<>();
    container.getEnv().forEach(one -> environment.put(one.getName(), value(one)));
    ParseResult parsed =
        parsed(container.getArgs().stream().map(word -> ofKubelet(word, environment)).toList());
    assertEquals("backups", parsed.commandSpec().name());
    assertEquals(BACKUP_URL, parsed.matchedPositionalValue(0, ""));
    assertTrue(parsed.hasMatchedOption("--verify"));
    assertEquals(Path.of("/work"), parsed.matchedOptionValue("--directory", Path.of("")));
    assertEquals("work", mountOf(container, "/work"));
    assertEquals(
        Path.of("/etc/peqlite/backup/key"),
        parsed.matchedOptionValue("--encryption-key-file", Path.of("")));
    assertEquals("backup", mountOf(container, "/etc/peqlite/backup"));
  }

  /** The script is run, with a program in the place of peqlite that tells its arguments. */
  @Test
  void theCopyIsWhatTheProgramTakes() throws Exception {
    Manifests built = withBackups("quorum");
    Container container = container(built, "peqlite-backup-copy");
    program("peqlite", "printf '%s\\n' \"$@\"");
    program("busybox", "exec \"$@\"");
    List<String> command =
        Stream.concat(container.getCommand().stream(), container.getArgs().stream())
            .map(word -> ofKubelet(word, Map.of()))
            .toList();
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().merge("PATH", directory.toString(), (path, own) -> own + ":" + path);
    builder.environment().put("LC_ALL", "C");
    Process process = builder.start();
    process.getOutputStream().close();
    List<String> words =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
            .lines()
            .toList();
    assertEquals(0, process.waitFor(), () -> words.toString());

    ParseResult parsed = parsed(words);
    assertEquals("backup", parsed.commandSpec().name());
    assertTrue(parsed.hasMatchedOption("--verify"));
    assertTrue(parsed.hasMatchedOption("--overwrite"));
    Path copy = parsed.matchedPositionalValue(0, Path.of(""));
    Set<String> days =
        Stream.of(DayOfWeek.values())
            .map(day -> day.getDisplayName(TextStyle.FULL, Locale.ENGLISH) + ".db")
            .collect(Collectors.toSet());
    assertTrue(days.contains(copy.getFileName().toString()), copy.toString());
    String volume = mountOf(container, copy.getParent().toString());
    String claim = built.only(PersistentVolumeClaim.class).getMetadata().getName();
    assertEquals(claim, claimOf(pod(built, "peqlite-backup-copy"), volume));

    URI url = URI.create(parsed.matchedOptionValue("--url", ""));
    Service service =
        built.all(Service.class).stream()
            .filter(one -> one.getMetadata().getName().equals(url.getHost()))
            .findFirst()
            .orElseThrow();
    assertTrue(
        service.getSpec().getPorts().stream()
            .anyMatch(port -> port.getName().equals("http") && port.getPort() == url.getPort()));

    PodSpec reader = Manifests.parse(guideBlock("kind: Pod")).only(Pod.class).getSpec();
    assertEquals(
        claim,
        claimOf(reader, mountOf(reader.getContainers().get(0), copy.getParent().toString())));
    assertTrue(Files.readString(GUIDE).contains("cat " + copy.resolveSibling("Monday.db")));
  }

  private void program(String name, String line) throws IOException {
    Path file = Files.writeString(directory.resolve(name), "#!/bin/sh\n" + line + "\n");
    assertTrue(file.toFile().setExecutable(true));
  }

  private static ParseResult parsed(List<String> words) {
    return new CommandLine(new Main()).parseArgs(words.toArray(new String[0])).subcommand();
  }

  private static PodSpec pod(Manifests built, String job) {
    return built.all(CronJob.class).stream()
        .filter(one -> one.getMetadata().getName().equals(job))
        .map(ManifestsTest::pod)
        .findFirst()
        .orElseThrow();
  }

  private static Container container(Manifests built, String job) {
    return pod(built, job).getContainers().get(0);
  }

  private static String mountOf(Container container, String path) {
    return container.getVolumeMounts().stream()
        .filter(mount -> mount.getMountPath().equals(path))
        .map(VolumeMount::getName)
        .findFirst()
        .orElseThrow(() -> new AssertionError("nothing is mounted at " + path));
  }

  private static String claimOf(PodSpec pod, String volume) {
    return pod.getVolumes().stream()
        .filter(one -> one.getName().equals(volume))
        .map(one -> one.getPersistentVolumeClaim().getClaimName())
        .findFirst()
        .orElseThrow();
  }

  /** What the kubelet makes of a word of a command: two dollars are one, names it knows values. */
  private static String ofKubelet(String word, Map<String, String> environment) {
    return Pattern.compile("\\$\\$|\\$\\(([^)]*)\\)")
        .matcher(word)
        .replaceAll(
            found ->
                Matcher.quoteReplacement(
                    found.group(1) == null
                        ? "$"
                        : environment.getOrDefault(found.group(1), found.group())));
  }

  private static void assertFitsTogether(Manifests built) throws IOException {
    StatefulSet set = built.only(StatefulSet.class);
    PodSpec pod = set.getSpec().getTemplate().getSpec();
    Container container = pod.getContainers().get(0);
    Map<String, String> labels = set.getSpec().getTemplate().getMetadata().getLabels();

    for (HasMetadata object : built.objects()) {
      assertEquals(null, object.getMetadata().getNamespace(), object.getMetadata().getName());
    }
    assertEquals(labels, set.getSpec().getSelector().getMatchLabels());
    for (Service service : built.all(Service.class)) {
      assertEquals(labels, service.getSpec().getSelector(), service.getMetadata().getName());
      service
          .getSpec()
          .getPorts()
          .forEach(
              port ->
                  assertTrue(
                      ports(container).contains(port.getTargetPort().getStrVal()), port.getName()));
    }
    Service headless =
        built.all(Service.class).stream()
            .filter(one -> one.getMetadata().getName().equals(set.getSpec().getServiceName()))
            .findFirst()
            .orElseThrow();
    assertEquals("None", headless.getSpec().getClusterIP());
    assertEquals(true, headless.getSpec().getPublishNotReadyAddresses());
    NetworkPolicy policy = built.only(NetworkPolicy.class);
    assertEquals(labels, policy.getSpec().getPodSelector().getMatchLabels());
    policy.getSpec().getIngress().stream()
        .flatMap(rule -> rule.getPorts().stream())
        .forEach(port -> assertTrue(ports(container).contains(port.getPort().getStrVal())));
    for (Probe probe :
        List.of(
            container.getStartupProbe(),
            container.getReadinessProbe(),
            container.getLivenessProbe())) {
      assertTrue(ports(container).contains(probe.getHttpGet().getPort().getStrVal()));
    }
    assertEquals(
        built.only(ServiceAccount.class).getMetadata().getName(), pod.getServiceAccountName());
    assertMountsExist(set.getSpec().getVolumeClaimTemplates(), pod, container);
    assertNamesExist(built, pod, container);
  }

  private static Set<String> ports(Container container) {
    return container.getPorts().stream().map(ContainerPort::getName).collect(Collectors.toSet());
  }

  private static void assertMountsExist(
      List<PersistentVolumeClaim> claims, PodSpec pod, Container container) {
    Set<String> volumes =
        pod.getVolumes().stream().map(Volume::getName).collect(Collectors.toSet());
    claims.forEach(claim -> volumes.add(claim.getMetadata().getName()));
    container
        .getVolumeMounts()
        .forEach(mount -> assertTrue(volumes.remove(mount.getName()), mount.getName()));
    assertEquals(Set.of(), volumes, "volumes that nobody mounts");
  }

  /** Secrets are made by hand, as the guide says. */
  private static void assertNamesExist(Manifests built, PodSpec pod, Container container)
      throws IOException {
    Set<String> maps =
        built.all(ConfigMap.class).stream()
            .map(map -> map.getMetadata().getName())
            .collect(Collectors.toSet());
    container
        .getEnvFrom()
        .forEach(from -> assertTrue(maps.contains(from.getConfigMapRef().getName())));
    String guide = Files.readString(GUIDE);
    for (EnvVar variable : container.getEnv()) {
      if (variable.getValueFrom() != null && variable.getValueFrom().getSecretKeyRef() != null) {
        var reference = variable.getValueFrom().getSecretKeyRef();
        assertTrue(
            guide.contains("create secret generic " + reference.getName()), reference.getName());
        assertTrue(guide.contains("=" + reference.getKey() + "="), reference.getKey());
      }
    }
    Set<String> claims =
        built.all(PersistentVolumeClaim.class).stream()
            .map(claim -> claim.getMetadata().getName())
            .collect(Collectors.toSet());
    for (Volume volume : pod.getVolumes()) {
      if (volume.getPersistentVolumeClaim() != null) {
        assertTrue(
            claims.contains(volume.getPersistentVolumeClaim().getClaimName()), volume.getName());
      }
      if (volume.getSecret() != null) {
        String name = volume.getSecret().getSecretName();
        assertTrue(guide.contains("create secret generic " + name), name);
        volume
            .getSecret()
            .getItems()
            .forEach(item -> assertTrue(guide.contains("=" + item.getKey() + "="), item.getKey()));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"single", "postgres", "quorum"})
  void anOverlayRunsThisRelease(String overlay) throws Exception {
    String project = Files.readString(Path.of("pom.xml"));
    String version =
        project.substring(project.indexOf("<version>") + 9, project.indexOf("</version>"));
    Container container =
        build(overlay)
            .only(StatefulSet.class)
            .getSpec()
            .getTemplate()
            .getSpec()
            .getContainers()
            .get(0);
    assertEquals("peqlite:" + version, container.getImage());
  }

  /** The grace period is longer than a stop can take, or the kubelet would cut it off. */
  @ParameterizedTest
  @ValueSource(strings = {"single", "postgres", "quorum"})
  void aNodeHasTheTimeToStop(String overlay) throws Exception {
    StatefulSet set = build(overlay).only(StatefulSet.class);
    PodSpec pod = set.getSpec().getTemplate().getSpec();
    List<String> preStop =
        pod.getContainers().get(0).getLifecycle().getPreStop().getExec().getCommand();
    assertEquals("/bin/sleep", preStop.get(0));
    Settings settings = settings(build(overlay));
    long stopSeconds =
        Long.parseLong(preStop.get(1))
            + settings.http().stopDeadline().toSeconds()
            + NodeSettings.drainMax().toSeconds()
            + NodeSettings.leaveMax().toSeconds();
    long grace = pod.getTerminationGracePeriodSeconds();
    assertTrue(grace >= stopSeconds + 10, grace + " s of grace for " + stopSeconds);
  }

  @Test
  void theProgramTakesTheSettingsOfOneNode() throws Exception {
    Manifests built = build("single");
    Settings settings = settings(built);
    assertEquals(new JournalChoice.Sqlite(), settings.journal());
    assertEquals(Optional.empty(), settings.discovery());
    assertPortsFit(built, settings);
    assertEquals(1, built.only(StatefulSet.class).getSpec().getReplicas());
  }

  @Test
  void theProgramTakesTheSettingsOfThreeNodes() throws Exception {
    Manifests built = build("postgres");
    Settings settings = settings(built);
    assertTrue(settings.journal() instanceof JournalChoice.Postgres);
    assertPortsFit(built, settings);
    assertEquals(3, built.only(StatefulSet.class).getSpec().getReplicas());

    Settings.Discovery discovery = settings.discovery().orElseThrow();
    StatefulSet set = built.only(StatefulSet.class);
    Container container = set.getSpec().getTemplate().getSpec().getContainers().get(0);
    String selector =
        set.getSpec().getTemplate().getMetadata().getLabels().entrySet().stream()
            .map(label -> label.getKey() + "=" + label.getValue())
            .collect(Collectors.joining(","));
    assertEquals(selector, discovery.selector());
    assertTrue(ports(container).contains(discovery.portName()));
    assertEquals(
        Set.of("get", "list", "watch"),
        new HashSet<>(built.only(Role.class).getRules().get(0).getVerbs()));
    RoleBinding binding = built.only(RoleBinding.class);
    assertEquals(built.only(Role.class).getMetadata().getName(), binding.getRoleRef().getName());
    assertEquals(
        built.only(ServiceAccount.class).getMetadata().getName(),
        binding.getSubjects().get(0).getName());
    assertEquals(true, set.getSpec().getTemplate().getSpec().getAutomountServiceAccountToken());
    assertEquals(
        set.getSpec().getSelector().getMatchLabels(),
        built.only(PodDisruptionBudget.class).getSpec().getSelector().getMatchLabels());
  }

  @Test
  void theProgramTakesTheSettingsOfAQuorum() throws Exception {
    Manifests built = build("quorum");
    Settings settings = settings(built);
    JournalChoice.Quorum quorum = (JournalChoice.Quorum) settings.journal();
    StatefulSet set = built.only(StatefulSet.class);
    assertEquals(3, set.getSpec().getReplicas());
    assertEquals(Optional.empty(), settings.discovery());
    assertEquals("0.0.0.0", settings.bindHost());
    assertEquals("0.0.0.0", quorum.bindHost());
    assertEquals("peqlite-0.peqlite-nodes", quorum.host());

    Map<String, Integer> ports = new HashMap<>(ports(settings));
    ports.put("quorum", quorum.port());
    assertEquals(ports, containerPorts(built));
    List<String> names =
        Stream.of(0, 1, 2)
            .map(
                pod ->
                    set.getMetadata().getName() + "-" + pod + "." + set.getSpec().getServiceName())
            .toList();
    assertEquals(names, settings.join().stream().map(NetworkAddress::host).toList());
    assertEquals(settings.join().get(0), settings.clusterAddress());
    assertEquals("peqlite-0", settings.nodeId().orElseThrow());
    assertTrue(
        built.only(NetworkPolicy.class).getSpec().getIngress().get(1).getPorts().stream()
            .anyMatch(port -> port.getPort().getStrVal().equals("quorum")));
    assertEquals(
        set.getSpec().getSelector().getMatchLabels(),
        built.only(PodDisruptionBudget.class).getSpec().getSelector().getMatchLabels());
  }

  private static void assertPortsFit(Manifests built, Settings settings) {
    assertEquals(ports(settings), containerPorts(built));
  }

  private static Map<String, Integer> ports(Settings settings) {
    return Map.of(
        "http", settings.httpAddress().orElseThrow().port(),
        "cluster", settings.clusterAddress().port(),
        "management", settings.managementAddress().orElseThrow().port());
  }

  private static Map<String, Integer> containerPorts(Manifests built) {
    return built
        .only(StatefulSet.class)
        .getSpec()
        .getTemplate()
        .getSpec()
        .getContainers()
        .get(0)
        .getPorts()
        .stream()
        .collect(Collectors.toMap(ContainerPort::getName, ContainerPort::getContainerPort));
  }

  /** What the program makes of the environment that the kubelet would give it. */
  private Settings settings(Manifests built) throws Exception {
    Container container =
        built.only(StatefulSet.class).getSpec().getTemplate().getSpec().getContainers().get(0);
    Map<String, String> environment = new HashMap<>(built.only(ConfigMap.class).getData());
    Set<String> unknown = new TreeSet<>();
    for (EnvVar variable : container.getEnv()) {
      environment.put(variable.getName(), value(variable));
    }
    environment.replaceAll((name, value) -> expanded(value, container));
    String documented = Files.readString(Path.of("src/main/resources/application.conf"));
    for (String name : environment.keySet()) {
      if (name.startsWith("PEQLITE_") && !documented.contains(name)) {
        unknown.add(name);
      }
    }
    assertEquals(Set.of(), unknown, "variables that the program does not know");
    Path password = Files.writeString(directory.resolve("password"), "secret\n");
    environment.computeIfPresent(
        "PEQLITE_JOURNAL_PASSWORD_FILE", (name, value) -> password.toString());
    environment.computeIfPresent(
        "PEQLITE_BACKUP_ENCRYPTION_KEY_FILE", (name, value) -> keyFile(container, value));
    Path namespace = Files.writeString(directory.resolve("namespace"), "default");
    String files =
        "pekko.discovery.kubernetes-api { api-ca-path = \"%1$s\", api-token-path = \"%1$s\","
            + " pod-namespace-path = \"%1$s\" }";
    Path config = Files.writeString(directory.resolve("node.conf"), files.formatted(namespace));
    return Settings.from(SettingsSource.load(Map.of(), environment, Optional.of(config)));
  }

  /** The file as it is on this machine, if the pod would have one there. */
  private String keyFile(Container container, String path) {
    assertEquals("backup", mountOf(container, Path.of(path).getParent().toString()));
    try {
      return Files.writeString(directory.resolve("key"), "key").toString();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** As the kubelet does it; every variable that is named stands before the one that names it. */
  private static String expanded(String text, Container container) {
    String value = text;
    for (EnvVar variable : container.getEnv()) {
      if (variable.getValueFrom() != null) {
        value = value.replace("$(" + variable.getName() + ")", value(variable));
      } else if (variable.getValue().equals(text)) {
        break;
      }
    }
    assertFalse(value.contains("$("), value);
    return value;
  }

  private static String value(EnvVar variable) {
    if (variable.getValue() != null) {
      return variable.getValue();
    }
    if (variable.getValueFrom().getSecretKeyRef() != null) {
      String key = variable.getValueFrom().getSecretKeyRef().getKey();
      if (variable.getName().equals("PEQLITE_BACKUP_URL")) {
        return BACKUP_URL;
      }
      return key.equals("url") ? "jdbc:postgresql://postgres:5432/peqlite" : key;
    }
    return switch (variable.getValueFrom().getFieldRef().getFieldPath()) {
      case "status.podIP" -> "10.1.2.3";
      case "metadata.name" -> "peqlite-0";
      default -> throw new AssertionError(variable);
    };
  }

  /** An overlay made as the guide says. */
  private Manifests withBackups(String overlay) throws Exception {
    return withComponent(overlay, "backup");
  }

  private Manifests withComponent(String overlay, String component) throws Exception {
    Path copy = directory.resolve(overlay + "-" + component);
    try (Stream<Path> files = Files.walk(FOLDER)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Path target = copy.resolve(FOLDER.relativize(file).toString());
        Files.createDirectories(target.getParent());
        Files.copy(file, target, StandardCopyOption.REPLACE_EXISTING);
      }
    }
    String guide = guideBlock("- ../../components/backup\n");
    assertTrue(guide.contains("- ../quorum\n"), guide);
    Path mine = Files.createDirectories(copy.resolve("overlays").resolve("mine"));
    Files.writeString(
        mine.resolve("kustomization.yaml"),
        guide
            .replace("- ../quorum\n", "- ../" + overlay + "\n")
            .replace("components/backup\n", "components/" + component + "\n"));
    return build(mine);
  }

  /** The YAML of the guide that has some text in it, without its indentation. */
  private static String guideBlock(String text) throws IOException {
    Matcher block =
        Pattern.compile("(?ms)^( *)```yaml\\n(.*?)^\\1```$").matcher(Files.readString(GUIDE));
    while (block.find()) {
      String yaml = block.group(2).stripIndent();
      if (yaml.contains(text)) {
        return yaml;
      }
    }
    throw new AssertionError("the guide shows no " + text);
  }

  private static Manifests build(String overlay) throws Exception {
    return build(FOLDER.resolve("overlays").resolve(overlay));
  }

  private static Manifests build(Path overlay) throws Exception {
    Optional<Manifests> built = Manifests.build(overlay);
    Assumptions.assumeTrue(
        built.isPresent(), "SKIPPED: neither kustomize nor kubectl is on the PATH");
    return built.orElseThrow();
  }
}
