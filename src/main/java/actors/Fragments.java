package actors;

import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import sql.Position;

/**
 * Puts together items that are too large for one message. Bounded in bytes; what stays incomplete
 * is forgotten after a while, because its node sends it again from the start. Pure; one thread.
 */
final class Fragments {

  private static final long PATIENCE_NANOS = 10_000_000_000L;

  private record Id(Position session, long number) {}

  private static final class Assembly {
    final byte[] bytes;
    final boolean[] there;
    int missing;
    long lastNanos;

    Assembly(int length, int count) {
      bytes = new byte[length];
      there = new boolean[count];
      missing = count;
    }
  }

  private final long bytesMax;
  private final Map<Id, Assembly> assemblies = new HashMap<>();
  private long bytes;

  Fragments(long bytesMax) {
    this.bytesMax = bytesMax;
  }

  /** Takes a fragment; returns the whole item when it was the last one that was missing. */
  Sequencer.@Nullable Item add(Sequencer.Fragment fragment, long nowNanos) {
    if (!isPossible(fragment)) {
      return null;
    }
    Id id = new Id(fragment.session(), fragment.number());
    Assembly assembly = assemblies.get(id);
    if (assembly == null || !fits(fragment, assembly)) {
      forget(nowNanos);
      if (bytes + fragment.length() > bytesMax) {
        return null;
      }
      remove(id);
      assembly = new Assembly(fragment.length(), fragment.count());
      assemblies.put(id, assembly);
      bytes += fragment.length();
    }
    assembly.lastNanos = nowNanos;
    if (!fits(fragment, assembly)) {
      return null;
    }
    if (!assembly.there[fragment.index()]) {
      assembly.there[fragment.index()] = true;
      assembly.missing--;
      System.arraycopy(
          fragment.bytes(), 0, assembly.bytes, offset(fragment), fragment.bytes().length);
    }
    if (assembly.missing > 0) {
      return null;
    }
    remove(id);
    return new Sequencer.Item(fragment.session(), fragment.number(), false, assembly.bytes);
  }

  private static boolean isPossible(Sequencer.Fragment fragment) {
    int size = SequencerLink.ENVELOPE_BYTES_MAX;
    return fragment.length() > 0
        && fragment.count() == (fragment.length() - 1) / size + 1
        && fragment.index() >= 0
        && fragment.index() < fragment.count();
  }

  private static int offset(Sequencer.Fragment fragment) {
    return fragment.index() * SequencerLink.ENVELOPE_BYTES_MAX;
  }

  private static boolean fits(Sequencer.Fragment fragment, Assembly assembly) {
    return assembly.bytes.length == fragment.length()
        && assembly.there.length == fragment.count()
        && offset(fragment) + fragment.bytes().length <= fragment.length();
  }

  private void forget(long nowNanos) {
    for (Iterator<Assembly> all = assemblies.values().iterator(); all.hasNext(); ) {
      Assembly assembly = all.next();
      if (nowNanos - assembly.lastNanos > PATIENCE_NANOS) {
        bytes -= assembly.bytes.length;
        all.remove();
      }
    }
  }

  private void remove(Id id) {
    Assembly gone = assemblies.remove(id);
    if (gone != null) {
      bytes -= gone.bytes.length;
    }
  }
}
