package process;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * Another release of the program, made from this one: its jar, in which the class that names the
 * formats is compiled from a changed source.
 */
final class OtherRelease {

  private static final Path SOURCE = Path.of("src/main/java/storage/Formats.java");
  private static final Pattern NEWEST_RULES =
      Pattern.compile("(int newestRules\\(\\) \\{\\s*return )\\d+;");

  private OtherRelease() {}

  /** The jar that is tested. */
  static Path thisRelease() {
    return Path.of(System.getProperty("peqlite.jar", "target/peqlite.jar"));
  }

  /** A release whose newest rules are these. */
  static Path thatWritesRules(int rules, Path directory) throws IOException {
    Matcher found = NEWEST_RULES.matcher(Files.readString(SOURCE));
    if (!found.find()) {
      throw new AssertionError(SOURCE + " does not say what the newest rules are");
    }
    Path own = Files.createDirectories(directory.resolve("release-with-rules-" + rules));
    Path source = Files.createDirectories(own.resolve("storage")).resolve("Formats.java");
    Files.writeString(source, found.replaceFirst("$1" + rules + ";"));
    compile(source, own);
    Path jar = own.resolve("peqlite.jar");
    Files.copy(thisRelease(), jar, StandardCopyOption.REPLACE_EXISTING);
    try (FileSystem inside =
        FileSystems.newFileSystem(URI.create("jar:" + jar.toUri()), Map.of())) {
      Files.copy(
          own.resolve("storage/Formats.class"),
          inside.getPath("/storage/Formats.class"),
          StandardCopyOption.REPLACE_EXISTING);
    }
    return jar;
  }

  private static void compile(Path source, Path output) {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
      List<String> options =
          List.of("--release", "17", "-cp", thisRelease().toString(), "-d", output.toString());
      boolean compiled =
          compiler
              .getTask(null, files, null, options, null, files.getJavaFileObjects(source))
              .call();
      if (!compiled) {
        throw new AssertionError(source + " cannot be compiled");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
