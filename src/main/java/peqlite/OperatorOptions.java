package peqlite;

import picocli.CommandLine.Option;

/** What the commands to a running cluster have in common. */
final class OperatorOptions {

  @Option(
      names = "--url",
      paramLabel = "URLS",
      defaultValue = "http://127.0.0.1:4001",
      description = "A node, or several with commas between (default: ${DEFAULT-VALUE}).")
  private String urls = "";

  /** The way to the cluster; nothing is sent yet. */
  OperatorClient client() throws SettingsException {
    return new OperatorClient(urls);
  }
}
