package storage;

import java.util.List;
import sql.Position;

/** How far a replica got with the events it was given. What it committed stays in every case. */
public sealed interface ApplyResult {

  /** All of them are applied. */
  record Applied() implements ApplyResult {}

  /**
   * Everything before the position is applied; its request took more steps than one may, or is to
   * wait for a verdict.
   */
  record Held(Position position, String reason) implements ApplyResult {}

  /**
   * Everything before the position is applied, and what stands there has made another database,
   * which follows this one and lies complete where {@link ReplicaFiles#loaded} says. The applier is
   * to be closed, the file replaced by {@link ReplicaFiles#replaceByLoaded} and opened anew; until
   * then nothing of it is done.
   *
   * @param applied what to tell the node's session once that is done
   */
  record Replaced(Position position, List<AppliedEntry> applied) implements ApplyResult {}

  /**
   * The journal gives up a request that this replica has committed: the database has to be made
   * anew, without it.
   */
  record Discarded(Position position) implements ApplyResult {}

  /**
   * The node could not: no space, I/O error, no memory, corruption, or it is being stopped. Nothing
   * was recorded for the request it happened at; the connection must be opened anew.
   *
   * @param position where it happened
   * @param damaged whether the file or the disk is damaged, so that no request can be to blame
   */
  record Failed(Position position, String reason, boolean damaged) implements ApplyResult {}

  /**
   * The events are not the ones that follow what this replica holds, or cannot be read by this
   * version. Only an operator can decide what is right.
   */
  record Broken(String reason) implements ApplyResult {}
}
