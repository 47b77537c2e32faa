package quorum;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import storage.JournalException;

/** Where this node's Raft server listens: kept, since the others know it from the beginning. */
final class QuorumAddress {

  private static final String FILE = "address";

  private static final int PORTS_BEGIN = 10_000;
  private static final int PORTS_END = 30_000;
  private static final int ATTEMPTS_MAX = 100;

  private QuorumAddress() {}

  /**
   * Host and port, as the settings name them; a port that they leave open is taken once.
   *
   * @param identity who this node is, if it is known to others already
   * @throws JournalException if it is not the one by which they know it, no port is free, or it
   *     cannot be kept
   */
  static String of(QuorumSettings settings, Optional<QuorumIdentity> identity)
      throws JournalException {
    Path file = settings.directory().resolve(FILE);
    try {
      String kept = Files.exists(file) ? Files.readString(file).strip() : "";
      String address = settings.host() + ":" + port(settings, kept);
      if (address.equals(kept)) {
        return kept;
      }
      // Who goes on alone forms a new group, of which nobody knows yet.
      boolean known =
          identity.isPresent() && identity.get().standing() != QuorumIdentity.Standing.ALONE;
      if (known && !kept.isEmpty()) {
        throw new JournalException(
            "the quorum knows this node at "
                + kept
                + " and would not find it at "
                + address
                + ": start it with --quorum-addr "
                + kept
                + ", or remove it from the quorum, empty its data directory and let it join anew");
      }
      QuorumFiles.replace(
          settings.directory(), FILE, (address + "\n").getBytes(StandardCharsets.UTF_8));
      return address;
    } catch (IOException | NumberFormatException e) {
      throw new JournalException("cannot keep an address for the quorum in " + file + ": " + e, e);
    }
  }

  private static int port(QuorumSettings settings, String kept) throws IOException {
    if (settings.port() != 0) {
      return settings.port();
    }
    if (!kept.isEmpty()) {
      return Integer.parseInt(kept.substring(kept.lastIndexOf(':') + 1));
    }
    return freePort(settings.host());
  }

  /**
   * A port that is free now, and not one of those that systems give to outgoing connections: it has
   * to be free at every later start.
   */
  static int freePort(String host) throws IOException {
    InetAddress address = InetAddress.getByName(host);
    IOException last = new IOException("no port is free");
    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      int port = ThreadLocalRandom.current().nextInt(PORTS_BEGIN, PORTS_END);
      try (ServerSocket socket = new ServerSocket(port, 1, address)) {
        return socket.getLocalPort();
      } catch (IOException taken) {
        last = taken;
      }
    }
    throw last;
  }
}
