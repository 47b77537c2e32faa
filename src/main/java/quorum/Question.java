package quorum;

/** What a node's state is asked; changes nothing. */
public sealed interface Question {

  /** Where does the journal end? Answered with {@link Answer.End}. */
  record AskEnd() implements Question {}

  /** What does your clock say? Answered with {@link Answer.Clock}. */
  record AskClock() implements Question {}

  /** Who is in the arbiter's ledger and was heard of lately? Answered with {@link Answer.Known}. */
  record AskKnown() implements Question {}

  /** Who is in the group, for good? Answered with {@link Answer.Members}. */
  record AskMembers() implements Question {}

  /** How far is everybody? Answered with {@link Answer.Progress}, by who leads only. */
  record AskProgress() implements Question {}

  /** All that you hold besides the events. Answered with {@link Answer.State}. */
  record AskState() implements Question {}

  /**
   * Events in order, the first being number {@code from}. Answered with {@link Answer.Rows}.
   *
   * @param bytesMax stop after the event that reaches this sum
   */
  record AskRows(long from, long bytesMax) implements Question {}
}
