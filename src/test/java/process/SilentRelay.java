package process;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * A relay that can forget its connections without a word, as a firewall does that was restarted:
 * what is sent on them, or only what is answered, is swallowed, while new ones work. It can cut
 * them, too. Thread-safe.
 */
public final class SilentRelay implements AutoCloseable {

  private final ServerSocket server;
  private final InetSocketAddress target;
  private final List<Socket> sockets = new ArrayList<>();
  private int age;
  private int answersAge;
  private boolean forgetsAnswers;

  /** To a port on the loopback interface, from a free one. */
  public SilentRelay(int target) throws IOException {
    this(
        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
        new InetSocketAddress(InetAddress.getLoopbackAddress(), target));
  }

  public SilentRelay(InetSocketAddress listening, InetSocketAddress target) throws IOException {
    this.server = new ServerSocket();
    this.target = target;
    server.setReuseAddress(true);
    server.bind(listening, 50);
    daemon(this::accept);
  }

  public int port() {
    return server.getLocalPort();
  }

  /** Lets nothing through any more on the connections that there are. */
  public synchronized void forget() {
    age++;
    answersAge++;
  }

  /** Lets no answer through any more, until the connections are cut. */
  public synchronized void forgetAnswers() {
    answersAge++;
    forgetsAnswers = true;
  }

  /** Ends the connections that there are. */
  public synchronized void cut() throws IOException {
    forgetsAnswers = false;
    for (Socket socket : sockets) {
      socket.close();
    }
    sockets.clear();
  }

  private void accept() throws IOException {
    while (true) {
      Socket client = server.accept();
      Socket there = new Socket();
      try {
        there.connect(target);
      } catch (IOException nobodyListens) {
        client.close();
        continue;
      }
      int born;
      int answersBorn;
      synchronized (this) {
        sockets.add(client);
        sockets.add(there);
        born = age;
        answersBorn = forgetsAnswers ? -1 : answersAge;
      }
      daemon(() -> pass(client, there, () -> isAge(born)));
      daemon(() -> pass(there, client, () -> isAnswersAge(answersBorn)));
    }
  }

  private static void pass(Socket from, Socket to, BooleanSupplier isKnown) throws IOException {
    InputStream in = from.getInputStream();
    OutputStream out = to.getOutputStream();
    byte[] buffer = new byte[1 << 16];
    for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
      if (isKnown.getAsBoolean()) {
        out.write(buffer, 0, read);
      }
    }
    if (isKnown.getAsBoolean()) {
      to.close();
    }
  }

  private synchronized boolean isAge(int born) {
    return born == age;
  }

  private synchronized boolean isAnswersAge(int born) {
    return born == answersAge;
  }

  /** What runs until its sockets are closed. */
  private interface Work {
    void run() throws IOException;
  }

  private static void daemon(Work work) {
    Thread thread =
        new Thread(
            () -> {
              try {
                work.run();
              } catch (IOException closed) {
                // This is how it ends.
              }
            },
            "silent-relay");
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public synchronized void close() throws IOException {
    server.close();
    cut();
  }
}
