package storage;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import storage.ArbiterState.Admission;
import storage.ArbiterState.Heard;
import storage.ArbiterState.ProcessKey;

/** An arbiter with the rules of {@link ArbiterState} that keeps what it knows in memory. */
public final class MemoryArbiter implements Arbiter {

  private final String clusterId;
  private final Map<ProcessKey, String> putOut = new HashMap<>();
  private final List<String> decisions = new ArrayList<>();
  private List<Heard> heard = List.of();
  private long formation;
  private @Nullable ProcessKey former;

  public MemoryArbiter(String clusterId) {
    this.clusterId = clusterId;
  }

  /** What was decided, in order: {@code form} or {@code out}, and the address. */
  public synchronized List<String> decisions() {
    return List.copyOf(decisions);
  }

  private ArbiterState state() {
    long nowMicros = TimeUnit.NANOSECONDS.toMicros(System.nanoTime());
    return new ArbiterState(nowMicros, formation, former, heard);
  }

  private void putOut(ProcessKey key, String reason) {
    if (putOut.putIfAbsent(key, reason) == null) {
      decisions.add("out " + key.address() + ": " + reason);
    }
    heard = heard.stream().filter(one -> !one.key().equals(key)).toList();
  }

  private Optional<Standing> out(Process self, long number) {
    String reason = putOut.get(ProcessKey.of(self));
    if (reason != null) {
      return Optional.of(new Standing.Out("it was put out: " + reason));
    }
    return number == formation
        ? Optional.empty()
        : Optional.of(new Standing.Out("another cluster has been formed"));
  }

  @Override
  public String clusterId() {
    return clusterId;
  }

  @Override
  public synchronized Entry enter(Process self) {
    String reason = putOut.get(ProcessKey.of(self));
    if (reason != null) {
      return new Entry.Wait("this start was put out: " + reason);
    }
    ArbiterState before = state();
    ArbiterState state = before.with(before.candidate(self));
    heard = state.heard();
    Admission admission = state.admit(self);
    admission.replaced().forEach(key -> putOut(key, "the node was started anew"));
    if (admission.entry() instanceof Entry.Form form && form.formation() > formation) {
      formation = form.formation();
      former = ProcessKey.of(self);
      decisions.add("form " + self.address());
    }
    return admission.entry();
  }

  @Override
  public synchronized List<Process> known() {
    ArbiterState state = state();
    return state.heard().stream().filter(state::isAlive).map(Heard::process).toList();
  }

  @Override
  public synchronized Standing renew(Process self, long number, boolean member) {
    Optional<Standing> out = out(self, number);
    if (out.isPresent()) {
      return out.get();
    }
    ArbiterState before = state();
    heard = before.with(member ? before.member(self) : before.candidate(self)).heard();
    return new Standing.In();
  }

  @Override
  public synchronized Standing putOut(Process self, long number, List<Process> others) {
    Optional<Standing> out = out(self, number);
    if (out.isPresent()) {
      return out.get();
    }
    others.forEach(other -> putOut(ProcessKey.of(other), "by " + self.address()));
    return new Standing.In();
  }

  @Override
  public synchronized void leave(Process self) {
    putOut(ProcessKey.of(self), "it has left");
  }

  @Override
  public void close() {}
}
