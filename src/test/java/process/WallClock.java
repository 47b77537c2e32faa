package process;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.opentest4j.TestAbortedException;

/**
 * The wall clock that one process sees, moved by libfaketime while the process runs. Its monotonic
 * clock stays as it is.
 */
final class WallClock {

  private final Path library;
  private final Path offset;

  private WallClock(Path library, Path offset) {
    this.library = library;
    this.offset = offset;
  }

  /** A clock that is right at first; skips the test where libfaketime is missing. */
  static WallClock create(Path directory, String name) throws IOException {
    Optional<Path> library = library();
    if (library.isEmpty()) {
      String missing = "SKIPPED: this test needs libfaketime (Debian's package faketime)";
      System.err.println(missing);
      throw new TestAbortedException(missing);
    }
    WallClock clock = new WallClock(library.get(), directory.resolve(name + ".clock"));
    clock.move(Duration.ZERO);
    return clock;
  }

  private static Optional<Path> library() throws IOException {
    for (Path root : new Path[] {Path.of("/usr/lib"), Path.of("/usr/local/lib")}) {
      if (Files.isDirectory(root)) {
        try (Stream<Path> found =
            Files.find(
                root,
                3,
                (path, attributes) -> path.getFileName().toString().equals("libfaketimeMT.so.1"))) {
          Optional<Path> first = found.findFirst();
          if (first.isPresent()) {
            return first;
          }
        }
      }
    }
    return Optional.empty();
  }

  /** Puts the clock so far before the right time; the process sees it within a second. */
  void move(Duration ahead) throws IOException {
    // In one step, because the process may read it at any moment.
    Path next = offset.resolveSibling(offset.getFileName() + ".next");
    Files.writeString(next, String.format("%+d%n", ahead.toSeconds()));
    Files.move(next, offset, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** What makes a process see this clock. */
  Map<String, String> environment() {
    return Map.of(
        "LD_PRELOAD", library.toString(),
        "FAKETIME_TIMESTAMP_FILE", offset.toString(),
        "FAKETIME_CACHE_DURATION", "1",
        "FAKETIME_DONT_FAKE_MONOTONIC", "1",
        "DONT_FAKE_MONOTONIC", "1",
        // Otherwise every wait of a JVM with a time limit hangs.
        "FAKETIME_FORCE_MONOTONIC_FIX", "0",
        "NO_FAKE_STAT", "1");
  }
}
