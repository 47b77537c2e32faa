package http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class MetricsTest {

  private final CompositeMeterRegistry node = new CompositeMeterRegistry();

  @Test
  void whoAsksWhileTheTextIsMadeGetsTheOneBefore() throws Exception {
    AtomicInteger looks = new AtomicInteger();
    CountDownLatch looking = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    ExecutorService threads = Executors.newCachedThreadPool();
    try (Metrics metrics = new Metrics(node)) {
      Gauge.builder(
              "peqlite.hangs",
              () -> {
                if (looks.incrementAndGet() > 1) {
                  looking.countDown();
                  await(goOn);
                }
                return 7;
              })
          .register(node);
      byte[] first = metrics.text();
      Future<?> hanging =
          threads.submit(
              () -> {
                while (looks.get() < 2) {
                  metrics.text(); // the first one is good for a moment
                }
              });
      assertTrue(looking.await(30, TimeUnit.SECONDS));
      List<Future<byte[]>> others = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        others.add(threads.submit(metrics::text));
      }
      for (Future<byte[]> other : others) {
        assertSame(first, other.get(30, TimeUnit.SECONDS));
      }
      assertEquals(2, looks.get());
      goOn.countDown();
      hanging.get(30, TimeUnit.SECONDS);
    } finally {
      goOn.countDown();
      threads.shutdown();
    }
  }

  @Test
  void theNodesOwnNamesStayAndOthersGetThePrefix() {
    Counter.builder("peqlite.things").register(node).increment();
    try (Metrics metrics = new Metrics(node)) {
      String text = new String(metrics.text(), StandardCharsets.UTF_8);
      assertTrue(text.contains("\npeqlite_things_total "), text);
      assertTrue(text.contains("\npeqlite_jvm_threads_live_threads "), text);
      assertFalse(text.contains("\njvm_"), text);
    }
  }

  @Test
  void nothingIsKeptOfWhatIsClosed() {
    try (Metrics metrics = new Metrics(node)) {
      assertTrue(metrics.text().length > 0);
      assertEquals(1, node.getRegistries().size());
    }
    assertEquals(0, node.getRegistries().size());
  }

  private static void await(CountDownLatch latch) {
    try {
      assertTrue(latch.await(30, TimeUnit.SECONDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
