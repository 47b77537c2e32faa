package quorum;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import quorum.QuorumFixture.Node;

/** What tests of three nodes begin and end with. */
abstract class QuorumOfThree {

  @TempDir Path folder;
  QuorumFixture quorum;

  @BeforeEach
  void form() throws Exception {
    quorum = new QuorumFixture(folder).formed(3);
  }

  @AfterEach
  void stop() {
    quorum.close();
  }

  Node node(int number) {
    return quorum.node(number);
  }
}
