package actors;

/** What a read waits for before it reads from the local database. */
public enum ReadLevel {
  /** Nothing; {@code freshness} bounds how long ago this node last knew the head. */
  NONE,
  /** The position that the sequencer says is committed. The default. */
  WEAK,
  /** The head of the journal itself, asked after the read arrived. */
  LINEARIZABLE,
  /** The same as {@link #LINEARIZABLE}. */
  STRONG
}
