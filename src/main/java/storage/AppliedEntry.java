package storage;

import sql.Position;
import sql.WriteOutcome;

/** What a replica tells the sessions of its own node about entries that it has committed. */
public sealed interface AppliedEntry {

  /** Where the entry stands, or stood when it was a session's opening. */
  Position position();

  /** A request was taken. Its number is used up, whatever the outcome. */
  record Taken(Position position, Position session, long number, WriteOutcome outcome)
      implements AppliedEntry {}

  /** A number was given up before its request arrived: it surely is not applied. */
  record GivenUp(Position position, Position session, long number) implements AppliedEntry {}

  /** A session is open; its id is the position. */
  record SessionOpened(Position position, String nonce) implements AppliedEntry {}

  /** A session is closed: what it had not taken never will be. */
  record SessionClosed(Position position, Position session) implements AppliedEntry {}
}
