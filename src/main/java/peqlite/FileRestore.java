package peqlite;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.PushbackInputStream;
import java.net.http.HttpRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import java.util.zip.GZIPInputStream;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import storage.LoadFile;

/** Sends a file to a running cluster, which makes it the database, or runs it if it is SQL text. */
final class FileRestore {

  private static final int BEGINNING_BYTES = 16;
  private static final int BUFFER_BYTES = 1 << 16;
  private static final int GZIP_FIRST = 0x1f;
  private static final int GZIP_SECOND = 0x8b;
  private static final ObjectMapper JSON = new ObjectMapper();

  private static final String OWN_TABLES =
      "/db/query?q=SELECT+count(*)+FROM+sqlite_schema+WHERE+type='table'"
          + "+AND+substr(name,1,8)!='_peqlite'+AND+substr(name,1,7)!='sqlite_'";

  @Mixin private OperatorOptions operator = new OperatorOptions();

  @Option(
      names = "--replace",
      description = "Replace the database of the cluster even if it has tables.")
  private boolean replace;

  @Option(
      names = "--timeout",
      paramLabel = "DURATION",
      defaultValue = "1h",
      description =
          "How long the cluster may take for it once it is sent, cut to the node's"
              + " peqlite.http.timeout-max (default: ${DEFAULT-VALUE}).")
  private String timeout = "";

  /** Refuses early what {@link #send} would refuse for the sake of what is there. */
  void requireReplaceable() throws SettingsException, StartException {
    if (!replace) {
      requireEmpty(operator.client());
    }
  }

  /**
   * Sends the file and waits until the cluster has taken it over.
   *
   * @param file a SQLite file or SQL text, as it is or compressed with gzip
   * @param name what it is called when it is told what came of it
   * @param out is told what came of it
   * @param err is told how it goes on
   */
  int send(Path file, String name, PrintWriter out, PrintWriter err)
      throws SettingsException, StartException {
    if (!Files.isRegularFile(file)) {
      throw new SettingsException(file + ": there is no such file");
    }
    OperatorClient client = operator.client();
    try {
      boolean database = isDatabase(file);
      if (database && !replace) {
        requireEmpty(client);
      }
      // By it a node that is asked again knows whether it was done.
      String key = "restore-" + UUID.randomUUID();
      OperatorClient.Answer answer = upload(client, file, key, err);
      return tell(answer, key, name, database, out);
    } catch (IOException e) {
      throw new StartException("nothing is restored: " + e.getMessage(), e);
    }
  }

  private static boolean isDatabase(Path file) throws IOException {
    try (InputStream in = open(Files.newInputStream(file))) {
      return LoadFile.isDatabase(in.readNBytes(BEGINNING_BYTES));
    }
  }

  /** Unpacked if it is packed. */
  private static InputStream open(InputStream file) throws IOException {
    PushbackInputStream in = new PushbackInputStream(file, 2);
    byte[] first = in.readNBytes(2);
    in.unread(first);
    boolean packed =
        first.length == 2 && (first[0] & 0xff) == GZIP_FIRST && (first[1] & 0xff) == GZIP_SECOND;
    return packed ? new GZIPInputStream(in, BUFFER_BYTES) : in;
  }

  private void requireEmpty(OperatorClient client) throws StartException, SettingsException {
    OperatorClient.Answer answer = client.send("GET", OWN_TABLES, "");
    long tables = parse(answer).at("/results/0/values/0/0").asLong(-1);
    if (answer.status() != 200 || tables < 0) {
      throw new StartException("the node answers " + answer.status() + ": " + answer.text());
    }
    if (tables > 0) {
      throw new SettingsException(
          "the database of the cluster has "
              + tables
              + " tables, and all of it would be replaced: say --replace if that is meant");
    }
  }

  private OperatorClient.Answer upload(
      OperatorClient client, Path file, String key, PrintWriter err)
      throws IOException, StartException {
    Progress progress = new Progress(err, Files.size(file));
    try {
      return client.upload(
          "/db/load?seq&timeout=" + timeout,
          key,
          HttpRequest.BodyPublishers.ofInputStream(() -> counted(file, progress)),
          () -> {
            progress.end();
            err.println("sent; the cluster is taking it over");
            err.flush();
          });
    } finally {
      progress.end();
    }
  }

  private static InputStream counted(Path file, Progress progress) {
    try {
      return open(new Counted(Files.newInputStream(file), progress));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static int tell(
      OperatorClient.Answer answer, String key, String name, boolean database, PrintWriter out)
      throws StartException {
    JsonNode told = parse(answer);
    String error = told.path("error").asText(told.at("/results/0/error").asText(""));
    if (answer.status() == 200 && error.isEmpty()) {
      out.println(
          name
              + (database ? " is the database now" : " was run")
              + ", as of position "
              + told.path("seq").asText("unknown"));
      return 0;
    }
    boolean unknown = answer.status() == 504;
    throw new StartException(
        (unknown ? "it is not known whether it was restored: " : "nothing is restored: ")
            + (error.isEmpty() ? "the node answers " + answer.status() : error)
            + (unknown ? "; GET /db/requests/" + key + " tells, when it is known" : ""));
  }

  private static JsonNode parse(OperatorClient.Answer answer) throws StartException {
    try {
      JsonNode tree = JSON.readTree(answer.text());
      return tree == null ? JSON.createObjectNode() : tree;
    } catch (JsonProcessingException e) {
      throw new StartException("the node answers " + answer.status() + ": " + answer.text(), e);
    }
  }

  /** Shows how much of the file was read. */
  private static final class Counted extends FilterInputStream {

    private final Progress progress;
    private long bytes;

    Counted(InputStream in, Progress progress) {
      super(in);
      this.progress = progress;
    }

    @Override
    public int read() throws IOException {
      int one = in.read();
      if (one >= 0) {
        progress.show(++bytes);
      }
      return one;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
      int read = in.read(target, offset, length);
      if (read > 0) {
        bytes += read;
        progress.show(bytes);
      }
      return read;
    }
  }
}
