package process;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;
import sql.Position;
import sql.WriteRequest;
import storage.Entry;
import storage.EntryCodec;
import storage.Event;
import storage.EventCodec;
import storage.RequestCodec;
import storage.StoredEvent;

/**
 * Makes a journal long within seconds: writes events behind its last one, each a request of a
 * session that is not open, so that replicas pass it by.
 */
final class JournalFiller {

  private static final Position NO_SESSION = new Position(0, 0);

  private JournalFiller() {}

  /** Appends; returns the new head. */
  static long append(String url, int events) throws Exception {
    try (Connection connection = DriverManager.getConnection(url);
        Statement statement = connection.createStatement()) {
      StoredEvent last;
      try (ResultSet row =
          statement.executeQuery(
              "SELECT sequence_number, event_payload FROM event_journal"
                  + " ORDER BY sequence_number DESC LIMIT 1")) {
        row.next();
        last = new StoredEvent(row.getLong(1), row.getBytes(2));
      }
      statement.execute("CREATE TEMPORARY TABLE filler (seq BIGINT, bytes BYTEA)");
      copy(connection, last, events);
      statement.execute(
          "INSERT INTO event_journal (persistence_id, sequence_number, writer, write_timestamp,"
              + " adapter_manifest, event_ser_id, event_ser_manifest, event_payload)"
              + " SELECT persistence_id, filler.seq, writer, write_timestamp, adapter_manifest,"
              + " event_ser_id, event_ser_manifest, filler.bytes"
              + " FROM filler, (SELECT * FROM event_journal ORDER BY sequence_number DESC LIMIT 1)"
              + " AS last ORDER BY filler.seq");
      return last.seq() + events;
    }
  }

  private static void copy(Connection connection, StoredEvent last, int events) throws Exception {
    Event before = EventCodec.decode(last);
    MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
    byte[] hash = sha256.digest(last.bytes());
    byte[] request =
        RequestCodec.encode(
            new WriteRequest(
                List.of(sql.Statement.of("INSERT INTO nowhere VALUES (1, 'as long as usual')")),
                false,
                false,
                Optional.empty()));
    CopyIn copy =
        connection.unwrap(PGConnection.class).getCopyAPI().copyIn("COPY filler FROM STDIN");
    for (int i = 1; i <= events; i++) {
      Event header =
          new Event(
              before.rules(),
              before.journalId(),
              hash,
              before.epoch(),
              before.timestampMicros() + i,
              i,
              List.of());
      byte[] entry = EntryCodec.encode(new Entry.Submitted(NO_SESSION, i, request));
      byte[] event = EventCodec.encode(header, List.of(entry));
      hash = sha256.digest(event);
      String line = last.seq() + i + "\t\\\\x" + HexFormat.of().formatHex(event) + "\n";
      byte[] bytes = line.getBytes(StandardCharsets.US_ASCII);
      copy.writeToCopy(bytes, 0, bytes.length);
    }
    copy.endCopy();
  }
}
