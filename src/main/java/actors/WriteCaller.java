package actors;

import sql.Position;

/** Who asks for a write, as far as logs and traces want to know. Called on any thread. */
public interface WriteCaller {

  /** Nobody in particular. */
  WriteCaller NOBODY = () -> "";

  /** What the log of this node calls the request by, empty for nothing; one line. */
  String requestId();

  /** The write was sent to the sequencer; again, if its answer takes long. Must not block. */
  default void sent() {}

  /** The journal holds the write. Must not block. */
  default void ordered(Position position) {}
}
