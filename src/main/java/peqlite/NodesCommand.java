package peqlite;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code peqlite nodes}: the members of a cluster as a table. */
@Command(
    name = "nodes",
    description = "List the nodes of a cluster, and who of them keeps the journal.")
final class NodesCommand implements Callable<Integer> {

  private static final ObjectMapper JSON = new ObjectMapper();

  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private OperatorOptions operator = new OperatorOptions();

  @Override
  public Integer call() throws SettingsException, StartException {
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("NODE", "REACHABLE", "SEQUENCER", "JOURNAL", "SYNCED", "APPLIED", "HTTP"));
    for (JsonNode node : nodes(operator.client())) {
      rows.add(
          List.of(
              node.path("id").asText(),
              node.path("reachable").asBoolean() ? "yes" : "no",
              node.path("leader").asBoolean() ? "here" : "",
              keeps(node),
              node.path("quorum").path("match").asText("-"),
              node.path("applied_seq").asText("-"),
              node.path("api_addr").asText("-")));
    }
    print(rows);
    return 0;
  }

  /**
   * The members by the word of a node.
   *
   * @throws StartException if none answers
   */
  static JsonNode nodes(OperatorClient client) throws StartException {
    OperatorClient.Answer answer = client.send("GET", "/nodes?ver=2&nonvoters&timeout=3s", "");
    try {
      JsonNode nodes = JSON.readTree(answer.text()).path("nodes");
      if (answer.status() == 200 && nodes.isArray()) {
        return nodes;
      }
    } catch (JsonProcessingException e) {
      throw new StartException("the node's answer is not JSON: " + answer.text(), e);
    }
    throw new StartException("the node answers " + answer.status() + ": " + answer.text());
  }

  private static String keeps(JsonNode node) {
    if (!node.has("quorum")) {
      return "-";
    }
    String role = node.path("voter").asBoolean() ? "voter" : "listener";
    return node.path("quorum").path("leader").asBoolean() ? role + ", leads" : role;
  }

  private void print(List<List<String>> rows) {
    int columns = rows.get(0).size();
    int[] widths = new int[columns];
    for (List<String> row : rows) {
      for (int column = 0; column < columns; column++) {
        widths[column] = Math.max(widths[column], row.get(column).length());
      }
    }
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int column = 0; column < columns; column++) {
        line.append(String.format("%-" + (widths[column] + 2) + "s", row.get(column)));
      }
      spec.commandLine().getOut().println(line.toString().stripTrailing());
    }
  }
}
