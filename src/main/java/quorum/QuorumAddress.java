package quorum;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import storage.JournalException;

/** Where this node's Raft server listens: a port that was taken once is kept. */
final class QuorumAddress {

  private static final String FILE = "port";

  private QuorumAddress() {}

  /**
   * Host and port.
   *
   * @throws JournalException if no port is free, or it cannot be kept
   */
  static String of(QuorumSettings settings) throws JournalException {
    if (settings.port() != 0) {
      return settings.host() + ":" + settings.port();
    }
    Path file = settings.directory().resolve(FILE);
    try {
      if (Files.exists(file)) {
        return settings.host() + ":" + Integer.parseInt(Files.readString(file).strip());
      }
      Files.createDirectories(settings.directory());
      try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName(settings.host()))) {
        String port = Integer.toString(socket.getLocalPort());
        Files.write(file, (port + "\n").getBytes(StandardCharsets.UTF_8));
        return settings.host() + ":" + port;
      }
    } catch (IOException | NumberFormatException e) {
      throw new JournalException("cannot keep a port for the quorum in " + file + ": " + e, e);
    }
  }
}
