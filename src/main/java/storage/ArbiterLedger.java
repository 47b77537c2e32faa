package storage;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import storage.ArbiterState.Admission;
import storage.ArbiterState.Heard;
import storage.ArbiterState.ProcessKey;

/**
 * Everything an arbiter remembers, and how each call changes it. Pure and immutable: the same
 * ledger, call and time always give the same answer and the same next ledger, so that several
 * machines that apply the same calls in the same order agree.
 *
 * <p>Times are microseconds of one clock; it may jump, see {@link ArbiterState}.
 */
public final class ArbiterLedger {

  /** For how long it is remembered who was put out; a process is not frozen for longer. */
  private static final long FORGET_MICROS = 7L * 24 * 3600 * 1_000_000;

  private record PutOut(String reason, long atMicros) {}

  /**
   * What a call gives.
   *
   * @param after the ledger from now on
   */
  public record Decision<T>(ArbiterLedger after, T answer) {}

  private final long formation;
  private final @Nullable ProcessKey former;
  private final List<Heard> heard;
  private final Map<ProcessKey, PutOut> putOut;

  private ArbiterLedger(
      long formation,
      @Nullable ProcessKey former,
      List<Heard> heard,
      Map<ProcessKey, PutOut> putOut) {
    this.formation = formation;
    this.former = former;
    this.heard = List.copyOf(heard);
    this.putOut = Map.copyOf(putOut);
  }

  /** Before the first call. */
  public static ArbiterLedger empty() {
    return new ArbiterLedger(0, null, List.of(), Map.of());
  }

  /** See {@link Arbiter#enter}. */
  public Decision<Arbiter.Entry> enter(long nowMicros, Arbiter.Process self) {
    PutOut own = putOut.get(ProcessKey.of(self));
    if (own != null) {
      return new Decision<>(this, new Arbiter.Entry.Wait("this start was put out: " + own.reason));
    }
    ArbiterState before = state(nowMicros);
    ArbiterState state = before.with(before.candidate(self));
    Admission admission = state.admit(self);
    Map<ProcessKey, PutOut> out = new HashMap<>(putOut);
    admission
        .replaced()
        .forEach(
            earlier ->
                out.putIfAbsent(
                    earlier, new PutOut("node " + self.nodeId() + " was started anew", nowMicros)));
    long newest = formation;
    ProcessKey by = former;
    List<Heard> known = without(state.heard(), admission.replaced());
    if (admission.entry() instanceof Arbiter.Entry.Form form && form.formation() > formation) {
      newest = form.formation();
      by = ProcessKey.of(self);
      out.values().removeIf(one -> one.atMicros < nowMicros - FORGET_MICROS);
      known =
          known.stream().filter(one -> one.heardAtMicros() >= nowMicros - FORGET_MICROS).toList();
    }
    return new Decision<>(new ArbiterLedger(newest, by, known, out), admission.entry());
  }

  /** See {@link Arbiter#renew}. */
  public Decision<Arbiter.Standing> renew(
      long nowMicros, Arbiter.Process self, long ofFormation, boolean member) {
    Optional<Arbiter.Standing> out = out(self, ofFormation);
    if (out.isPresent()) {
      return new Decision<>(this, out.get());
    }
    ArbiterState before = state(nowMicros);
    ArbiterState state = before.with(member ? before.member(self) : before.candidate(self));
    return new Decision<>(
        new ArbiterLedger(formation, former, state.heard(), putOut), new Arbiter.Standing.In());
  }

  /** See {@link Arbiter#putOut}. */
  public Decision<Arbiter.Standing> putOut(
      long nowMicros, Arbiter.Process self, long ofFormation, List<Arbiter.Process> others) {
    Optional<Arbiter.Standing> out = out(self, ofFormation);
    if (out.isPresent()) {
      return new Decision<>(this, out.get());
    }
    List<ProcessKey> keys =
        others.stream()
            .map(ProcessKey::of)
            .filter(key -> !key.equals(ProcessKey.of(self)))
            .toList();
    return new Decision<>(
        putOut(nowMicros, keys, "node " + self.nodeId() + " could not reach it"),
        new Arbiter.Standing.In());
  }

  /** See {@link Arbiter#leave}. A renewal that comes in late must not make it known again. */
  public ArbiterLedger leave(long nowMicros, Arbiter.Process self) {
    return putOut(nowMicros, List.of(ProcessKey.of(self)), "it has left");
  }

  /** See {@link Arbiter#known}. */
  public List<Arbiter.Process> known(long nowMicros) {
    ArbiterState state = state(nowMicros);
    return state.heard().stream().filter(state::isAlive).map(Heard::process).toList();
  }

  private ArbiterState state(long nowMicros) {
    return new ArbiterState(nowMicros, formation, former, heard);
  }

  private ArbiterLedger putOut(long nowMicros, List<ProcessKey> keys, String reason) {
    Map<ProcessKey, PutOut> out = new HashMap<>(putOut);
    keys.forEach(key -> out.putIfAbsent(key, new PutOut(reason, nowMicros)));
    return new ArbiterLedger(formation, former, without(heard, keys), out);
  }

  private static List<Heard> without(List<Heard> heard, List<ProcessKey> keys) {
    return heard.stream().filter(one -> !keys.contains(one.key())).toList();
  }

  private Optional<Arbiter.Standing> out(Arbiter.Process self, long ofFormation) {
    PutOut own = putOut.get(ProcessKey.of(self));
    if (own != null) {
      return Optional.of(new Arbiter.Standing.Out("it was put out: " + own.reason));
    }
    if (ofFormation != formation) {
      return Optional.of(
          new Arbiter.Standing.Out(
              "formation "
                  + ofFormation
                  + " is not the cluster's: formation "
                  + formation
                  + " is"));
    }
    return Optional.empty();
  }

  /**
   * The stored form: CBOR {@code [formation, former address, former uid, heard, put out]}, a former
   * address of "" for none. Equal ledgers have equal bytes.
   */
  public byte[] encode() {
    return Cbor.write(
        256,
        out -> {
          out.writeStartArray(null, 5);
          out.writeNumber(formation);
          out.writeString(former == null ? "" : former.address());
          out.writeNumber(former == null ? 0 : former.uid());
          out.writeStartArray(null, heard.size());
          for (Heard one : heard) {
            out.writeStartArray(null, 8);
            out.writeString(one.process().nodeId());
            out.writeString(one.process().address());
            out.writeNumber(one.process().uid());
            out.writeNumber(one.formation());
            out.writeBoolean(one.member());
            out.writeNumber(one.enteredAtMicros());
            out.writeNumber(one.attendedFromMicros());
            out.writeNumber(one.heardAtMicros());
            out.writeEndArray();
          }
          out.writeEndArray();
          out.writeStartArray(null, putOut.size());
          for (Map.Entry<ProcessKey, PutOut> one : inOrder(putOut)) {
            out.writeStartArray(null, 4);
            out.writeString(one.getKey().address());
            out.writeNumber(one.getKey().uid());
            out.writeString(one.getValue().reason());
            out.writeNumber(one.getValue().atMicros());
            out.writeEndArray();
          }
          out.writeEndArray();
          out.writeEndArray();
        });
  }

  private static List<Map.Entry<ProcessKey, PutOut>> inOrder(Map<ProcessKey, PutOut> putOut) {
    return putOut.entrySet().stream().sorted(Map.Entry.comparingByKey(ProcessKey.ORDER)).toList();
  }

  /** Reads what {@link #encode} wrote. */
  public static ArbiterLedger decode(byte[] bytes) throws FormatException {
    return Cbor.read(bytes, "the arbiter's ledger", ArbiterLedger::read);
  }

  private static ArbiterLedger read(Cbor.Reader in) throws IOException, FormatException {
    in.startArray();
    long formation = in.nextLong();
    String address = in.nextText();
    long uid = in.nextLong();
    List<Heard> heard = new ArrayList<>();
    in.startArray();
    while (in.nextElement()) {
      heard.add(
          new Heard(
              new Arbiter.Process(in.nextText(), in.nextText(), in.nextLong()),
              in.nextLong(),
              in.nextBoolean(),
              in.nextLong(),
              in.nextLong(),
              in.nextLong()));
      in.endArray();
    }
    Map<ProcessKey, PutOut> putOut = new HashMap<>();
    in.startArray();
    while (in.nextElement()) {
      putOut.put(
          new ProcessKey(in.nextText(), in.nextLong()), new PutOut(in.nextText(), in.nextLong()));
      in.endArray();
    }
    in.endArray();
    return new ArbiterLedger(
        formation, address.isEmpty() ? null : new ProcessKey(address, uid), heard, putOut);
  }
}
