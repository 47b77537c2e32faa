package process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * Does to nodes, in the order of Kubernetes' controller, what that does to the pods of a
 * StatefulSet whose pods are managed in parallel: each pod has a name and a volume for ever and an
 * address for one life; an update goes from the last pod to the first, and waits until each is
 * ready. One thread.
 */
final class StatefulSet implements AutoCloseable {

  /** How long the connections of clients may still come to a pod that is to end. */
  private static final Duration PRE_STOP = Duration.ofMillis(500);

  private static final long PROBE_MILLIS = 200;

  private final Cluster cluster;
  private final KubernetesApi api;
  private final List<ClusterNode> pods;
  private final Set<ClusterNode> ready = ConcurrentHashMap.newKeySet();
  private final Set<ClusterNode> ending = ConcurrentHashMap.newKeySet();
  private final ScheduledExecutorService kubelet = Executors.newSingleThreadScheduledExecutor();
  private int addresses = 1;

  StatefulSet(Cluster cluster, KubernetesApi api, List<ClusterNode> pods) {
    this.cluster = cluster;
    this.api = api;
    this.pods = List.copyOf(pods);
    kubelet.scheduleWithFixedDelay(this::probe, PROBE_MILLIS, PROBE_MILLIS, TimeUnit.MILLISECONDS);
  }

  private void probe() {
    for (ClusterNode pod : pods) {
      if (pod.isReady()) {
        ready.add(pod);
      } else {
        ready.remove(pod);
      }
    }
  }

  /** Whether the Service sends clients to a pod: it is ready and not about to end. Thread-safe. */
  boolean serves(ClusterNode pod) {
    return ready.contains(pod) && !ending.contains(pod);
  }

  /** Its pods, running or not, as a cluster. */
  Cluster cluster() {
    return cluster;
  }

  /** Whom its pods ask for each other. */
  KubernetesApi api() {
    return api;
  }

  /** Pods that have not been needed so far are made, all at once; those at the end are deleted. */
  void scale(int replicas) throws Exception {
    for (ClusterNode pod : pods.subList(0, replicas)) {
      if (!pod.isAlive()) {
        create(pod);
      }
    }
    for (int number = pods.size() - 1; number >= replicas; number--) {
      if (pods.get(number).isAlive()) {
        end(pods.get(number));
      }
    }
    awaitReady();
  }

  /** Ends each pod in order, from the last to the first, and makes it anew. */
  void update() throws Exception {
    for (int number = pods.size() - 1; number >= 0; number--) {
      ClusterNode pod = pods.get(number);
      if (pod.isAlive()) {
        end(pod);
        create(pod);
        awaitReady();
      }
    }
  }

  /** A pod is deleted in order; the controller makes it anew. */
  void delete(ClusterNode pod) throws Exception {
    end(pod);
    create(pod);
  }

  /** A pod's machine is gone; when Kubernetes has noticed, the controller makes the pod anew. */
  void lose(ClusterNode pod) throws Exception {
    pod.kill9();
    api.gone(pod.id());
    create(pod);
  }

  /** Waits until all pods that run are ready and in one cluster. */
  void awaitReady() throws Exception {
    cluster.awaitReady();
  }

  /** Makes a pod without waiting for it. */
  void create(ClusterNode pod) throws Exception {
    // All of 127.0.0.0/8 is this machine.
    pod.host("127.0.1." + addresses++).start();
    ready.remove(pod);
    ending.remove(pod);
    api.running(pod.id(), pod.host(), pod.ports().management());
  }

  private void end(ClusterNode pod) throws Exception {
    api.terminating(pod.id(), pod.host(), pod.ports().management());
    ending.add(pod);
    Eventually.pass(PRE_STOP);
    assertTrue(pod.isAlive(), () -> pod + " has ended by itself");
    assertEquals(0, pod.terminate(), () -> pod + " ended badly");
    api.gone(pod.id());
  }

  @Override
  public void close() {
    kubelet.shutdownNow();
  }
}
