package storage;

import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The arbiter of a journal that only one node can use: that node always forms the cluster, and
 * nobody puts it out.
 *
 * <p>The cluster's id is another one for each instance, so that no node takes another for a member
 * of its own cluster.
 */
public final class SoloArbiter implements Arbiter {

  private static final long FORMATION = 1;

  private final String clusterId = UUID.randomUUID().toString();
  private final Set<Process> known = ConcurrentHashMap.newKeySet();

  @Override
  public String clusterId() {
    return clusterId;
  }

  @Override
  public Entry enter(Process self) {
    known.add(self);
    return new Entry.Form(FORMATION);
  }

  @Override
  public List<Process> known() {
    return List.copyOf(known);
  }

  @Override
  public Standing renew(Process self, long formation, boolean member) {
    return new Standing.In();
  }

  @Override
  public Standing putOut(Process self, long formation, List<Process> others) {
    return new Standing.In();
  }

  @Override
  public void leave(Process self) {
    known.remove(self);
  }

  @Override
  public void close() {}
}
