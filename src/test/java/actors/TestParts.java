package actors;

import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;

/** A node's parts, played by probes. */
final class TestParts {

  final TestProbe<Replica.Command> replica;
  final TestProbe<WriteSession.Command> session;
  final TestProbe<ReadGate.Command> readGate;
  final TestProbe<SnapshotKeeper.Command> snapshots;
  final ReplicaGauge gauge = new ReplicaGauge();
  final NodeMetrics metrics = new NodeMetrics();

  TestParts(ActorTestKit testKit) {
    replica = testKit.createTestProbe();
    session = testKit.createTestProbe();
    readGate = testKit.createTestProbe();
    snapshots = testKit.createTestProbe();
  }

  LocalParts local() {
    return new LocalParts(
        replica.getRef(), session.getRef(), readGate.getRef(), snapshots.getRef(), gauge, metrics);
  }
}
