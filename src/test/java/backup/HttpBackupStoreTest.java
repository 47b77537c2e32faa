package backup;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** The contract of places of backups at an HTTP endpoint, and what is special about one. */
final class HttpBackupStoreTest extends NetworkStoreContract {

  private HttpObjectServer server;
  private CuttingRelay relay;

  @Override
  BackupStore openEmpty() throws IOException {
    server = new HttpObjectServer();
    relay = new CuttingRelay(server.port());
    return open("", "/keep/database.db", SETTINGS);
  }

  @Override
  void close() {
    super.close();
    try {
      relay.close();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    server.close();
  }

  @Override
  CuttingRelay relay() {
    return relay;
  }

  private BackupStore open(String user, String path, BackupStoreSettings settings)
      throws IOException {
    return BackupStores.open(
        URI.create("http://" + user + "127.0.0.1:" + relay.port() + path), settings);
  }

  @Test
  void hasRoomForOneObject() throws IOException {
    assertEquals(Optional.of("database.db"), store.onlyName());
    Path put = text("put", "something");
    store.put("database.db", put);

    assertThrows(IOException.class, () -> store.put("another", put));
    assertThrows(NoSuchFileException.class, () -> store.get("another", put));
    store.delete("another");

    Instant modified = Instant.parse("2026-11-22T04:00:00Z");
    assertEquals(
        List.of(new StoredObject("database.db", 9, Optional.of(modified))), store.list("data"));
    assertEquals(List.of(), store.list("another"));
    assertEquals(Optional.of("backup"), open("", "/", SETTINGS).onlyName());
  }

  @Test
  void sendsByTheMethodThatIsAskedFor() throws IOException {
    Path put = text("put", "something");
    server.upload = "PUT";
    IOException refused = assertThrows(IOException.class, () -> store.put("database.db", put));
    assertTrue(refused.getMessage().contains("405"), refused.getMessage());
    store = open("", "/keep/database.db", SETTINGS.withUpload(BackupStoreSettings.Upload.PUT));

    store.put("database.db", put);

    assertEquals("something", got("database.db"));
    assertEquals(List.of("POST", "PUT", "GET"), server.requests());
  }

  @Test
  void userAndPasswordAreSentAndNotTold() throws IOException {
    Path put = text("put", "something");
    server.authorization =
        "Basic "
            + Base64.getEncoder().encodeToString("me:se:cr@t+".getBytes(StandardCharsets.UTF_8));
    store = open("me:se:cr%40t+@", "/keep/database.db?signature=hidden", SETTINGS);

    store.put("database.db", put);
    assertEquals("something", got("database.db"));
    assertEquals("http://127.0.0.1:" + relay.port() + "/keep/database.db", store.describe());

    server.authorization = "another";
    assertSays(assertThrows(IOException.class, () -> store.put("database.db", put)), "401", "cr");
    relay.close();
    IOException gone = assertThrows(IOException.class, () -> store.list(""));
    assertSays(gone, store.describe(), "hidden");
    assertSays(gone, store.describe(), "cr%40t");
  }

  /** They might lead to where the password does not belong. */
  @Test
  void redirectionsAreNotFollowed() throws IOException {
    server.content = new byte[] {1};
    store = open("", "/moved", SETTINGS);

    IOException refused =
        assertThrows(IOException.class, () -> store.get("moved", here.resolve("got")));

    assertTrue(refused.getMessage().contains("302"), refused.getMessage());
    assertEquals(List.of(), server.requests());
  }

  @Test
  void asksForTheRestOfACutGet() throws IOException {
    store.put("database.db", random("put", 10 * MEBIBYTE, 3));

    relay.cutDownloadsAfter(6 * MEBIBYTE);
    store.get("database.db", here.resolve("got"));

    assertEquals(3, server.requests().size(), server.requests().toString());
    assertTrue(server.requests().get(2).matches("GET bytes=\\d+-"), server.requests().toString());
  }

  /** Without an ETag it cannot be known whether the rest is of the same object. */
  @Test
  void beginsAnewWhereTheRestCannotBeAskedFor() throws IOException {
    server.ranges = false;
    Path put = random("put", 10 * MEBIBYTE, 3);
    store.put("database.db", put);

    relay.cutDownloadsAfter(6 * MEBIBYTE);
    server.beforeBody = relay::mend;
    store.get("database.db", here.resolve("got"));

    assertEquals(-1, Files.mismatch(put, here.resolve("got")));
    assertEquals(List.of("POST", "GET", "GET"), server.requests());
  }

  @Test
  void anObjectThatIsReplacedMeanwhileIsNotMixedWithItsSuccessor() throws IOException {
    store.put("database.db", random("put", 10 * MEBIBYTE, 3));
    byte[] successor = new byte[9 * MEBIBYTE];
    new Random(4).nextBytes(successor);

    relay.cutDownloadsAfter(6 * MEBIBYTE);
    server.beforeBody =
        () -> {
          server.content = successor;
          relay.mend();
        };
    store.get("database.db", here.resolve("got"));

    assertArrayEquals(successor, Files.readAllBytes(here.resolve("got")));
  }

  @Test
  void aTransferInWhichNothingMovesEnds() throws IOException {
    server.content = new byte[MEBIBYTE];
    CountDownLatch ended = new CountDownLatch(1);
    server.beforeBody =
        () -> {
          try {
            ended.await();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        };
    store =
        open(
            "",
            "/keep/database.db",
            SETTINGS.withTimeouts(Duration.ofSeconds(5), Duration.ofMillis(200)));

    IOException stalled =
        assertThrows(IOException.class, () -> store.get("database.db", here.resolve("got")));
    ended.countDown();

    assertTrue(stalled.getMessage().contains("nothing move"), stalled.getMessage());
    assertEquals(List.of(), filesHere());
  }

  /** What ends with the connection may as well have been cut. */
  @Test
  void anAnswerWithoutAnEndOfItsOwnIsRefused() throws Exception {
    try (ServerSocket listening = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      Thread endpoint =
          new Thread(
              () -> {
                try (Socket client = listening.accept()) {
                  int unused = client.getInputStream().read(new byte[8 * 1024]);
                  client
                      .getOutputStream()
                      .write("HTTP/1.1 200 OK\r\n\r\nhalf".getBytes(StandardCharsets.US_ASCII));
                } catch (IOException e) {
                  throw new AssertionError(e);
                }
              });
      endpoint.start();
      store =
          BackupStores.open(
              URI.create("http://127.0.0.1:" + listening.getLocalPort() + "/a"), SETTINGS);

      IOException refused =
          assertThrows(IOException.class, () -> store.get("a", here.resolve("got")));
      endpoint.join();

      assertTrue(refused.getMessage().contains("Content-Length"), refused.getMessage());
      assertEquals(List.of(), filesHere());
    }
  }
}
