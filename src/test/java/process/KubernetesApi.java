package process;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.fabric8.kubernetes.api.model.ContainerBuilder;
import io.fabric8.kubernetes.api.model.ContainerStatusBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodListBuilder;
import io.fabric8.kubernetes.api.model.Status;
import io.fabric8.kubernetes.api.model.StatusBuilder;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/**
 * The part of Kubernetes' API server that discovery asks, as that speaks: TLS with a certificate of
 * its own authority, a bearer token, pods as the API's model writes them, filtered by their labels.
 * Thread-safe.
 */
final class KubernetesApi implements AutoCloseable {

  /** The namespace that has the nodes. */
  static final String NAMESPACE = "databases";

  private static final String TOKEN = "a-service-account's-token";
  private static final String SECRET = "secret-of-the-key";
  private static final Map<String, String> LABELS =
      Map.of("app.kubernetes.io/name", "peqlite", "apps.kubernetes.io/pod-index", "any");
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path directory;
  private final Map<String, Pod> pods = new ConcurrentHashMap<>();
  private final AtomicInteger answered = new AtomicInteger();
  private final AtomicInteger refused = new AtomicInteger();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final HttpsServer server;

  private KubernetesApi(Path directory, HttpsServer server) {
    this.directory = directory;
    this.server = server;
  }

  /**
   * Starts one on the loopback address.
   *
   * @param directory to which it writes what Kubernetes mounts into each pod; token and namespace
   *     with a line's end, as people write files
   */
  static KubernetesApi start(Path directory) throws Exception {
    Files.createDirectories(directory);
    Files.writeString(directory.resolve("token"), TOKEN + "\n");
    Files.writeString(directory.resolve("namespace"), NAMESPACE + "\n");
    Path keys = directory.resolve("keys.p12");
    keytool(
        "-genkeypair",
        "-alias",
        "api",
        "-keyalg",
        "EC",
        "-dname",
        "CN=kubernetes",
        "-validity",
        "2",
        "-ext",
        "SAN=IP:127.0.0.1",
        "-ext",
        "BC=ca:true",
        "-storetype",
        "PKCS12",
        "-keystore",
        keys.toString(),
        "-storepass",
        SECRET);
    keytool(
        "-exportcert",
        "-rfc",
        "-alias",
        "api",
        "-keystore",
        keys.toString(),
        "-storepass",
        SECRET,
        "-file",
        directory.resolve("ca.crt").toString());
    HttpsServer server = HttpsServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    server.setHttpsConfigurator(new HttpsConfigurator(tls(keys)));
    KubernetesApi api = new KubernetesApi(directory, server);
    server.setExecutor(api.threads);
    server.createContext("/", api::handle);
    server.start();
    return api;
  }

  private static void keytool(String... words) throws Exception {
    List<String> command =
        Stream.concat(
                Stream.of(Path.of(System.getProperty("java.home"), "bin", "keytool").toString()),
                Stream.of(words))
            .toList();
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(60, TimeUnit.SECONDS) || process.exitValue() != 0) {
      process.destroyForcibly();
      throw new AssertionError(output);
    }
  }

  private static SSLContext tls(Path keys) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(keys)) {
      store.load(in, SECRET.toCharArray());
    }
    KeyManagerFactory managers =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    managers.init(store, SECRET.toCharArray());
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(managers.getKeyManagers(), null, null);
    return context;
  }

  /** What the kubelet puts into the environment of every container. */
  Map<String, String> environment() {
    return Map.of(
        "KUBERNETES_SERVICE_HOST",
        "127.0.0.1",
        "KUBERNETES_SERVICE_PORT",
        Integer.toString(server.getAddress().getPort()));
  }

  /** A file of the pod's service account: {@code ca.crt}, {@code token} or {@code namespace}. */
  Path file(String name) {
    return directory.resolve(name);
  }

  /** There is a pod of the nodes that runs. */
  void running(String name, String address, int managementPort) {
    pods.put(name, pod(name, address, managementPort, "Running", null, LABELS));
  }

  /** There is a pod of the nodes that waits for a machine. */
  void pending(String name, int managementPort) {
    pods.put(name, pod(name, null, managementPort, "Pending", null, LABELS));
  }

  /** A pod is about to end; it runs and keeps its address meanwhile. */
  void terminating(String name, String address, int managementPort) {
    pods.put(name, pod(name, address, managementPort, "Running", "2026-01-01T00:00:10Z", LABELS));
  }

  /** There is a pod of something else in the same namespace. */
  void stranger(String name, String address, int managementPort) {
    Map<String, String> labels = Map.of("app.kubernetes.io/name", "postgres");
    pods.put(name, pod(name, address, managementPort, "Running", null, labels));
  }

  /** A pod is gone. */
  void gone(String name) {
    pods.remove(name);
  }

  /** How often it has answered with pods. */
  int answered() {
    return answered.get();
  }

  /** How often it has refused to answer. */
  int refused() {
    return refused.get();
  }

  private static Pod pod(
      String name,
      String address,
      int managementPort,
      String phase,
      String deletion,
      Map<String, String> labels) {
    return new PodBuilder()
        .withNewMetadata()
        .withName(name)
        .withNamespace(NAMESPACE)
        .withLabels(labels)
        .withCreationTimestamp("2026-01-01T00:00:00Z")
        .withDeletionTimestamp(deletion)
        .endMetadata()
        .withNewSpec()
        .withContainers(
            new ContainerBuilder()
                .withName("peqlite")
                .withImage("peqlite:test")
                .addNewPort()
                .withName("http")
                .withContainerPort(4001)
                .withProtocol("TCP")
                .endPort()
                .addNewPort()
                .withName("management")
                .withContainerPort(managementPort)
                .withProtocol("TCP")
                .endPort()
                .build())
        .endSpec()
        .withNewStatus()
        .withPhase(phase)
        .withPodIP(address)
        .addNewCondition()
        .withType("Ready")
        // A node is found before it is ready, or none would ever get ready.
        .withStatus("False")
        .endCondition()
        .withContainerStatuses(
            new ContainerStatusBuilder()
                .withName("peqlite")
                .withReady(false)
                .withNewState()
                .withNewRunning()
                .withStartedAt("2026-01-01T00:00:01Z")
                .endRunning()
                .endState()
                .build())
        .endStatus()
        .build();
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      String authorization = exchange.getRequestHeaders().getFirst("Authorization");
      String path = exchange.getRequestURI().getRawPath();
      if (!("Bearer " + TOKEN).equals(authorization)) {
        refuse(exchange, 401, "Unauthorized");
      } else if (!path.equals("/api/v1/namespaces/" + NAMESPACE + "/pods")) {
        refuse(exchange, 403, "Forbidden");
      } else {
        Map<String, String> wanted = selector(exchange.getRequestURI().getRawQuery());
        List<Pod> found =
            pods.values().stream()
                .filter(
                    pod -> pod.getMetadata().getLabels().entrySet().containsAll(wanted.entrySet()))
                .collect(Collectors.toList());
        answer(
            exchange,
            200,
            new PodListBuilder()
                .withNewMetadata()
                .withResourceVersion("1")
                .endMetadata()
                .withItems(found)
                .build());
        answered.incrementAndGet();
      }
    }
  }

  private static Map<String, String> selector(String query) {
    String selector =
        URLDecoder.decode(query.replaceFirst("^labelSelector=", ""), StandardCharsets.UTF_8);
    return Stream.of(selector.split(","))
        .map(part -> part.split("=", 2))
        .collect(Collectors.toMap(part -> part[0], part -> part[1]));
  }

  private void refuse(HttpExchange exchange, int code, String reason) throws IOException {
    refused.incrementAndGet();
    Status status =
        new StatusBuilder().withCode(code).withReason(reason).withStatus("Failure").build();
    answer(exchange, code, status);
  }

  private static void answer(HttpExchange exchange, int code, Object body) throws IOException {
    byte[] bytes = JSON.writeValueAsBytes(body);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(code, bytes.length);
    exchange.getResponseBody().write(bytes);
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
