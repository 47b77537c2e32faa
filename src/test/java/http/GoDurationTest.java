package http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GoDurationTest {

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "300ms, 300000000",
    "1.5s, 1500000000",
    "1m, 60000000000",
    "1h30m, 5400000000000",
    "10us, 10000",
    "10\u00b5s, 10000",
    ".5s, 500000000",
    "5.s, 5000000000",
    "+2ns, 2",
  })
  void readsWhatGoReads(String text, long nanos) {
    assertEquals(Optional.of(Duration.ofNanos(nanos)), GoDuration.parse(text));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "5", "s", ".s", "-1s", "1x", "1 s", "1s2", "1.2.3s", "x", "9999999h"})
  void refusesWhatIsNoDuration(String text) {
    assertEquals(Optional.empty(), GoDuration.parse(text));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0s",
    "7, 7ns",
    "100000, 100\u00b5s",
    "1500, 1.5\u00b5s",
    "2000000, 2ms",
    "1500000000, 1.5s",
    "60000000000, 1m0s",
    "5400000000000, 1h30m0s",
    "3600000000000, 1h0m0s",
  })
  void writesWhatGoWrites(long nanos, String text) {
    assertEquals(text, GoDuration.format(nanos));
  }
}
