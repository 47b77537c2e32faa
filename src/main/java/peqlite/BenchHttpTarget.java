package peqlite;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** Puts the load on the HTTP interface of a node, or of anything that speaks the same API. */
final class BenchHttpTarget implements BenchTarget {

  private static final String EXECUTE = "/db/execute";
  private static final String EXECUTE_TRANSACTION = "/db/execute?transaction";
  private static final String READ = "/db/query?level=none";

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

  private static String problem(BenchHttpClient.Answer answer) {
    if (answer.status() == 200 && !answer.body().contains("\"error\"")) {
      return "";
    }
    return answer.status() + " " + answer.body();
  }
}
