package http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TimeTextTest {

  @ParameterizedTest
  @CsvSource({
    "1970-01-01T00:00:01Z, 1000000",
    "1970-01-01T00:00:00.0000019Z, 1",
    "1970-01-01 00:00:01Z, 1000000",
    "1970-01-01T02:00:00+02:00, 0",
    "1970-01-01T02:00:00 02:00, 0", // what is left of a plus in a URL
    "1969-12-31T23:59:59.999999Z, -1",
    "2999-01-01T00:00:00Z, 32472144000000000",
    "1, 1000000",
    "1.5, 1500000",
    "1.0000019, 1000001",
  })
  void readsTheTimesThatClientsName(String text, long micros) {
    assertEquals(Optional.of(micros), TimeText.micros(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "now",
        "-1",
        "1e3",
        "1.",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-02-30T00:00:00Z",
        "+999999999-01-01T00:00:00Z",
        "9999999999999"
      })
  void refusesWhatIsNoTime(String text) {
    assertEquals(Optional.empty(), TimeText.micros(text));
  }

  @ParameterizedTest
  @CsvSource({
    "2004-02-14, 2004-02-14T00:00:00Z",
    "2004-02-14 07:15, 2004-02-14T07:15:00Z",
    "2004-02-14T07:15, 2004-02-14T07:15:00Z",
    "2004-02-14 07:15:01, 2004-02-14T07:15:01Z",
    "2004-02-14T07:15:01Z, 2004-02-14T07:15:01Z",
    "2021-10-22T19:39:32.016087Z, 2021-10-22T19:39:32.016087Z",
    "2021-10-22 19:39:32.5, 2021-10-22T19:39:32.5Z",
    "2021-10-22 19:39:32.1234567891, 2021-10-22T19:39:32.123456789Z",
    "2021-10-22 19:39:32+02:00, 2021-10-22T19:39:32+02:00",
    "2021-10-22T19:39:32.25-05:30, 2021-10-22T19:39:32.25-05:30",
    "2021-10-22 19:39:32+00:00, 2021-10-22T19:39:32Z",
  })
  void showsTextAsRfc3339(String text, String expected) {
    assertEquals(expected, TimeText.ofText(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "hello",
        "2004",
        "2004-02",
        "2004-2-14",
        "2004-02-30",
        "2004-13-01",
        "2004-02-14 ",
        "2004-02-14 7",
        "2004-02-14 25:00",
        "2004-02-14 07:15:61",
        "2004-02-14x07:15",
        "2004-02-14 07:15:01.",
        "2004-02-14 07:15:01 +02:00",
        "2004-02-14 07:15:01+0200"
      })
  void showsWhatIsNoTimeAsTheZeroTime(String text) {
    assertEquals("0001-01-01T00:00:00Z", TimeText.ofText(text));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 1970-01-01T00:00:00Z",
    "1076742900, 2004-02-14T07:15:00Z",
    "1076742900123, 2004-02-14T07:15:00.123Z",
    "-1, 1969-12-31T23:59:59Z",
    "1000000000000, ''",
    "9223372036854775807, ''",
    "-9223372036854775808, ''",
  })
  void showsIntegersAsRfc3339WhereThatCanSayThem(long value, String expected) {
    assertEquals(expected, TimeText.ofInteger(value));
  }
}
