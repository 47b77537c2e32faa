package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import actors.JournalChoice;
import actors.NodeSettings;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerPort;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.Probe;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import io.fabric8.kubernetes.api.model.rbac.Role;
import io.fabric8.kubernetes.api.model.rbac.RoleBinding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What {@code kubectl apply -k} would send fits Kubernetes, itself and the program. */
@Timeout(120)
final class ManifestsTest {

  private static final Path FOLDER = Path.of("k8s");
  private static final Path GUIDE = Path.of("docs/KUBERNETES.md");

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
    Manifests built = build(overlay);
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
    assertMountsExist(set, pod, container);
    assertNamesExist(built, pod, container);
  }

  private static Set<String> ports(Container container) {
    return container.getPorts().stream().map(ContainerPort::getName).collect(Collectors.toSet());
  }

  private static void assertMountsExist(StatefulSet set, PodSpec pod, Container container) {
    Set<String> volumes =
        pod.getVolumes().stream().map(Volume::getName).collect(Collectors.toSet());
    set.getSpec()
        .getVolumeClaimTemplates()
        .forEach(claim -> volumes.add(claim.getMetadata().getName()));
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
    for (Volume volume : pod.getVolumes()) {
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
    Path namespace = Files.writeString(directory.resolve("namespace"), "default");
    String files =
        "pekko.discovery.kubernetes-api { api-ca-path = \"%1$s\", api-token-path = \"%1$s\","
            + " pod-namespace-path = \"%1$s\" }";
    Path config = Files.writeString(directory.resolve("node.conf"), files.formatted(namespace));
    return Settings.from(SettingsSource.load(Map.of(), environment, Optional.of(config)));
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
      return key.equals("url") ? "jdbc:postgresql://postgres:5432/peqlite" : key;
    }
    return switch (variable.getValueFrom().getFieldRef().getFieldPath()) {
      case "status.podIP" -> "10.1.2.3";
      case "metadata.name" -> "peqlite-0";
      default -> throw new AssertionError(variable);
    };
  }

  private static Manifests build(String overlay) throws Exception {
    Optional<Manifests> built = Manifests.build(FOLDER.resolve("overlays").resolve(overlay));
    Assumptions.assumeTrue(
        built.isPresent(), "SKIPPED: neither kustomize nor kubectl is on the PATH");
    return built.orElseThrow();
  }
}
