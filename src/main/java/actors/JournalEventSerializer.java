package actors;

import java.io.NotSerializableException;
import org.apache.pekko.serialization.SerializerWithStringManifest;

/**
 * Stores an event's bytes as they are, so that journal, push and hash are of the same bytes. Named
 * in {@code application.conf}; its identifier and manifest stand in every row of the journal and
 * never change.
 */
public final class JournalEventSerializer extends SerializerWithStringManifest {

  private static final int IDENTIFIER = 7355;
  private static final String MANIFEST = "peqlite-event";

  @Override
  public int identifier() {
    return IDENTIFIER;
  }

  @Override
  public String manifest(Object event) {
    return MANIFEST;
  }

  @Override
  public byte[] toBinary(Object event) {
    return ((JournalEvent) event).bytes();
  }

  @Override
  public Object fromBinary(byte[] bytes, String manifest) throws NotSerializableException {
    if (!MANIFEST.equals(manifest)) {
      throw new NotSerializableException("a journal row with manifest " + manifest);
    }
    return new JournalEvent(bytes);
  }
}
