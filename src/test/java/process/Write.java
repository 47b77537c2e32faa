package process;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.ConnectException;
import java.net.http.HttpConnectTimeoutException;
import java.util.ArrayList;
import java.util.List;

/**
 * A write that was sent, and what its client was told.
 *
 * @param marker stands in every row of it, and in no other write's
 * @param rows how many it puts in if it is applied, all or none
 * @param fate what the client was told last
 * @param seq the position it was told, -1 if none
 * @param first whether the answer was the first to this request, and not the repeat of one
 * @param ids of its rows, where the answer told them
 */
record Write(String marker, int rows, Fate fate, long seq, boolean first, List<Long> ids) {

  /** What a client may rest on. */
  enum Fate {
    /** It is applied. */
    APPLIED,
    /** It failed by its own fault, or is surely not applied; either way it leaves nothing. */
    NOT_APPLIED,
    /** It may or may not be applied. */
    UNKNOWN
  }

  static Write answered(String marker, int rows, Answer answer) {
    Fate fate =
        switch (answer.status()) {
          case 200 -> answer.succeeded() ? Fate.APPLIED : Fate.NOT_APPLIED;
          case 503 -> Fate.NOT_APPLIED;
          case 504 -> answer.outcome().equals("committed") ? Fate.APPLIED : Fate.UNKNOWN;
          default -> throw new AssertionError("an answer to a good write: " + answer);
        };
    long seq = answer.status() == 504 ? answer.json().path("seq").asLong(-1) : answer.seq();
    List<Long> ids = new ArrayList<>();
    for (JsonNode result : answer.results()) {
      for (JsonNode row : result.path("values")) {
        ids.add(row.path(0).asLong());
      }
    }
    return new Write(marker, rows, fate, seq, !answer.duplicate(), ids);
  }

  /** The connection ended without an answer. */
  static Write unanswered(String marker, int rows, IOException failure) {
    boolean sent =
        !(failure instanceof ConnectException || failure instanceof HttpConnectTimeoutException);
    return new Write(marker, rows, sent ? Fate.UNKNOWN : Fate.NOT_APPLIED, -1, true, List.of());
  }
}
