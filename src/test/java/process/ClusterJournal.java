package process;

import java.util.List;
import storage.StoredEvent;

/** The journal of a cluster's nodes, as a test meets it. Made by {@link Clusters}. One thread. */
interface ClusterJournal extends AutoCloseable {

  /** What is done with an event. */
  interface Action {
    void on(StoredEvent event) throws Exception;
  }

  /** What a node's command line says of it. */
  List<String> options(ClusterNode node);

  /** The highest number in it, asked of what it is kept in and not of the nodes. */
  long head() throws Exception;

  /** Calls for every event in order, without a gap; the nodes may run, but should be idle. */
  void forEach(Action action) throws Exception;

  /** Events that follow a number, in order, as many as come at once; the nodes may run. */
  List<StoredEvent> after(long seq) throws Exception;

  /** How many of so many nodes have to live, so that writes are taken. */
  int livingMin(int nodes);

  /** Lets a node reach it no more, where it is not one of the nodes that keep it. */
  void keepFrom(ClusterNode node);

  /** Lets a node reach it again. */
  void giveBack(ClusterNode node);

  /** Lets a cluster of so many nodes exist; before their first start. */
  void prepare(List<ClusterNode> nodes) throws Exception;
}
