package process;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The way of one node to the journal's PostgreSQL, which a test can break without privileges: a
 * relay in the tests' own process. It understands as much of PostgreSQL's protocol as is needed to
 * stop an append between its INSERT and its COMMIT. Thread-safe.
 */
final class JournalLink implements AutoCloseable {

  /** What passes. */
  private enum Mode {
    /** Everything. */
    OPEN,
    /** Nothing; connections stay, and what was sent arrives later. */
    STALLED,
    /** What the node sends, but no answer. */
    DEAF,
    /** Nothing; connections are reset. */
    CUT
  }

  private static final int CODE_SSL = 80877103;
  private static final int CODE_ENCRYPTION = 80877104;
  private static final int CODE_CANCEL = 80877102;
  private static final int BUFFER_BYTES = 64 << 10;
  private static final int MESSAGE_BYTES_MAX = 256 << 20;

  private final ServerSocket server;
  private final InetSocketAddress target;
  private final Set<Connection> connections = new HashSet<>();
  private Mode mode = Mode.OPEN;
  private Held held;

  /** A relay that listens at the address, on a free port, and leads to the target. */
  JournalLink(InetAddress listen, InetSocketAddress target) throws IOException {
    this.server = new ServerSocket(0, 100, listen);
    this.target = target;
    thread("journal-link-" + server.getLocalPort(), this::accept);
  }

  /** The URL of the database through this relay. */
  String through(String url) {
    String address = server.getInetAddress().getHostAddress() + ":" + server.getLocalPort();
    return url.replaceFirst("//[^/]+/", "//" + address + "/");
  }

  /** Resets every connection and every new one. */
  void cut() {
    change(Mode.CUT);
  }

  /** Lets nothing pass, without a sign of it. */
  void stall() {
    change(Mode.STALLED);
  }

  /** Lets the node's questions pass and no answer. */
  void deafen() {
    change(Mode.DEAF);
  }

  /** Lets everything pass again, also what has waited. */
  void heal() {
    change(Mode.OPEN);
  }

  /** Resets the connections there are; new ones work. */
  synchronized void reset() {
    connections.forEach(Connection::abort);
    connections.clear();
  }

  /**
   * Stops an append between its INSERT and its COMMIT, once: PostgreSQL has the row and the COMMIT
   * is kept back until it is released.
   *
   * @param bytesMin the size of the INSERT, at least
   * @param skip how many such appends to let pass before
   */
  synchronized Held holdCommit(int bytesMin, int skip) {
    held = new Held(bytesMin, skip);
    return held;
  }

  /** An append that is stopped, or is going to be. */
  static final class Held {

    private final int bytesMin;
    private final AtomicInteger skip;
    private final CountDownLatch reached = new CountDownLatch(1);
    private final CountDownLatch released = new CountDownLatch(1);

    private Held(int bytesMin, int skip) {
      this.bytesMin = bytesMin;
      this.skip = new AtomicInteger(skip);
    }

    /** Waits until an append stands there. */
    void awaitReached(Duration timeMax) throws InterruptedException {
      if (!reached.await(timeMax.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new AssertionError("there was no append of " + bytesMin + " bytes to stop");
      }
    }

    /** Lets the COMMIT pass. */
    void release() {
      released.countDown();
    }

    private boolean takes(int bytes) {
      return bytes >= bytesMin && reached.getCount() > 0 && skip.getAndDecrement() <= 0;
    }
  }

  @Override
  public void close() throws IOException {
    server.close();
    synchronized (this) {
      if (held != null) {
        held.release();
      }
    }
    cut();
  }

  private synchronized void change(Mode next) {
    mode = next;
    if (next == Mode.CUT) {
      reset();
    }
    notifyAll();
  }

  private void accept() {
    try {
      while (true) {
        Socket node = server.accept();
        synchronized (this) {
          if (mode == Mode.CUT) {
            abort(node);
            continue;
          }
        }
        thread("journal-link-connect", () -> connect(node));
      }
    } catch (IOException closed) {
      // The test is over.
    }
  }

  private void connect(Socket node) {
    try {
      awaitPassage(true);
      Socket database = new Socket();
      database.connect(target, 5_000);
      Connection connection = new Connection(node, database);
      synchronized (this) {
        if (mode == Mode.CUT) {
          connection.abort();
          return;
        }
        connections.add(connection);
      }
      thread("journal-link-answers", connection::copyAnswers);
      connection.copyQuestions();
    } catch (IOException unreachable) {
      abort(node);
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized void awaitPassage(boolean question) throws InterruptedException {
    while (mode == Mode.STALLED || mode == Mode.DEAF && !question) {
      wait();
    }
  }

  private void awaitPermission(int insertBytes) throws InterruptedException {
    Held stop;
    synchronized (this) {
      stop = held;
    }
    if (stop != null && stop.takes(insertBytes)) {
      stop.reached.countDown();
      stop.released.await();
    }
  }

  private static void abort(Socket socket) {
    try {
      socket.setSoLinger(true, 0); // closing sends a reset
      socket.close();
    } catch (IOException ignored) {
      // It is gone already.
    }
  }

  private static void thread(String name, Runnable body) {
    Thread thread = new Thread(body, name);
    thread.setDaemon(true);
    thread.start();
  }

  /** One connection of the node and the one to the database that belongs to it. */
  private final class Connection {

    private final Socket node;
    private final Socket database;
    private final Map<String, String> statements = new HashMap<>();
    private int insertBytes;

    Connection(Socket node, Socket database) throws IOException {
      this.node = node;
      this.database = database;
      node.setTcpNoDelay(true);
      database.setTcpNoDelay(true);
    }

    void abort() {
      JournalLink.abort(node);
      JournalLink.abort(database);
    }

    private void ended() {
      synchronized (JournalLink.this) {
        connections.remove(this);
      }
      abort();
    }

    void copyAnswers() {
      byte[] buffer = new byte[BUFFER_BYTES];
      try (InputStream in = database.getInputStream();
          OutputStream out = node.getOutputStream()) {
        for (int length = in.read(buffer); length >= 0; length = in.read(buffer)) {
          awaitPassage(false);
          out.write(buffer, 0, length);
        }
      } catch (IOException | InterruptedException over) {
        // Either side has ended the connection, or the test has.
      } finally {
        ended();
      }
    }

    void copyQuestions() {
      try (DataInputStream in =
              new DataInputStream(new BufferedInputStream(node.getInputStream(), BUFFER_BYTES));
          OutputStream out = database.getOutputStream()) {
        copyBeginning(in, out);
        while (true) {
          byte type = in.readByte();
          byte[] body = body(in);
          look(type, body);
          awaitPassage(true);
          ByteBuffer message = ByteBuffer.allocate(5 + body.length);
          out.write(message.put(type).putInt(body.length + 4).put(body).array());
        }
      } catch (IOException | InterruptedException over) {
        // Either side has ended the connection, or the test has.
      } finally {
        ended();
      }
    }

    /** The messages before the first that has a type. */
    private void copyBeginning(DataInputStream in, OutputStream out)
        throws IOException, InterruptedException {
      int code;
      do {
        byte[] body = body(in);
        code = ByteBuffer.wrap(body).getInt();
        awaitPassage(true);
        out.write(ByteBuffer.allocate(4 + body.length).putInt(body.length + 4).put(body).array());
      } while (code == CODE_SSL || code == CODE_ENCRYPTION || code == CODE_CANCEL);
    }

    private byte[] body(DataInputStream in) throws IOException {
      int length = in.readInt() - 4;
      if (length < 0 || length > MESSAGE_BYTES_MAX) {
        throw new IOException("not PostgreSQL's protocol");
      }
      byte[] body = new byte[length];
      in.readFully(body);
      return body;
    }

    private void look(byte type, byte[] body) throws InterruptedException {
      if (type == 'P') { // a statement's name and its text
        String name = text(body, 0);
        statements.put(name, text(body, name.length() + 1));
      } else if (type == 'B') { // a portal's name and its statement's, and the parameters
        String portal = text(body, 0);
        execute(statements.getOrDefault(text(body, portal.length() + 1), ""), body.length);
      } else if (type == 'Q') { // a text that is executed at once
        execute(text(body, 0), body.length);
      }
    }

    private void execute(String sql, int bytes) throws InterruptedException {
      String text = sql.strip().toLowerCase(Locale.ROOT);
      if (text.startsWith("insert into") && text.contains("event_journal")) {
        insertBytes = bytes;
      } else if (text.equals("commit") && insertBytes > 0) {
        awaitPermission(insertBytes);
        insertBytes = 0;
      } else if (text.equals("rollback")) {
        insertBytes = 0;
      }
    }

    /** A text that ends with a zero; names are ASCII. */
    private String text(byte[] body, int from) {
      int end = from;
      while (body[end] != 0) {
        end++;
      }
      return new String(body, from, end - from, StandardCharsets.ISO_8859_1);
    }
  }
}
