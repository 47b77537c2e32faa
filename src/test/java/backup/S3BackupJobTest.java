package backup;

import java.io.IOException;
import java.net.URI;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInstance;

/** Backups in a bucket. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class S3BackupJobTest extends BackupJobContract {

  private S3Server server;

  @BeforeAll
  void start() throws Exception {
    server = new S3Server();
  }

  @AfterAll
  void stop() throws Exception {
    server.close();
  }

  @BeforeEach
  void empty() {
    server.empty();
  }

  /** Each fetches many objects, one after the other. */
  @Override
  int targets() {
    return 4;
  }

  @Override
  BackupStore openStore() throws IOException {
    return BackupStores.open(
        URI.create(
            "s3://"
                + S3Server.BUCKET
                + "/peqlite?endpoint=http://127.0.0.1:"
                + server.port()
                + "&region=us-east-1&path-style=true"),
        BackupStoreSettings.defaults().withCredentials(S3Server.ACCESS_KEY, S3Server.SECRET_KEY));
  }
}
