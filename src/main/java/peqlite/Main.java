package peqlite;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.security.Security;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.Spec;

/**
 * The program. Exit code 0: done; 1: could not be done, with one line that says why; 2: wrong use,
 * with one line that says what is wrong. Only what is asked for goes to standard output.
 */
@Command(
    name = "peqlite",
    description = "SQLite made highly available.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.VersionText.class,
    scope = CommandLine.ScopeType.INHERIT,
    sortOptions = false,
    usageHelpWidth = 100,
    usageHelpAutoWidth = false,
    subcommands = {
      ServeCommand.class,
      NodesCommand.class,
      RemoveCommand.class,
      ReplaceCommand.class,
      RecoverCommand.class,
      BackupCommand.class,
      BackupsCommand.class,
      RestoreCommand.class,
      BenchCommand.class,
      PrepareCommand.class,
      Main.VersionCommand.class
    })
public final class Main implements Runnable {

  private static final String LOG_SETTINGS = "logback.configurationFile";

  private static final String NAME_SECONDS = "3";
  private static final String NO_NAME_SECONDS = "1";

  @Spec private CommandSpec spec = CommandSpec.create();

  /** Ends the process. */
  public static void main(String[] arguments) {
    // Before the first logger is made.
    if (System.getProperty(LOG_SETTINGS) == null) {
      System.setProperty(LOG_SETTINGS, "peqlite/logback.xml");
    }
    lookUpNamesAgain();
    PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
    PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
    System.exit(run(arguments, out, err));
  }

  /**
   * Nodes call each other by names whose addresses change, as a pod's does at every start. The JVM
   * remembers an address for 30 s, and for 10 s that there was none; so long nobody would find a
   * node that is back. Names are looked up for new connections only.
   *
   * @see java.net.InetAddress InetAddress, on the caching of names
   */
  private static void lookUpNamesAgain() {
    if (Security.getProperty("networkaddress.cache.ttl") == null
        && System.getProperty("sun.net.inetaddr.ttl") == null) {
      Security.setProperty("networkaddress.cache.ttl", NAME_SECONDS);
    }
    if (System.getProperty("sun.net.inetaddr.negative.ttl") == null) {
      Security.setProperty("networkaddress.cache.negative.ttl", NO_NAME_SECONDS);
    }
    // gRPC remembers them by itself, for as long as this says, and for 30 s without it.
    if (System.getProperty("networkaddress.cache.ttl") == null) {
      System.setProperty("networkaddress.cache.ttl", NAME_SECONDS);
    }
  }

  /**
   * Runs one command and returns its exit code.
   *
   * @param out takes what the command was asked for
   * @param err takes what went wrong, one line
   */
  static int run(String[] arguments, PrintWriter out, PrintWriter err) {
    CommandLine commandLine = new CommandLine(new Main());
    commandLine.setOut(out);
    commandLine.setErr(err);
    commandLine.setParameterExceptionHandler(new WrongUse());
    commandLine.setExecutionExceptionHandler(new Failure());
    return commandLine.execute(arguments);
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing");
  }

  /** Prints the version. */
  @Command(name = "version", description = "Print the version.")
  static final class VersionCommand implements Runnable {

    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
      spec.commandLine().getOut().println("peqlite " + Version.text());
    }
  }

  /** For {@code --version}. */
  static final class VersionText implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"peqlite " + Version.text()};
    }
  }

  private static final class WrongUse implements IParameterExceptionHandler {
    @Override
    public int handleParseException(ParameterException e, String[] arguments) {
      CommandLine commandLine = e.getCommandLine();
      String help = " (see " + commandLine.getCommandSpec().qualifiedName() + " --help)";
      print(commandLine, e.getMessage() + help);
      return CommandLine.ExitCode.USAGE;
    }
  }

  private static final class Failure implements IExecutionExceptionHandler {
    @Override
    public int handleExecutionException(
        Exception e, CommandLine commandLine, ParseResult parseResult) {
      if (e instanceof SettingsException wrong) {
        print(commandLine, wrong.line());
        return CommandLine.ExitCode.USAGE;
      }
      if (e instanceof StartException failed) {
        print(commandLine, failed.line());
        return CommandLine.ExitCode.SOFTWARE;
      }
      // Nothing a user can cause: a defect, which needs all that is known about it.
      e.printStackTrace(commandLine.getErr());
      return CommandLine.ExitCode.SOFTWARE;
    }
  }

  private static void print(CommandLine commandLine, String message) {
    String line = message.replaceAll("\\s*[\\r\\n]+\\s*", " ");
    commandLine.getErr().println("peqlite: " + line);
    commandLine.getErr().flush();
  }
}
