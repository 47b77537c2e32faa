package actors;

/** What became of an operator's wish to change who keeps the journal. */
public sealed interface MembershipResult {

  /** It is so now. */
  record Done() implements MembershipResult {}

  /** Nothing was changed, for a reason that an operator can act on. */
  record Refused(String reason) implements MembershipResult {}

  /** It may be so, or become so: to be looked at again. */
  record Unknown(String reason) implements MembershipResult {}
}
