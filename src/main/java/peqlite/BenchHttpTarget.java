package peqlite;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Puts the load on the HTTP interface of a node, or of anything that speaks the same API. */
final class BenchHttpTarget implements BenchTarget {

  /**
   * What an insert was answered with.
   *
   * @param error what went wrong, or an empty text
   * @param seq the position of the row, or 0 after an error
   */
  record Receipt(String error, long seq) {}

  private static final String EXECUTE = "/db/execute";
  private static final String EXECUTE_TRANSACTION = "/db/execute?transaction";
  private static final String EXECUTE_SEQ = "/db/execute?seq";
  private static final String READ = "/db/query?level=none";
  private static final String READ_STRONG = "/db/query?level=strong";
  private static final Pattern SEQ = Pattern.compile("\"seq\":\\s*([0-9]{1,18})");

  private final BenchHttpClient client;

  BenchHttpTarget(NetworkAddress address) throws IOException {
    this.client = new BenchHttpClient(address);
  }

  @Override
  public CompletionStage<String> createTable() {
    return post(EXECUTE, "[\"" + BenchTable.DROP + "\",\"" + BenchTable.CREATE + "\"]");
  }

  @Override
  public CompletionStage<String> insert(long id) {
    return post(EXECUTE, "[" + row(id) + "]");
  }

  @Override
  public CompletionStage<String> insertBatch(long firstId, int rows) {
    StringBuilder body = new StringBuilder(rows * 110).append('[');
    for (int row = 0; row < rows; row++) {
      body.append(row == 0 ? "" : ",").append(row(firstId + row));
    }
    return post(EXECUTE_TRANSACTION, body.append(']').toString());
  }

  @Override
  public CompletionStage<String> read(long id) {
    return post(READ, readBody(id));
  }

  @Override
  public CompletionStage<String> catchUp() {
    return post(READ_STRONG, "[\"SELECT 1\"]");
  }

  /** Inserts one row in a request of its own and says where it stands in the journal. */
  CompletionStage<Receipt> insertForSeq(long id) {
    return client
        .post(EXECUTE_SEQ, "[" + row(id) + "]")
        .handle(
            (answer, failure) ->
                failure == null ? receipt(answer) : new Receipt(failure.toString(), 0));
  }

  /**
   * Reads one row at level none, as soon as the node has applied the position; it must be there.
   */
  CompletionStage<String> readFrom(long seq, long id) {
    return client
        .post(READ + "&min_seq=" + seq, readBody(id))
        .handle(
            (answer, failure) -> {
              if (failure != null) {
                return failure.toString();
              }
              String problem = problem(answer);
              boolean there = answer.body().contains('"' + BenchTable.name(id) + '"');
              return problem.isEmpty() && !there ? "not the row that was asked for" : problem;
            });
  }

  @Override
  public void close() {
    client.close();
  }

  /** The body of a point read; the empty route is asked with the same one. */
  static String readBody(long id) {
    return "[[\"" + BenchTable.READ + "\"," + id + "]]";
  }

  private static String row(long id) {
    return "[\""
        + BenchTable.INSERT
        + "\","
        + id
        + ","
        + BenchTable.ts(id)
        + ",\""
        + BenchTable.name(id)
        + "\"]";
  }

  private CompletableFuture<String> post(String path, String json) {
    return client
        .post(path, json)
        .handle((answer, failure) -> failure == null ? problem(answer) : failure.toString());
  }

  private static Receipt receipt(BenchHttpClient.Answer answer) {
    String problem = problem(answer);
    Matcher found = SEQ.matcher(answer.body());
    if (problem.isEmpty() && !found.find()) {
      problem = "an answer without its position: " + answer.body();
    }
    return problem.isEmpty()
        ? new Receipt("", Long.parseLong(found.group(1)))
        : new Receipt(problem, 0);
  }

  private static String problem(BenchHttpClient.Answer answer) {
    if (answer.status() == 200 && !answer.body().contains("\"error\"")) {
      return "";
    }
    return answer.status() + " " + answer.body();
  }
}
