package process;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.opentest4j.TestAbortedException;

/**
 * A network of its own for each node, joined by a bridge to each other and to the tests' process,
 * in which a test can cut any way between two nodes, in one direction or both, without a sign to
 * either side.
 *
 * <p>Linux only. Needs what root has, or what {@code unshare --user --map-current-user --keep-caps
 * --net} gives to anybody. All of it vanishes with the processes that hold the namespaces, and
 * those end with the tests' process, so that nothing is ever left over.
 *
 * <p>A way is cut by sending its packets to a hardware address that nobody has, because that is
 * silent for those who are connected and for those who connect.
 */
final class Namespaces implements AutoCloseable {

  private static final String NOBODY = "02:70:71:ff:ff:ff";
  private static final AtomicInteger COUNT = new AtomicInteger();

  private final List<Process> holders = new ArrayList<>();
  private final String prefix;
  private final int nodes;

  private Namespaces(int nodes, String prefix) {
    this.nodes = nodes;
    this.prefix = prefix;
  }

  /** Makes so many, or skips the test and says what is missing. */
  static Namespaces create(int nodes) throws Exception {
    long pid = ProcessHandle.current().pid();
    int number = COUNT.incrementAndGet();
    Namespaces made =
        new Namespaces(nodes, "10." + (64 + pid % 128) + "." + (pid / 128 + number) % 256);
    try {
      made.build("pq" + pid % 1_000_000 + "-" + number);
      return made;
    } catch (IOException e) {
      made.close();
      String missing =
          "SKIPPED: this test needs network namespaces (Linux, iproute2, and root or `unshare"
              + " --user --map-current-user --keep-caps --net`): "
              + e.getMessage();
      System.err.println(missing);
      throw new TestAbortedException(missing);
    } catch (Exception e) {
      made.close();
      throw e;
    }
  }

  private void build(String outside) throws Exception {
    Process bridge = hold();
    // Addresses are given out by hand, so that nothing waits for the bridge to learn them.
    inside(bridge, "link add bridge type bridge forward_delay 0", "link set bridge up");
    run(
        List.of("ip", "-batch", "-"),
        "link add " + outside + " type veth peer name outside netns " + bridge.pid(),
        "addr add " + outsideAddress() + "/24 dev " + outside,
        "link set " + outside + " up");
    inside(bridge, "link set outside master bridge up");
    for (int node = 0; node < nodes; node++) {
      Process own = hold();
      inside(
          bridge,
          "link add node" + node + " type veth peer name eth0 netns " + own.pid(),
          "link set node" + node + " master bridge up");
      inside(
          own,
          "link set lo up",
          "link set eth0 address " + hardwareAddress(node),
          "addr add " + address(node) + "/24 dev eth0",
          "link set eth0 up");
    }
  }

  /** Where the tests' process is reached from the nodes. */
  String outsideAddress() {
    return prefix + ".1";
  }

  /** The address of a node, by its number from 0. */
  String address(int node) {
    return prefix + "." + (11 + node);
  }

  /** What a command is begun with to run in a node's network. */
  List<String> enter(int node) {
    return enter(holders.get(node + 1));
  }

  /** Lets no packet from one node reach the other. */
  void cutOneWay(int from, int to) throws Exception {
    inside(
        holders.get(from + 1),
        "neigh replace " + address(to) + " lladdr " + NOBODY + " dev eth0 nud permanent");
  }

  /** Lets no packet pass between two nodes. */
  void cut(int one, int other) throws Exception {
    cutOneWay(one, other);
    cutOneWay(other, one);
  }

  /** Cuts a node off from all other nodes; the tests' process and the journal still reach it. */
  void isolate(int node) throws Exception {
    for (int other = 0; other < nodes; other++) {
      if (other != node) {
        cut(node, other);
      }
    }
  }

  /** Restores every way. */
  void heal() throws Exception {
    for (int from = 0; from < nodes; from++) {
      List<String> commands = new ArrayList<>();
      for (int to = 0; to < nodes; to++) {
        if (to != from) {
          commands.add(
              "neigh replace "
                  + address(to)
                  + " lladdr "
                  + hardwareAddress(to)
                  + " dev eth0 nud permanent");
        }
      }
      inside(holders.get(from + 1), commands.toArray(new String[0]));
    }
  }

  /** Resets every connection between two nodes; new ones work. */
  void resetConnections(int one, int other) throws Exception {
    List<String> command = new ArrayList<>(enter(one));
    command.addAll(List.of("ss", "--tcp", "--kill", "--no-header", "dst", address(other)));
    run(command);
  }

  @Override
  public void close() {
    for (Process holder : holders) {
      holder.destroyForcibly();
      holder.onExit().join();
    }
  }

  private static String hardwareAddress(int node) {
    return String.format("02:70:71:00:00:%02x", 11 + node);
  }

  /** Starts a process that does nothing but keep a new namespace, and ends with this one. */
  private Process hold() throws IOException {
    Process holder =
        builder(List.of("unshare", "--net", "sh", "-c", "echo ready; exec cat >&2")).start();
    holders.add(holder);
    BufferedReader out =
        new BufferedReader(new InputStreamReader(holder.getInputStream(), StandardCharsets.UTF_8));
    if (!"ready".equals(out.readLine())) {
      throw new IOException(
          new String(holder.getErrorStream().readAllBytes(), StandardCharsets.UTF_8).strip());
    }
    return holder;
  }

  private static List<String> enter(Process holder) {
    return List.of("nsenter", "--net=/proc/" + holder.pid() + "/ns/net");
  }

  private static void inside(Process holder, String... ipCommands) throws Exception {
    List<String> command = new ArrayList<>(enter(holder));
    command.addAll(List.of("ip", "-batch", "-"));
    run(command, ipCommands);
  }

  private static void run(List<String> command, String... inputLines) throws Exception {
    Process process = builder(command).redirectErrorStream(true).start();
    try (OutputStream in = process.getOutputStream()) {
      // Who wants no input may have ended already.
      if (inputLines.length > 0) {
        in.write((String.join("\n", inputLines) + "\n").getBytes(StandardCharsets.UTF_8));
      }
    }
    String output =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    if (!process.waitFor(20, TimeUnit.SECONDS) || process.exitValue() != 0) {
      process.destroyForcibly();
      throw new IOException(String.join(" ", command) + ": " + output);
    }
  }

  /** The tools for the network are not in everybody's path. */
  private static ProcessBuilder builder(List<String> command) {
    List<String> all = new ArrayList<>();
    all.addAll(List.of("/bin/sh", "-c", "PATH=$PATH:/usr/sbin:/sbin exec \"$@\"", "sh"));
    all.addAll(command);
    return new ProcessBuilder(all);
  }
}
