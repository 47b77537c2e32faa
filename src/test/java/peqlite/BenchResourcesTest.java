package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class BenchResourcesTest {

  private final StringWriter err = new StringWriter();
  private final BenchResources resources = new BenchResources(new PrintWriter(err));
  private final List<String> closed = new ArrayList<>();

  @Test
  void closesInReverseOrderAndOnce() throws Exception {
    resources.keep(() -> closed.add("folder"));
    resources.keep(() -> closed.add("schema"));
    resources.keep(() -> closed.add("node"));
    resources.close();
    resources.close();
    assertEquals(List.of("node", "schema", "folder"), closed);
  }

  @Test
  void aPartIsClosedBeforeTheRestAndWithItAtTheLatest() throws Exception {
    resources.keep(() -> closed.add("folder"));
    BenchResources first = resources.part();
    first.keep(() -> closed.add("first"));
    BenchResources second = resources.part();
    second.keep(() -> closed.add("second"));
    first.close();
    assertEquals(List.of("first"), closed);
    resources.close();
    assertEquals(List.of("first", "second", "folder"), closed);
  }

  @Test
  void whatCannotBeClosedIsToldAndTheRestIsClosed() throws Exception {
    resources.keep(() -> closed.add("folder"));
    resources.keep(
        () -> {
          throw new StartException("the schema is left");
        });
    resources.close();
    assertEquals(List.of("folder"), closed);
    assertEquals("peqlite: the schema is left", err.toString().strip());
  }

  @Test
  void whatComesTooLateIsClosedAtOnce() throws Exception {
    BenchResources part = resources.part();
    resources.close();
    assertThrows(StartException.class, () -> part.keep(() -> closed.add("late")));
    assertThrows(StartException.class, resources::part);
    assertEquals(List.of("late"), closed);
  }
}
