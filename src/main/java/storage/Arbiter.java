package storage;

import java.util.List;

/**
 * Decides for all nodes of a cluster, once and durably, who forms it and who is put out of it. Its
 * decisions stand in one order, whatever the nodes can see of each other.
 *
 * <p>All methods block, may be called from any thread, and answer within a bounded time. A {@link
 * JournalException} means that nothing is known: ask again, and decide nothing meanwhile.
 */
public interface Arbiter extends AutoCloseable {

  /**
   * One start of a node's cluster side; a restart is another one.
   *
   * @param nodeId the node's name
   * @param address host:port of its cluster side
   * @param uid Pekko's unique id of the start
   */
  record Process(String nodeId, String address, long uid) {}

  /** What a process that is in no cluster yet is to do. */
  sealed interface Entry {

    /** Join through any of these members (host:port), none of them the process itself. */
    record Join(long formation, List<String> addresses) implements Entry {}

    /** Form the cluster: nobody else may, as long as the process renews in time. */
    record Form(long formation) implements Entry {}

    /** Ask again in a moment: it is not known yet whether a cluster lives. */
    record Wait(String reason) implements Entry {}

    /** The process must not take part: another one has its node's name or its address. */
    record Refused(String reason) implements Entry {}
  }

  /** Whether a process still belongs to the cluster. */
  sealed interface Standing {

    /** It does. */
    record In() implements Standing {}

    /** It was put out, or another cluster has been formed: it has to enter anew. */
    record Out(String reason) implements Standing {}
  }

  /** The id that the journal's database got when it was first used; the same for all its nodes. */
  String clusterId() throws JournalException;

  /** Asks to take part; makes the process known, so that it is to be called again and again. */
  Entry enter(Process self) throws JournalException;

  /** The processes that have asked to enter or are members, and have been heard of lately. */
  List<Process> known() throws JournalException;

  /**
   * Says that the process lives and, if so, that it is a member of the cluster of this formation.
   * To be called about once a second.
   */
  Standing renew(Process self, long formation, boolean member) throws JournalException;

  /**
   * Puts the others out for good, unless the process itself is out.
   *
   * @return {@code In} when the others are out
   */
  Standing putOut(Process self, long formation, List<Process> others) throws JournalException;

  /** The process ends: nobody need wait for it. */
  void leave(Process self) throws JournalException;

  @Override
  void close();
}
