package storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.dataformat.cbor.CBORFactory;
import com.fasterxml.jackson.dataformat.cbor.CBORGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import sql.Column;
import sql.IdempotencyKey;
import sql.Position;
import sql.Statement;
import sql.StatementResult;
import sql.Value;
import sql.WriteOutcome;
import sql.WriteRequest;

/**
 * What is stored is read for ever: the files under {@code events} hold stored bytes in hexadecimal,
 * and are never changed, only added to.
 */
class EventFormatTest {

  private static final Position SESSION = new Position(70_000, 3);

  private static final WriteRequest REQUEST =
      new WriteRequest(
          List.of(
              new Statement(
                  "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)",
                  List.of(
                      Value.NULL,
                      new Value.Int64(Long.MIN_VALUE),
                      new Value.Int64(23),
                      new Value.Real(-0.1),
                      new Value.Text("gr\u00fc\u00df \ud83d\ude00"),
                      new Value.Blob(new byte[] {0, (byte) 0xff})),
                  true),
              Statement.of("DELETE FROM t")),
          true,
          true,
          Optional.of(new IdempotencyKey("anna", "k-1")));

  private static final WriteOutcome.Executed OUTCOME =
      new WriteOutcome.Executed(
          List.of(
              new StatementResult.Changed(3, OptionalLong.of(-7), 0),
              new StatementResult.Changed(0, OptionalLong.empty(), 0),
              new StatementResult.Rows(
                  List.of(new Column("a", "t", "INTEGER"), new Column("b", "", "")),
                  List.of(
                      List.of(new Value.Int64(1), new Value.Text("x")),
                      List.of(Value.NULL, new Value.Blob(new byte[] {1}))),
                  0),
              new StatementResult.Failed("no such table: x", 1, 0)),
          Optional.of("FOREIGN KEY constraint failed"));

  private static Map<String, Entry> entries() {
    Map<String, Entry> entries = new LinkedHashMap<>();
    entries.put(
        "opened",
        new Entry.Opened(
            "n1", new ReplicatedSettings(true, Duration.ofHours(24), 1_000_000, 65536)));
    entries.put("session-opened", new Entry.SessionOpened("n1", "b7f3"));
    entries.put("session-closed", new Entry.SessionClosed(SESSION));
    entries.put(
        "submitted", new Entry.Submitted(SESSION, 5_000_000_000L, RequestCodec.encode(REQUEST)));
    entries.put("part", new Entry.Part(SESSION, 9, 1, 300, new byte[] {1, 2, 3}));
    entries.put("cancelled", new Entry.Cancelled(SESSION, 10));
    entries.put("verdict", new Entry.Verdict(new Position(4, 2), 0, true, "out of memory"));
    entries.put("vacuum", new Entry.Vacuum());
    entries.put("scrub", new Entry.Scrub());
    return entries;
  }

  private static Event event(List<Entry> entries) {
    byte[] previous = new byte[EventHash.LENGTH];
    Arrays.fill(previous, (byte) 0x5a);
    return new Event(1, "6c1d2a", previous, 1, 1_700_000_000_123_456L, Long.MIN_VALUE + 1, entries);
  }

  static Stream<String> entryNames() {
    return entries().keySet().stream();
  }

  /**
   * What a newer release appends to a verdict stands behind the statement, and in an event before
   * the checksum.
   */
  static Stream<String> openEndedNames() {
    return allNames().filter(name -> !name.equals("verdict") && !name.startsWith("event"));
  }

  static Stream<String> allNames() {
    return Stream.concat(
        entryNames(),
        Stream.of("event", "event-with-checksum", "request", "outcome", "verdict-from-statement"));
  }

  @ParameterizedTest
  @MethodSource("entryNames")
  void keepsTheFormOfEveryEntry(String name) throws FormatException {
    Entry entry = entries().get(name);
    assertArrayEquals(golden(name), EntryCodec.encode(entry), () -> hex(EntryCodec.encode(entry)));
    assertSame(entry, EntryCodec.decode(golden(name)));
  }

  @Test
  void keepsTheFormOfAVerdictThatNamesAStatement() throws FormatException {
    Entry.Verdict verdict = new Entry.Verdict(new Position(4, 2), 3, true, "out of memory");
    byte[] golden = golden("verdict-from-statement");
    assertArrayEquals(golden, EntryCodec.encode(verdict), () -> hex(EntryCodec.encode(verdict)));
    assertEquals(verdict, EntryCodec.decode(golden));
  }

  @Test
  void knowsEveryKindOfEntry() {
    Set<Class<?>> known = new HashSet<>();
    entries().values().forEach(entry -> known.add(entry.getClass()));
    assertEquals(Set.of(Entry.class.getPermittedSubclasses()), known);
  }

  @Test
  void keepsTheFormOfAnEvent() throws FormatException {
    List<Entry> entries = List.copyOf(entries().values());
    byte[] bytes =
        EventCodec.encode(event(List.of()), entries.stream().map(EntryCodec::encode).toList());
    assertArrayEquals(golden("event-with-checksum"), bytes, () -> hex(bytes));
    assertReads("event-with-checksum", entries);
  }

  @Test
  void readsAnEventOfTheFirstRelease() throws FormatException {
    assertReads(
        "event",
        entries().values().stream()
            .filter(entry -> !(entry instanceof Entry.Scrub || entry instanceof Entry.Vacuum))
            .toList());
  }

  private static void assertReads(String name, List<Entry> entries) throws FormatException {
    Event decoded = EventCodec.decode(new StoredEvent(1, golden(name)));
    Event expected = event(entries);
    assertArrayEquals(expected.previousHash(), decoded.previousHash());
    assertEquals(expected.rules(), decoded.rules());
    assertEquals(expected.journalId(), decoded.journalId());
    assertEquals(expected.epoch(), decoded.epoch());
    assertEquals(expected.timestampMicros(), decoded.timestampMicros());
    assertEquals(expected.seed(), decoded.seed());
    assertEquals(expected.entries().size(), decoded.entries().size());
    for (int i = 0; i < entries.size(); i++) {
      assertSame(entries.get(i), decoded.entries().get(i));
    }
  }

  @Test
  void keepsTheFormOfARequest() throws FormatException {
    assertArrayEquals(
        golden("request"), RequestCodec.encode(REQUEST), () -> hex(RequestCodec.encode(REQUEST)));
    assertEquals(REQUEST, RequestCodec.decode(golden("request")));
  }

  @Test
  void keepsTheFormOfAnOutcome() throws FormatException {
    assertArrayEquals(
        golden("outcome"), OutcomeCodec.encode(OUTCOME), () -> hex(OutcomeCodec.encode(OUTCOME)));
    assertEquals(OUTCOME, OutcomeCodec.decode(golden("outcome")));
  }

  @Test
  void countsItsBytesBesideTheEntriesRight() {
    byte[] header =
        EventCodec.encode(
            new Event(
                Integer.MAX_VALUE,
                "x".repeat(36),
                EventHash.none(),
                Long.MAX_VALUE,
                Long.MAX_VALUE,
                Long.MIN_VALUE,
                List.of()),
            List.of());
    assertTrue(header.length <= EventCodec.HEADER_BYTES_MAX, () -> header.length + " bytes");
  }

  /** A newer release may append fields; this one skips them. */
  @ParameterizedTest
  @MethodSource("openEndedNames")
  void skipsFieldsThatAreAppended(String name) throws FormatException {
    byte[] bytes = golden(name);
    byte[] longer = Arrays.copyOf(bytes, bytes.length + 6);
    assertTrue((bytes[0] & 0xff) >= 0x80 && (bytes[0] & 0xff) < 0x95, "a short array");
    longer[0] += 3;
    byte[] appended = {(byte) 0x82, 0x01, (byte) 0x80, (byte) 0xf6, 0x61, 0x78}; // [1, []], null, x
    System.arraycopy(appended, 0, longer, bytes.length, appended.length);
    assertEquals(decode(name, bytes), decode(name, longer));
  }

  @Test
  void skipsFieldsOfAnEventThatStandBeforeItsChecksum() throws FormatException {
    byte[] bytes = golden("event-with-checksum");
    byte[] longer = Arrays.copyOf(bytes, bytes.length + 2);
    longer[0] += 2;
    longer[bytes.length - 5] = (byte) 0xf6; // null
    longer[bytes.length - 4] = (byte) 0x80; // []
    CRC32C checksum = new CRC32C();
    checksum.update(longer, 0, longer.length - 5);
    longer[longer.length - 5] = 0x44;
    ByteBuffer.wrap(longer).putInt(longer.length - 4, (int) checksum.getValue());
    assertEquals(decode("event-with-checksum", bytes), decode("event-with-checksum", longer));
  }

  /** Nothing stands behind the last event whose hash would tell. */
  @Test
  void tellsEveryFlippedBitOfAnEvent() {
    byte[] bytes = golden("event-with-checksum");
    for (int bit = 0; bit < bytes.length * 8; bit++) {
      byte[] damaged = bytes.clone();
      damaged[bit / 8] ^= (byte) (1 << bit % 8);
      StoredEvent stored = new StoredEvent(1, damaged);
      assertThrows(FormatException.class, () -> EventCodec.decode(stored), () -> hex(damaged));
    }
  }

  /** Damage is told, or reads as something else; it never brings the reader down. */
  @ParameterizedTest
  @MethodSource("allNames")
  void survivesDamage(String name) {
    byte[] bytes = golden(name);
    for (int i = 0; i < bytes.length; i++) {
      for (int value = 0; value < 256; value++) {
        byte[] damaged = bytes.clone();
        damaged[i] = (byte) value;
        decodeOrRefuse(name, damaged);
      }
      byte[] cut = Arrays.copyOf(bytes, i);
      assertThrows(FormatException.class, () -> decode(name, cut), () -> hex(cut));
    }
  }

  /** A length that is claimed is not believed before the bytes are there. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "5a7fffffff00",
        "7a7fffffff41",
        "9a7fffffff01",
        "5bffffffffffffffff00",
        "7b7fffffffffffffff41",
        "9b7fffffffffffffff01",
        "5f5a7fffffff00",
        "c25a7fffffff00",
        "1bffffffffffffffff",
        "c249ffffffffffffffffff",
        "fb7ff8000000000000"
      })
  void doesNotBelieveALength(String value) {
    byte[] bytes = HexFormat.of().parseHex(value);
    for (String name : allNames().toList()) {
      byte[] golden = golden(name);
      for (int i = 0; i < golden.length; i++) {
        byte[] damaged = Arrays.copyOf(golden, i + bytes.length);
        System.arraycopy(bytes, 0, damaged, i, bytes.length);
        decodeOrRefuse(name, damaged);
      }
    }
  }

  @Test
  void refusesWhatIsNestedWithoutEnd() {
    byte[] nested = new byte[1 << 20];
    Arrays.fill(nested, (byte) 0x81);
    for (String name : allNames().toList()) {
      assertThrows(FormatException.class, () -> decode(name, nested));
    }
    byte[] head = golden("cancelled");
    byte[] appended = Arrays.copyOf(head, head.length + (1 << 20));
    Arrays.fill(appended, head.length, appended.length, (byte) 0x81);
    appended[0]++;
    assertThrows(FormatException.class, () -> EntryCodec.decode(appended));
  }

  @Test
  void readsTextsOfAnyLength() throws FormatException {
    WriteRequest large =
        WriteRequest.of(
            false,
            Statement.of(
                "-- " + "x".repeat(21_000_000), new Value.Text("\u00e9".repeat(11_000_000))));
    assertEquals(large, RequestCodec.decode(RequestCodec.encode(large)));
  }

  @Test
  void refusesFormatsAndKindsThatItDoesNotKnow() {
    assertRefused("an entry of type 99 needs a newer peqlite", () -> EntryCodec.decode(array(99)));
    assertRefused(
        "a request of format 2 needs a newer peqlite", () -> RequestCodec.decode(array(2)));
    assertRefused(
        "an outcome of format 2 needs a newer peqlite", () -> OutcomeCodec.decode(array(2)));
    assertRefused(
        "an event of format 2 needs a newer peqlite",
        () -> EventCodec.decode(new StoredEvent(1, array(2))));
  }

  private interface Decoding {
    Object decode() throws FormatException;
  }

  private static void assertRefused(String message, Decoding decoding) {
    assertEquals(message, assertThrows(FormatException.class, decoding::decode).getMessage());
  }

  private static byte[] array(int number) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (CBORGenerator out = new CBORFactory().createGenerator(bytes)) {
      out.writeStartArray(null, 1);
      out.writeNumber(number);
      out.writeEndArray();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static void decodeOrRefuse(String name, byte[] damaged) {
    try {
      decode(name, damaged);
    } catch (FormatException expected) {
      // As it should be.
    } catch (RuntimeException | Error e) {
      throw new AssertionError(name + " " + hex(damaged), e);
    }
  }

  private static String decode(String name, byte[] bytes) throws FormatException {
    return switch (name) {
      case "event", "event-with-checksum" -> {
        Event event = EventCodec.decode(new StoredEvent(1, bytes));
        yield event.journalId() + hex(event.previousHash()) + event.entries().size();
      }
      case "request" -> RequestCodec.decode(bytes).toString();
      case "outcome" -> OutcomeCodec.decode(bytes).toString();
      default -> text(EntryCodec.decode(bytes));
    };
  }

  private static String text(Entry entry) {
    if (entry instanceof Entry.Submitted submitted) {
      return submitted.session() + " " + submitted.number() + hex(submitted.request());
    }
    return entry instanceof Entry.Part part
        ? part.session() + " " + part.number() + " " + part.index() + hex(part.bytes())
        : entry.toString();
  }

  /** Equal, the bytes in it included. */
  private static void assertSame(Entry expected, Entry actual) {
    assertEquals(expected.getClass(), actual.getClass());
    assertEquals(hex(EntryCodec.encode(expected)), hex(EntryCodec.encode(actual)));
    if (!(expected instanceof Entry.Submitted) && !(expected instanceof Entry.Part)) {
      assertEquals(expected, actual);
    }
  }

  private static byte[] golden(String name) {
    String file = "/events/" + name + ".hex";
    try (InputStream in = EventFormatTest.class.getResourceAsStream(file)) {
      if (in == null) {
        return new byte[0];
      }
      String text = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
      return HexFormat.of().parseHex(text.replaceAll("\\s", ""));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }
}
