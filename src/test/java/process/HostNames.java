package process;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.TreeMap;

/**
 * What names mean to the nodes of a cluster, as a DNS would tell them; it can change. One thread.
 */
final class HostNames {

  private final Path file;
  private final Map<String, String> addresses = new TreeMap<>(Map.of("localhost", "127.0.0.1"));

  HostNames(Path file) {
    this.file = file;
  }

  /** Gives a name an address in place of what it had. */
  void set(String name, String address) throws IOException {
    addresses.put(name, address);
    StringBuilder text = new StringBuilder();
    addresses.forEach((host, at) -> text.append(at).append(' ').append(host).append('\n'));
    Path next = file.resolveSibling(file.getFileName() + ".next");
    Files.writeString(next, text);
    Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** The option of a JVM that knows these names, and no others. */
  String jvmOption() {
    return "-Djdk.net.hosts.file=" + file;
  }
}
