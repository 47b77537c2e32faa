package backup;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** Stands between a client and a server, and cuts connections in the middle when told to. */
final class CuttingRelay implements AutoCloseable {

  private final ServerSocket listening;
  private final InetSocketAddress server;
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();
  private final AtomicInteger cuts = new AtomicInteger();
  private volatile long uploadMax = Long.MAX_VALUE;
  private volatile long downloadMax = Long.MAX_VALUE;

  CuttingRelay(int serverPort) throws IOException {
    this.server = new InetSocketAddress(InetAddress.getLoopbackAddress(), serverPort);
    this.listening = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    start(this::accept);
  }

  int port() {
    return listening.getLocalPort();
  }

  /** From now on every connection ends when the client has sent this much over it. */
  void cutUploadsAfter(long bytes) {
    closeAll();
    uploadMax = bytes;
  }

  /** From now on every connection ends when the server has sent this much over it. */
  void cutDownloadsAfter(long bytes) {
    closeAll();
    downloadMax = bytes;
  }

  void mend() {
    uploadMax = Long.MAX_VALUE;
    downloadMax = Long.MAX_VALUE;
  }

  /** How many connections have been cut for what went over them. */
  int cuts() {
    return cuts.get();
  }

  private void accept() {
    try {
      while (true) {
        Socket client = listening.accept();
        Socket behind = new Socket();
        open.add(client);
        open.add(behind);
        behind.connect(server);
        // Limits hold for a whole connection, whatever is told while it lives.
        long up = uploadMax;
        long down = downloadMax;
        start(() -> pass(client, behind, up));
        start(() -> pass(behind, client, down));
      }
    } catch (IOException closed) {
      closeAll();
    }
  }

  private void pass(Socket from, Socket to, long max) {
    byte[] buffer = new byte[16 * 1024];
    long passed = 0;
    try (from;
        to) {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      while (true) {
        int read = in.read(buffer, 0, (int) Math.min(buffer.length, max - passed));
        if (read < 0) {
          return;
        }
        out.write(buffer, 0, read);
        passed += read;
        if (passed == max) {
          cuts.incrementAndGet();
          return;
        }
      }
    } catch (IOException ended) {
      // One end is closed, and with it the other.
      return;
    } finally {
      open.remove(from);
      open.remove(to);
    }
  }

  private static void start(Runnable task) {
    Thread thread = new Thread(task, "cutting-relay");
    thread.setDaemon(true);
    thread.start();
  }

  private void closeAll() {
    for (Socket socket : open) {
      try {
        socket.close();
      } catch (IOException gone) {
        continue;
      }
    }
  }

  @Override
  public void close() throws IOException {
    listening.close();
    closeAll();
  }
}
