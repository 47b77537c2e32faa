package quorum;

/** What became of an operator's wish to change who keeps the journal. */
public sealed interface MemberChange {

  /** It is so now, on a majority of those who are left. */
  record Done(String what) implements MemberChange {}

  /** Nothing was changed, for a reason that an operator can act on. */
  record Refused(String reason) implements MemberChange {}

  /** It may be so, or become so: to be looked at again. */
  record Unknown(String reason) implements MemberChange {}
}
