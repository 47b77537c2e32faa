package quorum;

import java.util.List;
import storage.Arbiter;

/** What a {@link Command} or a {@link Question} is answered with. */
public sealed interface Answer {

  /** The event stands under its number, and is durable on a majority of the voters. */
  record Appended() implements Answer {}

  /** The journal ends elsewhere: nothing was appended. */
  record Refused(long highest) implements Answer {}

  /** It is done. */
  record Done() implements Answer {}

  /** Of {@link Command.Enter}. */
  record Entry(Arbiter.Entry entry) implements Answer {}

  /** Of {@link Command.Renew} and {@link Command.PutOut}. */
  record Standing(Arbiter.Standing standing) implements Answer {}

  /**
   * The journal's end.
   *
   * @param highest the last event's sequence number, 0 if there never was one
   * @param hash the SHA-256 of its payload
   */
  record End(long highest, byte[] hash) implements Answer {}

  /** Microseconds since 1970. */
  record Clock(long micros) implements Answer {}

  /** See {@link Arbiter#known}. */
  record Known(List<Arbiter.Process> processes) implements Answer {

    public Known {
      processes = List.copyOf(processes);
    }
  }

  /** Who votes and who only listens. */
  record Members(List<QuorumIdentity.Peer> voters, List<QuorumIdentity.Peer> listeners)
      implements Answer {

    public Members {
      voters = List.copyOf(voters);
      listeners = List.copyOf(listeners);
    }
  }

  /**
   * What the one that leads knows of the others.
   *
   * @param leader its identity
   * @param term how many elections there were
   * @param committed the last entry of the Raft log that stands on a majority
   * @param followers everybody else, listeners too
   */
  record Progress(String leader, long term, long committed, List<Follower> followers)
      implements Answer {

    public Progress {
      followers = List.copyOf(followers);
    }
  }

  /**
   * One that is led.
   *
   * @param id its identity
   * @param match up to which entry it is known to hold the leader's log, synced
   * @param silentMillis how long ago it answered last
   */
  record Follower(String id, long match, long silentMillis) {}

  /**
   * Everything but the events, as of one entry of the Raft log.
   *
   * @param trimmedTo events up to this number are no longer there
   * @param ledger the arbiter's, encoded
   */
  record State(long term, long index, long highest, byte[] hash, long trimmedTo, byte[] ledger)
      implements Answer {}

  /** Events in order; empty if there are none. */
  record Rows(List<Row> rows) implements Answer {

    public Rows {
      rows = List.copyOf(rows);
    }
  }

  /** A stored event; see {@link Command.Append}. */
  record Row(long seq, int serializerId, String manifest, byte[] payload) {}
}
