package actors;

import org.apache.pekko.actor.typed.ActorRef;

/** The parts of this node that messages from other nodes are for. Thread-safe. */
record LocalParts(
    ActorRef<Replica.Command> replica,
    ActorRef<WriteSession.Command> session,
    ActorRef<ReadGate.Command> readGate,
    ActorRef<SnapshotKeeper.Command> snapshots,
    ReplicaGauge gauge,
    NodeMetrics metrics) {

  /** Hands a message to the part it is for; what is for none of them is passed over. */
  void deliver(NodeMessage message) {
    if (message instanceof Replica.Command forReplica) {
      replica.tell(forReplica);
    } else if (message instanceof WriteSession.Command forSession) {
      session.tell(forSession);
    } else if (message instanceof ReadGate.Command forReads) {
      readGate.tell(forReads);
    } else if (message instanceof SnapshotKeeper.Command forSnapshots) {
      snapshots.tell(forSnapshots);
    }
  }
}
