package http;

import actors.AbortResult;
import actors.MemberStatus;
import actors.MembershipResult;
import actors.Node;
import actors.NodeStatus;
import actors.QuorumPlace;
import actors.QuorumSide;
import actors.ReadAdmission;
import actors.ReadLevel;
import actors.ScrubOrder;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BiFunction;
import java.util.function.IntSupplier;
import java.util.stream.Collectors;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.jspecify.annotations.Nullable;
import storage.PastStates;

/**
 * Tells how this node and its cluster are, in the shapes that clients of rqlite read. The
 * sequencer's node is called the leader. Thread-safe.
 */
final class StatusRoutes {

  private static final Duration LATER = Duration.ofSeconds(10);

  private static final double NANOS_PER_SECOND = 1e9;

  /**
   * How long to wait for the members' word where the request names no timeout. Who is silent for
   * longer will not answer in the deadline of a write either, and who asks how the cluster is does
   * so when something is wrong with it.
   */
  private static final Duration MEMBERS_WAIT = Duration.ofSeconds(2);

  private final Node node;
  private final HttpSettings settings;
  private final Bodies bodies;
  private final Spool spool;
  private final Answers answers;
  private final IntSupplier port;

  /** With the port that the server listens on, which is known only when it does. */
  StatusRoutes(
      Node node,
      HttpSettings settings,
      Bodies bodies,
      Spool spool,
      Answers answers,
      IntSupplier port) {
    this.node = node;
    this.settings = settings;
    this.bodies = bodies;
    this.spool = spool;
    this.answers = answers;
    this.port = port;
  }

  /** {@code /health}: the process answers. */
  HttpResponse health() {
    return answers.json(200, Json.tree(Map.of("status", "ok"), false));
  }

  /** {@code /status}, or the part of it that {@code key} names by a dotted path. */
  CompletionStage<HttpResponse> status(QueryParameters parameters) {
    Optional<String> key = parameters.text("key");
    CompletionStage<List<MemberStatus>> asked =
        needsMembers(key)
            ? members(parameters)
            : CompletableFuture.completedFuture(List.<MemberStatus>of());
    return asked.thenApply(
        members -> {
          Object tree = statusTree(node.status(), members);
          Object part = key.isPresent() ? part(tree, key.get()) : tree;
          return answers.json(200, Json.tree(part, parameters.flag("pretty")));
        });
  }

  /** What this node knows of itself is answered at once, also while another one is silent. */
  private static boolean needsMembers(Optional<String> key) {
    return key.filter(
            path ->
                !path.startsWith("store")
                    && !path.equals("peqlite")
                    && !path.startsWith("peqlite.nodes"))
        .isEmpty();
  }

  private CompletionStage<List<MemberStatus>> members(QueryParameters parameters) {
    return node.members(parameters.timeout(MEMBERS_WAIT, settings.timeoutMax()));
  }

  /** {@code /nodes}, as an object by node id, or with {@code ver=2} as a list. */
  CompletionStage<HttpResponse> nodes(QueryParameters parameters) {
    boolean all = parameters.flag("nonvoters");
    boolean list = parameters.text("ver").filter("2"::equals).isPresent();
    return members(parameters)
        .thenApply(
            members -> {
              Map<String, Object> byId = new LinkedHashMap<>();
              for (MemberStatus member : members) {
                if (member.voter() || all) {
                  byId.put(member.nodeId(), member(member));
                }
              }
              Object tree = list ? Map.of("nodes", List.copyOf(byId.values())) : byId;
              return answers.json(200, Json.tree(tree, parameters.flag("pretty")));
            });
  }

  /** GET {@code /leader}. */
  CompletionStage<HttpResponse> leader(QueryParameters parameters) {
    return members(parameters)
        .thenApply(
            members ->
                members.stream()
                    .filter(MemberStatus::sequencer)
                    .findFirst()
                    .map(leader -> Json.tree(member(leader), parameters.flag("pretty")))
                    .map(body -> answers.json(200, body))
                    .orElseGet(this::noLeader));
  }

  /**
   * POST {@code /leader}: moves the sequencer, to the node that the body names or to any other. It
   * has moved when this answers 200, whether or not the request asks to {@code wait} for it.
   */
  CompletionStage<HttpResponse> moveLeader(HttpRequest request, QueryParameters parameters) {
    Duration timeout = parameters.timeout(settings.timeout(), settings.timeoutMax());
    long deadlineNanos = System.nanoTime() + timeout.toNanos();
    return bodies.serve(
        request,
        timeout,
        body -> {
          Optional<String> nodeId = SmallBody.nodeId(body);
          if (node.status().sequencerNodeId().isEmpty()) {
            return done(noLeader());
          }
          Duration left = Duration.ofNanos(Math.max(0, deadlineNanos - System.nanoTime()));
          return node.moveSequencer(nodeId, left)
              .thenApply(
                  problem ->
                      problem
                          .map(reason -> answers.text(500, "stepdown: " + reason + "\n"))
                          .orElseGet(() -> answers.empty(200)));
        });
  }

  /** POST {@code /snapshot}: this node takes one now, if anything is new since its last. */
  CompletionStage<HttpResponse> snapshot(QueryParameters parameters) {
    Duration timeout = parameters.timeout(settings.timeout(), settings.timeoutMax());
    boolean pretty = parameters.flag("pretty");
    return node.snapshot()
        .toCompletableFuture()
        .copy() // it is taken to its end, whoever waits
        .orTimeout(timeout.toMillis(), TimeUnit.MILLISECONDS)
        .handle(
            (seq, failure) ->
                failure != null
                    ? notTaken(failure)
                    : seq.isEmpty()
                        ? answers.empty(204)
                        : answers.json(200, Json.tree(Map.of("seq", seq.getAsLong()), pretty)));
  }

  private HttpResponse notTaken(Throwable failure) {
    Throwable cause = failure.getCause();
    Throwable told = failure instanceof CompletionException && cause != null ? cause : failure;
    String why =
        told instanceof TimeoutException
            ? "the snapshot is still being taken"
            : "no snapshot: " + told.getMessage();
    return answers.unavailable(why, LATER);
  }

  /** POST {@code /scrub}: all nodes compare what they hold; what is found is in the status. */
  CompletionStage<HttpResponse> scrub(QueryParameters parameters) {
    Duration timeout = parameters.timeout(settings.timeout(), settings.timeoutMax());
    boolean pretty = parameters.flag("pretty");
    return node.scrub(timeout).thenApply(order -> scrubbed(order, pretty));
  }

  private HttpResponse scrubbed(ScrubOrder order, boolean pretty) {
    if (order instanceof ScrubOrder.Ordered ordered) {
      return answers.json(202, Json.tree(Map.of("seq", ordered.seq()), pretty));
    }
    if (order instanceof ScrubOrder.Refused refused) {
      return answers.unavailable("no scrub: " + refused.reason(), LATER);
    }
    return answers.text(504, "unknown whether a scrub is ordered; look at /status\n");
  }

  /**
   * POST {@code /abort}: an operator gives up the write at the position that the body names,
   * because a node cannot get past it.
   */
  CompletionStage<HttpResponse> abort(HttpRequest request, QueryParameters parameters) {
    Duration timeout = parameters.timeout(settings.timeout(), settings.timeoutMax());
    boolean pretty = parameters.flag("pretty");
    return bodies.serve(
        request,
        timeout,
        body ->
            node.abort(SmallBody.position(body), timeout)
                .thenApply(result -> aborted(result, pretty)));
  }

  /** DELETE {@code /remove}: takes the node that the body names out of the quorum for good. */
  CompletionStage<HttpResponse> remove(HttpRequest request, QueryParameters parameters) {
    return change(request, parameters, node::remove);
  }

  /**
   * POST {@code /replace}: the node that the body names has lost its disk, and is to vote again.
   */
  CompletionStage<HttpResponse> replace(HttpRequest request, QueryParameters parameters) {
    return change(request, parameters, node::replace);
  }

  private CompletionStage<HttpResponse> change(
      HttpRequest request,
      QueryParameters parameters,
      BiFunction<String, Duration, CompletionStage<MembershipResult>> change) {
    Duration timeout = parameters.timeout(settings.timeout(), settings.timeoutMax());
    return bodies.serve(
        request,
        timeout,
        body ->
            change
                .apply(
                    SmallBody.nodeId(body)
                        .orElseThrow(() -> RequestException.bad("the body names no node")),
                    timeout)
                .thenApply(this::changed));
  }

  private HttpResponse changed(MembershipResult result) {
    if (result instanceof MembershipResult.Refused refused) {
      return answers.text(409, "not changed: " + refused.reason() + "\n");
    }
    if (result instanceof MembershipResult.Unknown unknown) {
      return answers.text(
          504, "unknown whether it is changed: " + unknown.reason() + "; look at /nodes\n");
    }
    return answers.empty(200);
  }

  private HttpResponse aborted(AbortResult result, boolean pretty) {
    if (result instanceof AbortResult.Ordered ordered) {
      Map<String, Object> tree = new TreeMap<>();
      tree.put("given_up", ordered.statements());
      tree.put("verdict_seq", ordered.verdictSeq());
      return answers.json(200, Json.tree(tree, pretty));
    }
    if (result instanceof AbortResult.Refused refused) {
      return answers.text(409, "not given up: " + refused.reason() + "\n");
    }
    return answers.text(504, "unknown whether it is given up; ask again\n");
  }

  /** {@code /readyz}: whether this node serves every read and takes writes. */
  CompletionStage<HttpResponse> ready(QueryParameters parameters) {
    NodeStatus status = node.status();
    if (parameters.flag("noleader")) {
      return done(answers.text(200, "[+]node ok"));
    }
    if (status.sequencerNodeId().isEmpty()) {
      String why = status.problem().map(problem -> "\n[+]db not ok: " + problem).orElse("");
      return done(answers.text(503, "[+]node ok\n[+]leader does not exist" + why));
    }
    String leader = "[+]node ok\n[+]leader ok";
    if (status.problem().isPresent()) {
      String problem = leader + "\n[+]store ok\n[+]db not ok: " + status.problem().get();
      return done(answers.text(503, problem));
    }
    if (!status.ready()) {
      String why = Unready.replica(status).map(state -> ": " + state).orElse("");
      return done(answers.text(503, leader + "\n[+]store not ready" + why));
    }
    String store = leader + "\n[+]store ok";
    if (!parameters.flag("sync")) {
      return done(answers.text(200, store + "\n[+]db ok"));
    }
    Duration timeout = parameters.timeout(settings.timeout(), settings.timeoutMax());
    return node.admit(ReadLevel.LINEARIZABLE, Optional.empty(), OptionalLong.empty(), timeout)
        .thenApply(
            admission ->
                admission instanceof ReadAdmission.Refused refused
                    ? answers.text(503, store + "\n[+]sync " + refused.reason())
                    : answers.text(200, store + "\n[+]sync ok\n[+]db ok"));
  }

  private static CompletionStage<HttpResponse> done(HttpResponse response) {
    return CompletableFuture.completedFuture(response);
  }

  private HttpResponse noLeader() {
    return answers.text(503, "leader not found\n");
  }

  private static Map<String, Object> member(MemberStatus member) {
    Map<String, Object> tree = new LinkedHashMap<>();
    putUnlessEmpty(tree, "id", member.nodeId());
    putUnlessEmpty(tree, "api_addr", member.httpUrl());
    putUnlessEmpty(tree, "addr", member.clusterAddress());
    tree.put("version", member.version());
    tree.put("voter", member.voter());
    tree.put("reachable", member.reachable());
    tree.put("leader", member.sequencer());
    putPosition(tree, member);
    member.place().ifPresent(place -> tree.put("quorum", place(place)));
    if (member.nanos() > 0) {
      tree.put("time", member.nanos() / NANOS_PER_SECOND);
      tree.put("time_s", GoDuration.format(member.nanos()));
    }
    if (!member.reachable()) {
      tree.put("error", "timeout waiting for node to respond");
    }
    return tree;
  }

  private static Map<String, Object> place(QuorumPlace place) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("id", place.id());
    tree.put("addr", place.address());
    tree.put("leader", place.leader());
    place.match().ifPresent(match -> tree.put("match", match));
    place.silentMillis().ifPresent(millis -> tree.put("silent_ms", millis));
    return tree;
  }

  /** What clients of rqlite do not know of, and so pass over. */
  private static void putPosition(Map<String, Object> tree, MemberStatus member) {
    if (member.appliedSeq().isPresent()) {
      tree.put("applied_seq", member.appliedSeq().getAsLong());
      tree.put("lag", member.lag());
    }
    putUnlessEmpty(tree, "sqlite_version", member.sqliteVersion());
  }

  private static void putUnlessEmpty(Map<String, Object> tree, String key, String value) {
    if (!value.isEmpty()) {
      tree.put(key, value);
    }
  }

  private Map<String, Object> statusTree(NodeStatus status, List<MemberStatus> members) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("build", Map.of("version", settings.version()));
    tree.put("http", httpTree(status));
    tree.put("node", nodeTree(status));
    tree.put("os", Map.of("pid", ProcessHandle.current().pid()));
    tree.put("peqlite", peqliteTree(status, members));
    tree.put("runtime", runtimeTree());
    tree.put("store", storeTree(status, members));
    return tree;
  }

  private Map<String, Object> httpTree(NodeStatus status) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("auth", "disabled");
    tree.put("bind_addr", hostAndPort(settings.host(), port.getAsInt()));
    tree.put("body_bytes", bodies.bytes());
    tree.put("queue", Map.of("_default", Map.of("sequence_number", status.appliedSeq())));
    tree.put("requests", bodies.requests());
    tree.put("spool_bytes", spool.bytes());
    tree.put("tls", Map.of("enabled", "false"));
    return tree;
  }

  private static String hostAndPort(String host, int port) {
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
  }

  private static Map<String, Object> nodeTree(NodeStatus status) {
    Instant now = Instant.now();
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("current_time", now.toString());
    tree.put("start_time", status.startedAt().toString());
    long nanos = Math.max(0, Duration.between(status.startedAt(), now).toNanos());
    tree.put("uptime", GoDuration.format(nanos));
    return tree;
  }

  private static Map<String, Object> peqliteTree(NodeStatus status, List<MemberStatus> members) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("applied_seq", status.appliedSeq());
    status.backups().ifPresent(backups -> tree.put("backups", backups(backups)));
    tree.put("dropped_messages", status.messagesDropped());
    tree.put("epoch", status.epoch());
    tree.put("head_seq", status.headSeq());
    tree.put("journal_id", status.journalId());
    tree.put("lag", status.lag());
    tree.put("nodes", members.stream().map(StatusRoutes::replica).collect(Collectors.toList()));
    tree.put("pending_writes", status.pendingWrites());
    tree.put("problem", status.problem().orElse(""));
    status.quorum().ifPresent(side -> tree.put("quorum", side(side)));
    tree.put("past", past(status.past()));
    tree.put("ready", status.ready());
    tree.put("replica_state", status.replicaState());
    tree.put("scrub", scrub(status.scrub()));
    tree.put("sequencer", status.sequencerNodeId().orElse(""));
    tree.put("snapshots", status.snapshots().stream().map(StatusRoutes::snapshot).toList());
    return tree;
  }

  private static Map<String, Object> scrub(NodeStatus.Scrub scrub) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("clean_seq", scrub.cleanSeq());
    tree.put("clean_time", scrub.cleanAt().map(Instant::toString).orElse(""));
    tree.put("result", scrub.result());
    tree.put("running", scrub.running());
    tree.put("seq", scrub.seq());
    tree.put("text", scrub.text());
    return tree;
  }

  private static Map<String, Object> past(PastStates.Use use) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("bytes", use.bytes());
    tree.put("making", use.making());
    tree.put("states", use.states());
    return tree;
  }

  private static Map<String, Object> backups(NodeStatus.Backups backups) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("here", backups.here());
    if (backups.here()) {
      tree.put("place", backups.place());
      tree.put("last_success", backups.lastSuccess().map(Instant::toString).orElse(""));
      tree.put("full_seq", backups.fullSeq());
      tree.put("seq", backups.seq());
      tree.put("problem", backups.problem());
    }
    return tree;
  }

  private static Map<String, Object> snapshot(NodeStatus.Snapshot snapshot) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("bytes", snapshot.bytes());
    tree.put("id", snapshot.id());
    tree.put("seq", snapshot.seq());
    return tree;
  }

  private static Map<String, Object> side(QuorumSide side) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("group", side.group());
    tree.put("id", side.id());
    tree.put("role", side.role());
    tree.put("leader", side.leader());
    tree.put("term", side.term());
    tree.put("committed", side.committed());
    tree.put("applied", side.applied());
    tree.put("problem", side.problem().orElse(""));
    return tree;
  }

  private static Map<String, Object> replica(MemberStatus member) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("id", member.nodeId());
    tree.put("addr", member.clusterAddress());
    tree.put("reachable", member.reachable());
    tree.put("sequencer", member.sequencer());
    putPosition(tree, member);
    return tree;
  }

  private static Map<String, Object> runtimeTree() {
    Runtime runtime = Runtime.getRuntime();
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("heap_bytes_max", runtime.maxMemory());
    tree.put("heap_bytes_used", runtime.totalMemory() - runtime.freeMemory());
    tree.put("num_cpu", runtime.availableProcessors());
    tree.put("num_threads", ManagementFactory.getThreadMXBean().getThreadCount());
    tree.put("version", "java " + Runtime.version());
    return tree;
  }

  private Map<String, Object> storeTree(NodeStatus status, List<MemberStatus> members) {
    Optional<MemberStatus> leader = members.stream().filter(MemberStatus::sequencer).findFirst();
    boolean here = status.sequencerNodeId().filter(status.nodeId()::equals).isPresent();
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("addr", status.clusterAddress());
    tree.put("db_applied_index", status.appliedSeq());
    tree.put("db_conf", Map.of("fk_constraints", node.foreignKeys()));
    tree.put("fsm_index", status.appliedSeq());
    Map<String, Object> leaderTree = new LinkedHashMap<>();
    leaderTree.put("addr", leader.map(MemberStatus::clusterAddress).orElse(""));
    leaderTree.put("node_id", status.sequencerNodeId().orElse(""));
    tree.put("leader", leaderTree);
    tree.put("node_id", status.nodeId());
    tree.put("nodes", members.stream().map(StatusRoutes::storeNode).collect(Collectors.toList()));
    tree.put("open", true);
    Map<String, Object> raft = new LinkedHashMap<>();
    raft.put("applied_index", status.appliedSeq());
    raft.put("commit_index", status.headSeq());
    raft.put("last_log_index", status.headSeq());
    raft.put("num_peers", Math.max(0, members.size() - 1));
    raft.put("state", here ? "Leader" : "Follower");
    raft.put("term", status.epoch());
    raft.put("voter", members.stream().noneMatch(m -> isSelf(m, status) && !m.voter()));
    tree.put("raft", raft);
    tree.put("ready", status.ready());
    Map<String, Object> sqlite = new LinkedHashMap<>();
    sqlite.put("db_size", status.databaseBytes());
    sqlite.put("wal_size", status.walBytes());
    tree.put("sqlite3", sqlite);
    return tree;
  }

  private static boolean isSelf(MemberStatus member, NodeStatus status) {
    return member.nodeId().equals(status.nodeId());
  }

  private static Map<String, Object> storeNode(MemberStatus member) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("addr", member.clusterAddress());
    tree.put("id", member.nodeId());
    tree.put("suffrage", member.voter() ? "Voter" : "Nonvoter");
    return tree;
  }

  /** The part of a tree that a dotted path leads to; an empty object if it leads nowhere. */
  private static @Nullable Object part(Object tree, String path) {
    Object part = tree;
    int start = 0;
    while (start <= path.length()) {
      int end = path.indexOf('.', start);
      end = end < 0 ? path.length() : end;
      String name = path.substring(start, end);
      if (!(part instanceof Map<?, ?> map) || !map.containsKey(name)) {
        return Map.of();
      }
      part = map.get(name);
      start = end + 1;
    }
    return part;
  }
}
