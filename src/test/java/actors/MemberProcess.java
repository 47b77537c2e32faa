package actors;

import com.typesafe.config.ConfigFactory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import storage.Arbiter;

/** A member in a process of its own, for tests that kill or pause it. */
final class MemberProcess {

  private MemberProcess() {}

  /** An arbiter that knows a single answer to each question. */
  private record Agreeable(long formation, String member) implements Arbiter {

    @Override
    public String clusterId() {
      return "one";
    }

    @Override
    public Entry enter(Process self) {
      return new Entry.Join(formation, List.of(member));
    }

    @Override
    public List<Process> known() {
      return List.of();
    }

    @Override
    public Standing renew(Process self, long number, boolean isMember) {
      return new Standing.In();
    }

    @Override
    public Standing putOut(Process self, long number, List<Process> others) {
      return new Standing.In();
    }

    @Override
    public void leave(Process self) {}

    @Override
    public void close() {}
  }

  /** Joins the member at the address given, and prints its own. Ends with its standard input. */
  public static void main(String[] arguments) throws IOException {
    TestMember member =
        TestMember.start(
            "child",
            "one",
            new Agreeable(1, arguments[0]),
            0,
            List.of(),
            ConfigFactory.parseString(arguments[1]));
    System.out.println(member.address());
    while (System.in.read() >= 0) {
      System.out.println(member);
    }
    Runtime.getRuntime().halt(0);
  }

  /** Starts one that joins the member at this address. */
  static Process start(String address, String overrides) {
    try {
      return new ProcessBuilder(
              Path.of(System.getProperty("java.home"), "bin", "java").toString(),
              "-Xmx128m",
              "-XX:+UseSerialGC",
              "-XX:TieredStopAtLevel=1",
              "-cp",
              System.getProperty("java.class.path"),
              MemberProcess.class.getName(),
              address,
              overrides)
          .redirectError(ProcessBuilder.Redirect.INHERIT)
          .start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
