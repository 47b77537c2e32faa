package storage;

import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.dataformat.cbor.CBORFactory;
import com.fasterxml.jackson.dataformat.cbor.CBORGenerator;
import com.fasterxml.jackson.dataformat.cbor.CBORParser;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;

/**
 * Writing and strict reading of CBOR arrays (RFC 8949), the form of everything that is stored.
 *
 * <p>Arrays carry their length, so a writer may append fields at the end of one and a reader of the
 * release before skips them.
 */
public final class Cbor {

  // What was taken must be read again, however long a text is; lengths are limited where requests
  // arrive.
  private static final CBORFactory FACTORY =
      CBORFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder().maxStringLength(Integer.MAX_VALUE).build())
          .build();

  private Cbor() {}

  /** Writes into a generator. */
  public interface Writing {
    void write(CBORGenerator out) throws IOException;
  }

  /** Reads from a {@link Reader}. */
  public interface Reading<T> {
    T read(Reader in) throws IOException, FormatException;
  }

  /** What a writing writes. */
  public static byte[] write(int sizeHint, Writing writing) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(sizeHint);
    try (CBORGenerator out = FACTORY.createGenerator(bytes)) {
      writing.write(out);
    } catch (IOException impossible) {
      // Memory is written to; only a text that is not Unicode gets here, and callers refuse those.
      throw new UncheckedIOException(impossible);
    }
    return bytes.toByteArray();
  }

  /**
   * What a reading reads from bytes.
   *
   * @param what names the value in the message of a failure
   */
  public static <T> T read(byte[] bytes, String what, Reading<T> reading) throws FormatException {
    try (CBORParser parser = FACTORY.createParser(bytes)) {
      return reading.read(new Reader(parser));
    } catch (IOException e) {
      throw new FormatException("cannot read " + what + ": " + e.getMessage(), e);
    }
  }

  /** A cursor over stored values that accepts nothing but what it is asked for. */
  public static final class Reader {

    private final CBORParser parser;
    private boolean ended;

    private Reader(CBORParser parser) {
      this.parser = parser;
    }

    CBORParser parser() {
      return parser;
    }

    /** Enters an array. */
    public void startArray() throws IOException, FormatException {
      expect(parser.nextToken(), JsonToken.START_ARRAY);
    }

    /** Skips what a newer writer appended, up to the end of the array. */
    public void endArray() throws IOException, FormatException {
      if (ended) {
        ended = false;
        return;
      }
      JsonToken token = parser.nextToken();
      while (token != JsonToken.END_ARRAY) {
        if (token == null) {
          throw new FormatException("stored value ends too early");
        }
        parser.skipChildren();
        token = parser.nextToken();
      }
    }

    /** Nothing may stand behind what was read. */
    void requireEnd() throws IOException, FormatException {
      if (parser.nextToken() != null) {
        throw new FormatException("stored value goes on where it should end");
      }
    }

    /** Whether the array goes on; the value's token is then the current one. */
    public boolean nextElement() throws IOException, FormatException {
      JsonToken token = parser.nextToken();
      if (token == null) {
        throw new FormatException("stored value ends too early");
      }
      return token != JsonToken.END_ARRAY;
    }

    /** The next value, a number. */
    public long nextLong() throws IOException, FormatException {
      expect(parser.nextToken(), JsonToken.VALUE_NUMBER_INT);
      return parser.getLongValue();
    }

    /** The next value, a number. */
    public int nextInt() throws IOException, FormatException {
      expect(parser.nextToken(), JsonToken.VALUE_NUMBER_INT);
      return parser.getIntValue();
    }

    /** The next number of the array, or the default where an older writer ended it. */
    int nextIntOr(int missing) throws IOException, FormatException {
      JsonToken token = parser.nextToken();
      if (token == JsonToken.END_ARRAY) {
        ended = true;
        return missing;
      }
      expect(token, JsonToken.VALUE_NUMBER_INT);
      return parser.getIntValue();
    }

    /** The next value, a truth. */
    public boolean nextBoolean() throws IOException, FormatException {
      JsonToken token = parser.nextToken();
      if (token != JsonToken.VALUE_TRUE && token != JsonToken.VALUE_FALSE) {
        throw new FormatException("stored value is " + token + ", not a boolean");
      }
      return token == JsonToken.VALUE_TRUE;
    }

    /** The next value, a text. */
    public String nextText() throws IOException, FormatException {
      expect(parser.nextToken(), JsonToken.VALUE_STRING);
      return parser.getText();
    }

    /** The next value, a text or null. */
    public Optional<String> nextOptionalText() throws IOException, FormatException {
      JsonToken token = parser.nextToken();
      if (token == JsonToken.VALUE_NULL) {
        return Optional.empty();
      }
      expect(token, JsonToken.VALUE_STRING);
      return Optional.of(parser.getText());
    }

    /** The next value, bytes. */
    public byte[] nextBytes() throws IOException, FormatException {
      JsonToken token = parser.nextToken();
      return bytes(token);
    }

    /** The current value of an array whose elements are texts. */
    public String currentText() throws IOException, FormatException {
      expect(parser.currentToken(), JsonToken.VALUE_STRING);
      return parser.getText();
    }

    byte[] currentBytes() throws IOException, FormatException {
      return bytes(parser.currentToken());
    }

    private byte[] bytes(@org.jspecify.annotations.Nullable JsonToken token)
        throws IOException, FormatException {
      expect(token, JsonToken.VALUE_EMBEDDED_OBJECT);
      return parser.getBinaryValue();
    }

    private static void expect(
        @org.jspecify.annotations.Nullable JsonToken token, JsonToken expected)
        throws FormatException {
      if (token != expected) {
        throw new FormatException("stored value is " + token + " instead of " + expected);
      }
    }
  }
}
