package http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GoFloatTest {

  @ParameterizedTest
  @CsvSource({
    "0.0, 0",
    "-0.0, -0",
    "1.0, 1",
    "-1.0, -1",
    "3.14, 3.14",
    "100.5, 100.5",
    "0.1, 0.1",
    "0.000001, 0.000001",
    "0.0000001, 1e-7",
    "0.00000123, 0.00000123",
    "0.000000123, 1.23e-7",
    "1e20, 100000000000000000000",
    "1e21, 1e+21",
    "1.5e300, 1.5e+300",
    "123456789012345680000, 123456789012345680000",
    "4.9E-324, 5e-324",
    "1.7976931348623157E308, 1.7976931348623157e+308",
    "2.2250738585072014E-308, 2.2250738585072014e-308",
    "9007199254740993, 9007199254740992",
    "0.30000000000000004, 0.30000000000000004",
    "2e23, 2e+23",
    "1e23, 1e+23",
    "-2.5e-9, -2.5e-9",
    "Infinity, 9e999",
    "-Infinity, -9e999",
    "NaN, null",
  })
  void writesWhatGoWrites(double value, String expected) {
    assertEquals(expected, GoFloat.format(value));
  }

  @Test
  void readsBackAsTheSameDouble() {
    Random random = new Random(42);
    for (int i = 0; i < 200_000; i++) {
      double value = Double.longBitsToDouble(random.nextLong());
      if (Double.isFinite(value)) {
        assertEquals(value, Double.parseDouble(GoFloat.format(value)));
      }
    }
  }
}
