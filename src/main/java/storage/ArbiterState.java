package storage;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What the arbiter knows at one moment, and what follows from it for a process that asks to enter.
 * Pure: the same state always gives the same answer. All times are the database's, in microseconds.
 *
 * <p>Two times decide. A process that was silent for {@link #SILENT_MICROS} has missed renewals:
 * nobody is sent to it any more, and it yields to a later start of itself. One that was silent for
 * {@link #ALIVE_MICROS} is taken for dead, but its cluster only by a process that was itself heard
 * for that long without a pause: when the database comes back after an outage, or its clock jumps,
 * the cluster that lived through it is heard of before that.
 *
 * @param nowMicros no time of a heard process is later: a clock that was set back does not make the
 *     dead live on
 * @param formation the number of the latest formation, 0 before the first
 * @param former who was told to form it
 * @param heard all processes that were heard of and have not been put out since
 */
record ArbiterState(
    long nowMicros, long formation, @Nullable ProcessKey former, List<Heard> heard) {

  /** A process that was not heard of for so long is taken for dead. */
  static final long ALIVE_MICROS = 5_000_000;

  /** A process that renews every second is silent for so long only if something is wrong. */
  static final long SILENT_MICROS = 2_500_000;

  /** One start of a process, without its node's name. */
  record ProcessKey(String address, long uid) {

    /** Some order, the same everywhere. */
    static final Comparator<ProcessKey> ORDER =
        Comparator.comparing(ProcessKey::address).thenComparingLong(ProcessKey::uid);

    static ProcessKey of(Arbiter.Process process) {
      return new ProcessKey(process.address(), process.uid());
    }
  }

  /**
   * A process and when it was heard of.
   *
   * @param formation of which it is a member, if it is one
   * @param enteredAtMicros the first time
   * @param attendedFromMicros since when it was heard without a pause
   * @param heardAtMicros the last time
   */
  record Heard(
      Arbiter.Process process,
      long formation,
      boolean member,
      long enteredAtMicros,
      long attendedFromMicros,
      long heardAtMicros) {

    ProcessKey key() {
      return ProcessKey.of(process);
    }

    Heard noLaterThan(long nowMicros) {
      return new Heard(
          process,
          formation,
          member,
          Math.min(enteredAtMicros, nowMicros),
          Math.min(attendedFromMicros, nowMicros),
          Math.min(heardAtMicros, nowMicros));
    }
  }

  /**
   * The answer to a process that asks to enter.
   *
   * @param replaced earlier starts of the same node that have to be put out with it
   */
  record Admission(Arbiter.Entry entry, List<ProcessKey> replaced) {}

  private static final Comparator<Heard> BY_ENTRANCE =
      Comparator.comparingLong(Heard::enteredAtMicros)
          .thenComparing(heard -> heard.process().address())
          .thenComparingLong(heard -> heard.process().uid());

  ArbiterState {
    heard = heard.stream().map(one -> one.noLaterThan(nowMicros)).toList();
  }

  Optional<Heard> find(ProcessKey key) {
    return heard.stream().filter(one -> one.key().equals(key)).findFirst();
  }

  /** The same with what is known of one process replaced. */
  ArbiterState with(Heard one) {
    Stream<Heard> others = heard.stream().filter(other -> !other.key().equals(one.key()));
    return new ArbiterState(
        nowMicros, formation, former, Stream.concat(others, Stream.of(one)).toList());
  }

  private ArbiterState without(List<ProcessKey> keys) {
    return new ArbiterState(
        nowMicros,
        formation,
        former,
        heard.stream().filter(one -> !keys.contains(one.key())).toList());
  }

  /** What is to be noted of a process that says that it is no member. */
  Heard candidate(Arbiter.Process process) {
    return heardNow(process, 0, false);
  }

  /** What is to be noted of a process that says that it is a member. */
  Heard member(Arbiter.Process process) {
    return heardNow(process, formation, true);
  }

  private Heard heardNow(Arbiter.Process process, long ofFormation, boolean member) {
    return find(ProcessKey.of(process))
        .map(
            before ->
                new Heard(
                    process,
                    ofFormation,
                    member,
                    before.enteredAtMicros(),
                    isSilent(before) ? nowMicros : before.attendedFromMicros(),
                    nowMicros))
        .orElseGet(() -> new Heard(process, ofFormation, member, nowMicros, nowMicros, nowMicros));
  }

  boolean isAlive(Heard one) {
    return nowMicros - one.heardAtMicros() < ALIVE_MICROS;
  }

  private boolean isSilent(Heard one) {
    return nowMicros - one.heardAtMicros() >= SILENT_MICROS;
  }

  /**
   * Answers a process that asks to enter.
   *
   * @param self must be among those heard
   */
  Admission admit(Arbiter.Process self) {
    Heard own = find(ProcessKey.of(self)).orElseThrow();
    List<Heard> rivals = rivals(own);
    for (Heard rival : rivals) {
      if (!isSilent(rival)) {
        // A last call of an earlier start may come in late; a second one shows that it lives on.
        boolean lives = rival.heardAtMicros() - own.enteredAtMicros() >= SILENT_MICROS / 2;
        return new Admission(lives ? refused(own, rival) : waitFor(rival), List.of());
      }
    }
    List<ProcessKey> replaced = rivals.stream().map(Heard::key).toList();
    return new Admission(without(replaced).entry(own), replaced);
  }

  /** Those who entered earlier and use the same address or name. */
  private List<Heard> rivals(Heard own) {
    return heard.stream()
        .filter(
            other ->
                other.process().address().equals(own.process().address())
                    || other.process().nodeId().equals(own.process().nodeId()))
        .filter(other -> BY_ENTRANCE.compare(other, own) < 0)
        .toList();
  }

  private static Arbiter.Entry refused(Heard own, Heard rival) {
    if (rival.process().address().equals(own.process().address())) {
      return new Arbiter.Entry.Refused(
          "cluster address "
              + own.process().address()
              + " is in use by another process: give every node its own --cluster-addr");
    }
    return new Arbiter.Entry.Refused(
        "node id '"
            + own.process().nodeId()
            + "' is in use by "
            + rival.process().address()
            + ": give every node another --node-id");
  }

  private static Arbiter.Entry waitFor(Heard rival) {
    return new Arbiter.Entry.Wait(
        "an earlier start of this node, at "
            + rival.process().address()
            + ", was heard of a moment ago");
  }

  private Arbiter.Entry entry(Heard own) {
    if (isFormer(own)) {
      // Its answer got lost, or it takes its time: nobody has formed another cluster since.
      return new Arbiter.Entry.Form(formation);
    }
    List<Heard> cluster = heard.stream().filter(one -> isMember(one) || isFormer(one)).toList();
    List<String> members =
        addresses(
            cluster,
            one ->
                isMember(one)
                    && !isSilent(one)
                    && !one.process().address().equals(own.process().address()));
    if (!members.isEmpty()) {
      return new Arbiter.Entry.Join(formation, members);
    }
    boolean unheard = cluster.stream().noneMatch(this::isAlive);
    if (cluster.isEmpty() || (unheard && nowMicros - own.attendedFromMicros() >= ALIVE_MICROS)) {
      return new Arbiter.Entry.Form(formation + 1);
    }
    return new Arbiter.Entry.Wait(
        "the cluster of "
            + String.join(", ", addresses(cluster, one -> true))
            + " is not there yet, or does not reach the journal's database");
  }

  private boolean isMember(Heard one) {
    return one.member() && one.formation() == formation;
  }

  private boolean isFormer(Heard one) {
    return one.key().equals(former);
  }

  private static List<String> addresses(List<Heard> some, Predicate<Heard> which) {
    return some.stream().filter(which).map(one -> one.process().address()).sorted().toList();
  }
}
