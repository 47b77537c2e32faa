package process;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A node of a cluster, with fixed addresses over all of its starts. One thread, except for what
 * only asks.
 */
final class ClusterNode {

  private static final Duration QUICK = Duration.ofSeconds(2);

  private final Nodes nodes;
  private final int number;
  private final Path dataDirectory;
  private volatile String host;
  private Ports ports;
  private final ClusterJournal journal;
  private final List<String> prefix;
  private final Map<String, String> settings = new TreeMap<>();
  private final Map<String, String> environment = new TreeMap<>();
  private final List<NodeProcess> processes = new ArrayList<>();
  private final List<String> jvmOptions = new ArrayList<>();
  private String join = "";
  private boolean testClasses;
  private Path jar;
  private HostNames names;
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(QUICK).build();

  /** Where it listens. */
  record Ports(int http, int cluster, int management, int quorum) {}

  ClusterNode(
      Nodes nodes,
      int number,
      Path dataDirectory,
      String host,
      Ports ports,
      ClusterJournal journal,
      List<String> prefix) {
    this.nodes = nodes;
    this.number = number;
    this.dataDirectory = dataDirectory;
    this.host = host;
    this.ports = ports;
    this.journal = journal;
    this.prefix = prefix;
  }

  /** The node's name. */
  String id() {
    return "node" + (number + 1);
  }

  /** Its number, from 0. */
  int number() {
    return number;
  }

  /** Where it serves HTTP. */
  String url() {
    return "http://" + host + ":" + ports.http();
  }

  String clusterAddress() {
    return nameOrHost() + ":" + ports.cluster();
  }

  String quorumAddress() {
    return nameOrHost() + ":" + ports.quorum();
  }

  private String nameOrHost() {
    return names == null ? host : id() + ".test";
  }

  String managementUrl() {
    return "http://" + host + ":" + ports.management();
  }

  Path databaseFile() {
    return dataDirectory.resolve("database.db");
  }

  Path dataDirectory() {
    return dataDirectory;
  }

  /** Moves it to another address, from the next start on; its name, if it has one, at once. */
  ClusterNode host(String address) throws IOException {
    host = address;
    if (names != null) {
      names.set(nameOrHost(), address);
    }
    return this;
  }

  /** Lets the others call it by a name; before its first start. */
  ClusterNode named(HostNames known) throws IOException {
    names = known;
    return host(host);
  }

  /** Where it is, or will be at its next start. */
  String host() {
    return host;
  }

  Ports ports() {
    return ports;
  }

  /** Gives it other ports; before its first start. */
  ClusterNode ports(Ports others) {
    ports = others;
    return this;
  }

  /** Lets it look for the others as a pod does, from the next start on. */
  ClusterNode discover(KubernetesApi api) {
    environment.putAll(api.environment());
    settings.put("peqlite.discovery.method", "kubernetes-api");
    String keys = "pekko.discovery.kubernetes-api.";
    settings.put(keys + "api-ca-path", '"' + api.file("ca.crt").toString() + '"');
    settings.put(keys + "api-token-path", '"' + api.file("token").toString() + '"');
    settings.put(keys + "pod-namespace-path", '"' + api.file("namespace").toString() + '"');
    return this;
  }

  /** Names the cluster addresses of all nodes. */
  void join(String addresses) {
    join = addresses;
  }

  /** Gives a key of the configuration a value, from the next start on. */
  ClusterNode set(String key, String value) {
    settings.put(key, value);
    return this;
  }

  /** Gives the process a variable, from the next start on. */
  ClusterNode environment(Map<String, String> variables) {
    environment.putAll(variables);
    return this;
  }

  /** Lets the program find the tests' classes too, from the next start on. */
  ClusterNode withTestClasses(String... moreJvmOptions) {
    testClasses = true;
    jvmOptions.addAll(List.of(moreJvmOptions));
    return this;
  }

  /** Runs another build of the program, from the next start on. */
  ClusterNode jar(Path file) {
    jar = file;
    return this;
  }

  /** Starts it; does not wait until it is ready. */
  ClusterNode start() throws IOException {
    Nodes.Preparation preparation =
        nodes
            .at(dataDirectory)
            .by(prefix)
            .jvm("-Xmx256m")
            .option("--node-id", id())
            .option("--http-addr", host + ":" + ports.http())
            .option("--cluster-addr", clusterAddress())
            .option("--management-addr", host + ":" + ports.management())
            .option(journal.options(this).toArray(new String[0]))
            .option("--join", join);
    if (names != null) {
      preparation.option("--bind-host", host).jvm(names.jvmOption());
    }
    settings.forEach(preparation::set);
    environment.forEach(preparation::environment);
    preparation.jvm(jvmOptions.toArray(new String[0]));
    if (testClasses) {
      preparation.withTestClasses();
    }
    if (jar != null) {
      preparation.jar(jar);
    }
    processes.add(preparation.start());
    return this;
  }

  /** The last process that was started. */
  NodeProcess process() {
    return processes.get(processes.size() - 1);
  }

  /** Everything that its processes have printed. */
  String log() {
    return String.join("\n--- next start\n", processes.stream().map(NodeProcess::log).toList());
  }

  boolean isAlive() {
    return !processes.isEmpty() && process().isAlive();
  }

  void kill9() throws Exception {
    process().kill9();
  }

  void pause() throws Exception {
    process().pause();
  }

  void resume() throws Exception {
    process().resume();
  }

  /** SIGTERM, and the exit code. */
  int terminate() throws Exception {
    return process().terminate();
  }

  /** Gets a path, with little patience. */
  Answer get(String pathAndQuery) throws Exception {
    return get(url(), pathAndQuery);
  }

  /** Gets a path of its management address. */
  Answer manage(String path) throws Exception {
    return get(managementUrl(), path);
  }

  private Answer get(String base, String pathAndQuery) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(base + pathAndQuery)).timeout(QUICK).build();
    return Answer.of(http.send(request, HttpResponse.BodyHandlers.ofString()));
  }

  /** Posts a body, and waits as long as a request may take. */
  Answer post(String pathAndQuery, String body) throws Exception {
    return send(pathAndQuery, body, Map.of());
  }

  /** The same with an idempotency key. */
  Answer post(String pathAndQuery, String key, String body) throws Exception {
    return send(pathAndQuery, body, Map.of("Idempotency-Key", key));
  }

  /** Posts a file with an idempotency key. */
  Answer postFile(String pathAndQuery, String key, Path file) throws Exception {
    return send(
        pathAndQuery, HttpRequest.BodyPublishers.ofFile(file), Map.of("Idempotency-Key", key));
  }

  private Answer send(String pathAndQuery, String body, Map<String, String> headers)
      throws Exception {
    return send(pathAndQuery, HttpRequest.BodyPublishers.ofString(body), headers);
  }

  private Answer send(
      String pathAndQuery, HttpRequest.BodyPublisher body, Map<String, String> headers)
      throws Exception {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(url() + pathAndQuery))
            .timeout(Duration.ofSeconds(90))
            .header("Content-Type", "application/json")
            .POST(body);
    headers.forEach(request::header);
    return Answer.of(http.send(request.build(), HttpResponse.BodyHandlers.ofString()));
  }

  /** A value of {@code /status}, by its path below {@code peqlite}; empty if it is not known. */
  String status(String name) {
    try {
      Answer answer = get("/status?key=peqlite." + name);
      JsonNode value = answer.json();
      return answer.status() == 200 && value.isValueNode() ? value.asText() : "";
    } catch (Exception notNow) {
      return "";
    }
  }

  /** Whether it says that it serves every read and takes writes. */
  boolean isReady() {
    try {
      return get("/readyz").status() == 200;
    } catch (Exception notNow) {
      return false;
    }
  }

  /** Why it is not ready, in its own words. */
  String readiness() {
    try {
      return get("/readyz").text();
    } catch (Exception notNow) {
      return notNow.toString();
    }
  }

  /** The nodes that it lists, and whether they are reachable to it; empty if it does not answer. */
  Map<String, Boolean> members() {
    Map<String, Boolean> members = new TreeMap<>();
    try {
      for (JsonNode member : get("/nodes?ver=2&nonvoters").json().path("nodes")) {
        members.put(member.path("id").asText(), member.path("reachable").asBoolean());
      }
    } catch (Exception notNow) {
      members.clear();
    }
    return members;
  }

  /** What it holds, or -1 while it does not say. */
  long appliedSeq() {
    String seq = status("applied_seq");
    return seq.isEmpty() ? -1 : Long.parseLong(seq);
  }

  @Override
  public String toString() {
    return id() + " at " + url();
  }
}
