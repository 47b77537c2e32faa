package http;

import actors.Node;
import actors.ReadAdmission;
import actors.ReadLevel;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.pekko.NotUsed;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.stream.javadsl.Compression;
import org.apache.pekko.stream.javadsl.Source;
import org.apache.pekko.util.ByteString;
import storage.DatabaseCopy;
import storage.FreeSpace;
import storage.ReadPool;
import storage.SqlDump;
import storage.SqliteErrors;

/**
 * {@code GET /db/backup}: the content of the local database as of one position, as a SQLite file or
 * as SQL text. Thread-safe.
 *
 * <p>It is made in a file first, one at a time, so that how fast the client takes it means nothing
 * to the database. The file has no name any more when it is sent: it is gone with the connection,
 * or with the process.
 */
final class BackupRoutes {

  private static final int CHUNK_BYTES = 64 * 1024;

  private static final long BYTES_BETWEEN_LOOKS = 16L << 20;
  private static final Duration LATER = Duration.ofSeconds(10);

  /** What is asked for. */
  private record Wanted(boolean sql, boolean writeAheadLog, boolean vacuumed, Set<String> tables) {

    static Wanted of(QueryParameters parameters) {
      String format = parameters.text("fmt").orElse("");
      boolean vacuumed = parameters.flag("vacuum");
      Set<String> tables = new LinkedHashSet<>();
      parameters.text("tables").ifPresent(names -> tables.addAll(Arrays.asList(names.split(","))));
      tables.removeIf(String::isBlank);
      boolean sql = format.equals("sql");
      if (!sql && !format.isEmpty() && !format.equals("binary") && !format.equals("delete")) {
        throw RequestException.bad(
            "invalid backup format: fmt is binary, delete or sql, or left out");
      }
      if (sql && vacuumed) {
        throw RequestException.bad("invalid vacuum: SQL text has no free pages");
      }
      if (!sql && !tables.isEmpty()) {
        throw RequestException.bad("tables are chosen with fmt=sql only");
      }
      return new Wanted(sql, !format.equals("delete"), vacuumed, tables);
    }
  }

  /** A finished backup: what its file holds, and up to which event. */
  private record Made(FileChannel file, long bytes, long seq) {}

  private final Node node;
  private final Answers answers;
  private final Path directory;
  private final AtomicBoolean making = new AtomicBoolean();
  private final SpoolFiles files;

  /**
   * Removes what an earlier process may have left unfinished.
   *
   * @param directory where the files are made
   */
  BackupRoutes(Node node, Answers answers, Path directory) {
    this.node = node;
    this.answers = answers;
    this.directory = directory;
    this.files = new SpoolFiles(directory, "backup");
  }

  /** Answers with a backup, or says why there is none. */
  CompletionStage<HttpResponse> backup(RequestContext context) {
    QueryParameters parameters = context.parameters();
    Wanted wanted = Wanted.of(parameters);
    boolean compressed = parameters.flag("compress");
    ReadLevel level =
        parameters.flag("noleader") && parameters.text("level").isEmpty()
            ? ReadLevel.NONE
            : parameters.level();
    return node.admit(level, Optional.empty(), parameters.minSeq(), context.remaining())
        .thenCompose(
            admission ->
                admission instanceof ReadAdmission.Refused refused
                    ? CompletableFuture.completedFuture(
                        answers.unavailable(refused.reason(), Duration.ofSeconds(1)))
                    : make(wanted, compressed));
  }

  private CompletionStage<HttpResponse> make(Wanted wanted, boolean compressed) {
    if (!making.compareAndSet(false, true)) {
      return CompletableFuture.completedFuture(
          answers.unavailable("another backup is being made here", LATER));
    }
    return CompletableFuture.supplyAsync(() -> answer(wanted, compressed), files.worker());
  }

  private HttpResponse answer(Wanted wanted, boolean compressed) {
    try {
      return send(wanted, make(wanted), compressed);
    } catch (SqlDump.UndumpableException e) {
      throw RequestException.bad(String.valueOf(e.getMessage()));
    } catch (SQLException e) {
      return answers.unavailable("no backup: " + SqliteErrors.message(e), LATER);
    } catch (IOException e) {
      return answers.unavailable("no backup: " + e.getMessage(), LATER);
    } finally {
      making.set(false); // before the client hears of it, who may ask for the next one at once
    }
  }

  private Made make(Wanted wanted) throws SQLException, IOException, SqlDump.UndumpableException {
    Path file = files.next();
    try (ReadPool.Copying copying = node.reads().copying();
        Connection connection = node.reads().connect()) {
      long seq;
      if (wanted.sql) {
        seq = dump(connection, wanted.tables, file);
      } else {
        requireSpace(DatabaseCopy.bytes(connection) * (wanted.vacuumed ? 3 : 1));
        seq = DatabaseCopy.take(connection, file);
        DatabaseCopy.prepareForOutside(file, wanted.vacuumed, wanted.writeAheadLog);
      }
      FileChannel opened =
          FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.DELETE_ON_CLOSE);
      return new Made(opened, opened.size(), seq);
    } finally {
      Files.deleteIfExists(file);
    }
  }

  private long dump(Connection connection, Set<String> tables, Path file)
      throws SQLException, IOException, SqlDump.UndumpableException {
    try (OutputStream out = new Guarded(Files.newOutputStream(file))) {
      return DatabaseCopy.takeAsSql(connection, tables, out);
    }
  }

  private void requireSpace(long bytes) throws IOException {
    FreeSpace.require(directory, "it", bytes);
  }

  /** Stops before it has filled the disk. */
  private final class Guarded extends FilterOutputStream {

    private long untilLook;

    Guarded(OutputStream out) {
      super(out);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      if (untilLook <= 0) {
        requireSpace(BYTES_BETWEEN_LOOKS);
        untilLook = BYTES_BETWEEN_LOOKS;
      }
      out.write(bytes, offset, length);
      untilLook -= length;
    }
  }

  private HttpResponse send(Wanted wanted, Made made, boolean compressed) {
    Source<ByteString, NotUsed> bytes =
        Source.unfoldResource(() -> made.file, BackupRoutes::next, FileChannel::close);
    return answers.file(
        compressed ? bytes.via(Compression.gzip()) : bytes,
        compressed ? Optional.empty() : Optional.of(made.bytes),
        wanted.sql,
        made.seq);
  }

  private static Optional<ByteString> next(FileChannel file) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(CHUNK_BYTES);
    int read = file.read(buffer);
    return read < 0 ? Optional.empty() : Optional.of(ByteString.fromArray(buffer.array(), 0, read));
  }
}
