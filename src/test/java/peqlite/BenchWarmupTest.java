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
    double[] rates = {1277, 2276, 3077, 2900, 5014, 5901, 5758, 5811, 5950, 7000};
    assertEquals(9, repeats(repeat -> rates[repeat - 1]));
  }

  @Test
  void endsSoonWhenTheRateIsSteady() {
    assertEquals(4, repeats(repeat -> 100 + repeat));
  }

  @Test
  void endsWhenNothingIsAnswered() {
    assertEquals(3, repeats(repeat -> 0));
  }

  @Test
  void endsAlthoughTheRateRisesForEver() {
    assertEquals(40, repeats(repeat -> Math.pow(2, repeat)));
  }
}
