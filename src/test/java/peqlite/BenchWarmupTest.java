package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;

final class BenchWarmupTest {

  private static int repeats(IntToDoubleFunction rate) {
    BenchWarmup warmup = new BenchWarmup();
    int repeats = 1;
    while (!warmup.isOver(rate.applyAsDouble(repeats))) {
      repeats++;
    }
    return repeats;
  }

  @Test
  void goesOnWhileTheRateRises() {
    assertEquals(38, repeats(repeat -> Math.min(30, repeat) * 100 + repeat % 2 * 400));
  }

  @Test
  void endsSoonWhenTheRateIsSteady() {
    assertEquals(12, repeats(repeat -> 100 + repeat % 3));
  }

  @Test
  void endsWhenNothingIsAnswered() {
    assertEquals(12, repeats(repeat -> 0));
  }

  @Test
  void endsAlthoughTheRateRisesForEver() {
    assertEquals(60, repeats(repeat -> Math.pow(2, repeat)));
  }
}
