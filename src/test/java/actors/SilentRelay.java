package actors;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;

/**
 * A relay to a port of this machine that can forget its connections without a word, as a firewall
 * does that was restarted: what is sent on them is swallowed, while new ones work. Thread-safe.
 */
final class SilentRelay implements AutoCloseable {

  private final ServerSocket server;
  private final int target;
  private final List<Socket> sockets = new ArrayList<>();
  private int age;

  SilentRelay(int target) throws IOException {
    this.server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    this.target = target;
    daemon(this::accept);
  }

  int port() {
    return server.getLocalPort();
  }

  /** Lets nothing through any more on the connections that there are. */
  synchronized void forget() {
    age++;
  }

  private void accept() throws IOException {
    while (true) {
      Socket client = server.accept();
      Socket there = new Socket(InetAddress.getLoopbackAddress(), target);
      int born;
      synchronized (this) {
        sockets.add(client);
        sockets.add(there);
        born = age;
      }
      daemon(() -> pass(client, there, born));
      daemon(() -> pass(there, client, born));
    }
  }

  private void pass(Socket from, Socket to, int born) throws IOException {
    InputStream in = from.getInputStream();
    OutputStream out = to.getOutputStream();
    byte[] buffer = new byte[1 << 16];
    for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
      if (isKnown(born)) {
        out.write(buffer, 0, read);
      }
    }
    if (isKnown(born)) {
      to.close();
    }
  }

  private synchronized boolean isKnown(int born) {
    return born == age;
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
    for (Socket socket : sockets) {
      socket.close();
    }
  }
}
