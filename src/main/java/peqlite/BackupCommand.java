package peqlite;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URLEncoder;
import java.net.http.HttpResponse;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import storage.Durability;

/** {@code peqlite backup}: a copy of a running cluster's database in a file. */
@Command(
    name = "backup",
    description = {
      "Copy the database of a running node or cluster to a file.",
      "The copy is of one position and stops nobody. The file is there when it is complete and"
          + " synced, or not at all."
    })
final class BackupCommand implements Callable<Integer> {

  private static final int BUFFER_BYTES = 1 << 16;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private OperatorOptions operator = new OperatorOptions();

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      defaultValue = "binary",
      description =
          "binary: a SQLite file; delete: one without write-ahead log; sql: SQL text (default:"
              + " ${DEFAULT-VALUE}).")
  private String format = "";

  @Option(
      names = "--tables",
      paramLabel = "NAMES",
      split = ",",
      description = "Only these tables, with commas between; with --format sql.")
  private List<String> tables = List.of();

  @Option(names = "--vacuum", description = "Leave out free pages.")
  private boolean vacuum;

  @Option(names = "--compress", description = "Write a gzip file.")
  private boolean compress;

  @Option(
      names = "--verify",
      description = "Have SQLite check the whole file before it gets its name.")
  private boolean verify;

  @Option(names = "--overwrite", description = "Replace FILE if it is there.")
  private boolean overwrite;

  @Parameters(paramLabel = "FILE", description = "The file to make.")
  private Path file = Path.of("");

  @Override
  public Integer call() throws SettingsException, StartException {
    if (verify && (compress || format.equals("sql"))) {
      throw new SettingsException("--verify: only a SQLite file that is not compressed is checked");
    }
    Path target = file.toAbsolutePath();
    if (Files.exists(target) && (!overwrite || !Files.isRegularFile(target))) {
      throw new SettingsException(
          file
              + " is there already"
              + (Files.isDirectory(target) ? "" : ": --overwrite replaces it"));
    }
    Path folder = target.getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new SettingsException("there is no folder " + folder);
    }
    Path part = target.resolveSibling(target.getFileName() + ".part");
    try {
      return download(target, part);
    } catch (IOException e) {
      throw new StartException("no backup: " + e.getMessage(), e);
    } finally {
      part.toFile().delete();
    }
  }

  private int download(Path target, Path part)
      throws IOException, SettingsException, StartException {
    HttpResponse<InputStream> response = operator.client().download("/db/backup?" + query());
    try (InputStream in = response.body()) {
      if (response.statusCode() != 200) {
        String text = new String(in.readNBytes(BUFFER_BYTES), StandardCharsets.UTF_8).strip();
        throw new StartException("the node answers " + response.statusCode() + ": " + text);
      }
      long bytes = save(in, response.headers().firstValueAsLong("Content-Length").orElse(-1), part);
      if (verify) {
        check(part);
      }
      Durability.rename(part, target);
      spec.commandLine()
          .getOut()
          .println(
              file
                  + ": "
                  + bytes
                  + " bytes, as of position "
                  + response.headers().firstValue("Peqlite-Seq").orElse("unknown"));
      return 0;
    }
  }

  private String query() {
    StringBuilder query =
        new StringBuilder("fmt=" + URLEncoder.encode(format, StandardCharsets.UTF_8));
    if (!tables.isEmpty()) {
      query
          .append("&tables=")
          .append(URLEncoder.encode(String.join(",", tables), StandardCharsets.UTF_8));
    }
    return query.append(vacuum ? "&vacuum" : "").append(compress ? "&compress" : "").toString();
  }

  private long save(InputStream in, long all, Path part) throws IOException {
    Progress progress = new Progress(spec.commandLine().getErr(), all);
    try (FileChannel channel =
            FileChannel.open(
                part,
                StandardOpenOption.CREATE,
                StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING);
        OutputStream out = Channels.newOutputStream(channel)) {
      byte[] buffer = new byte[BUFFER_BYTES];
      long bytes = 0;
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        out.write(buffer, 0, read);
        bytes += read;
        progress.show(bytes);
      }
      channel.force(true);
      return bytes;
    } finally {
      progress.end();
    }
  }

  private static void check(Path part) throws StartException {
    try (Connection connection =
            DriverManager.getConnection("jdbc:sqlite:" + part.toUri() + "?immutable=1");
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("PRAGMA integrity_check")) {
      String found = row.next() ? row.getString(1) : "";
      if (!found.equals("ok")) {
        throw new StartException("the backup is damaged and was thrown away: " + found);
      }
    } catch (SQLException e) {
      throw new StartException("the backup is damaged and was thrown away: " + e.getMessage(), e);
    }
  }
}
