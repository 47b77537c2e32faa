package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class BenchLoadTest {

  private static final Duration LONG = Duration.ofHours(1);

  @Test
  void sendsEachRequestOnceWhenEverythingCompletesAtOnce() {
    AtomicInteger sent = new AtomicInteger();
    BenchResult result =
        BenchLoad.run(
            "x",
            8,
            LONG,
            100_000,
            (worker, number) -> {
              sent.incrementAndGet();
              return CompletableFuture.completedFuture("");
            });
    assertEquals(100_000, sent.get());
    assertEquals(100_000, result.count());
    assertEquals(0, result.errors());
    assertTrue(result.perSecond() > 0);
  }

  @Test
  void keepsAsManyUnderWayAsThereAreWorkers() {
    AtomicInteger underWay = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    ExecutorService executor = Executors.newFixedThreadPool(4);
    try {
      BenchResult result =
          BenchLoad.run(
              "x",
              3,
              LONG,
              5_000,
              (worker, number) -> {
                most.accumulateAndGet(underWay.incrementAndGet(), Math::max);
                return CompletableFuture.supplyAsync(
                    () -> {
                      underWay.decrementAndGet();
                      return "";
                    },
                    executor);
              });
      assertEquals(5_000, result.count());
      assertTrue(most.get() <= 3, "under way at once: " + most);
    } finally {
      executor.shutdown();
    }
  }

  @Test
  void eachWorkerHasOneRequestUnderWay() {
    AtomicIntegerArray underWay = new AtomicIntegerArray(3);
    ExecutorService executor = Executors.newFixedThreadPool(4);
    try {
      BenchResult result =
          BenchLoad.run(
              "x",
              3,
              LONG,
              5_000,
              (worker, number) -> {
                int now = underWay.incrementAndGet(worker);
                return CompletableFuture.supplyAsync(
                    () -> {
                      underWay.decrementAndGet(worker);
                      return now == 1 ? "" : "worker " + worker + " sends " + now + " at once";
                    },
                    executor);
              });
      assertEquals("", result.firstError());
    } finally {
      executor.shutdown();
    }
  }

  @Test
  void countsErrorsAndKeepsTheFirst() {
    BenchResult result =
        BenchLoad.run(
            "x",
            1,
            LONG,
            10,
            (worker, number) ->
                CompletableFuture.completedFuture(number % 2 == 1 ? "error " + number : ""));
    assertEquals(5, result.errors());
    assertEquals("error 1", result.firstError());
  }

  @Test
  void endsAtOnceWhenItsTimeIsOver() {
    BenchResult result =
        BenchLoad.run(
            "x",
            4,
            Duration.ZERO,
            Long.MAX_VALUE,
            (worker, number) -> new CompletableFuture<String>());
    assertEquals(0, result.count());
  }
}
