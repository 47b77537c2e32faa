package http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import actors.ReadLevel;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QueryParametersTest {

  @Test
  void decodesNamesAndValues() {
    QueryParameters parameters = QueryParameters.parse("q=SELECT+%27%C3%A9%27%26&a%20b=&&x");
    assertEquals(Optional.of("SELECT '\u00e9'&"), parameters.text("q"));
    assertEquals(Optional.of(""), parameters.text("a b"));
    assertTrue(parameters.flag("x"));
    assertFalse(parameters.flag("y"));
  }

  @Test
  void takesTheFirstOfTwoValues() {
    assertEquals(Optional.of("1"), QueryParameters.parse("a=1&a=2").text("a"));
  }

  @Test
  void countsAFlagAsOnUnlessItSaysOtherwise() {
    QueryParameters parameters = QueryParameters.parse("a&b=true&c=false&d=0&e=1&f=");
    assertTrue(parameters.flag("a"));
    assertTrue(parameters.flag("b"));
    assertFalse(parameters.flag("c"));
    assertFalse(parameters.flag("d"));
    assertTrue(parameters.flag("e"));
    assertTrue(parameters.flag("f"));
  }

  @ParameterizedTest
  @CsvSource({
    "timeout=x, timeout is not a valid duration",
    "timeout=, timeout is not a valid duration",
    "timeout=5, timeout is not a valid duration",
    "db_timeout=-1s, db_timeout is not a valid duration",
    "freshness=soon, freshness is not a valid duration",
    "linearizable_timeout=1, linearizable_timeout is not a valid duration",
    "retries=x, retries is not a valid integer",
    "min_seq=-1, min_seq is not a valid integer",
    "min_seq=99999999999999999999, min_seq is not a valid integer",
    "q=, query parameter not set",
    "q=%zz, invalid URL encoding",
    "q=%4, invalid URL encoding",
    "q=%ff, invalid UTF-8 in URL",
    "q=%ed%a0%80, invalid UTF-8 in URL",
    "freshness_strict, freshness_strict requires freshness",
    "as_of_seq=-1, as_of_seq is not a valid integer",
    "as_of_time=noon, as_of_time is not a valid time",
    "as_of_time=, as_of_time is not a valid time",
    "as_of_seq=1&as_of_time=1, as_of_seq and as_of_time exclude each other",
    "as_of_seq=4&min_seq=5, min_seq is behind as_of_seq",
  })
  void refusesWhatItCannotRead(String query, String error) {
    RequestException refusal =
        assertThrows(RequestException.class, () -> QueryParameters.parse(query));
    assertEquals(error, refusal.text());
    assertEquals(400, refusal.kind().status());
  }

  @ParameterizedTest
  @CsvSource({
    "x, WEAK",
    "level=NONE, NONE",
    "level=weak, WEAK",
    "level=Linearizable, LINEARIZABLE",
    "level=strong, STRONG",
    "level=auto, WEAK",
    "level=nonsense, WEAK",
  })
  void knowsTheReadLevels(String query, ReadLevel level) {
    assertEquals(level, QueryParameters.parse(query).level());
  }

  @Test
  void cutsTheTimeoutToTheLongestAllowed() {
    Duration max = Duration.ofMinutes(1);
    Duration usual = Duration.ofSeconds(30);
    assertEquals(usual, QueryParameters.parse("x").timeout(usual, max));
    assertEquals(max, QueryParameters.parse("timeout=1h").timeout(usual, max));
    assertEquals(Duration.ofMillis(5), QueryParameters.parse("timeout=5ms").timeout(usual, max));
    assertEquals(OptionalLong.of(7), QueryParameters.parse("min_seq=7").minSeq());
  }
}
