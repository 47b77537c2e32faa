package quorum;

import org.apache.pekko.actor.setup.Setup;

/** Gives a cluster's actor system the part through which its journal plugin appends. */
public final class QuorumSetup extends Setup {

  private final QuorumPart part;

  public QuorumSetup(QuorumPart part) {
    this.part = part;
  }

  QuorumPart part() {
    return part;
  }
}
