package actors;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.apache.pekko.actor.Address;
import org.apache.pekko.actor.AddressFromURIString;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Adapter;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import quorum.FormationState;
import quorum.Founding;
import quorum.QuorumIdentity;
import storage.JournalException;

/**
 * Says to other nodes what this one knows of the quorum, before there is a cluster that they could
 * have in common. Stands at {@code /user/quorum}: in an actor system of its own as long as the node
 * looks for the others, and then in the cluster's.
 */
final class QuorumAnnouncer {

  /** The actor's name; its path is {@code /user/} and this. */
  static final String NAME = "quorum";

  private static final Duration INTERVAL = Duration.ofMillis(300);

  /** What the actor accepts. */
  sealed interface Command {}

  /** What a node says of itself. */
  record Announced(FormationState.Status status) implements Command, Wire {}

  private enum Self implements Command {
    TICK
  }

  private QuorumAnnouncer() {}

  /**
   * Looks for the others until it is settled who this node is.
   *
   * @param settled completed with that, once
   */
  static Behavior<Command> looking(
      Founding founding, List<String> list, CompletableFuture<QuorumIdentity> settled) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> {
                  timers.startTimerWithFixedDelay(Self.TICK, Duration.ZERO, INTERVAL);
                  return Behaviors.receive(Command.class)
                      .onMessage(
                          Announced.class,
                          announced -> {
                            founding.hear(announced.status());
                            return Behaviors.same();
                          })
                      .onMessageEquals(
                          Self.TICK,
                          () -> {
                            step(context, founding, list, settled);
                            return Behaviors.same();
                          })
                      .build();
                }));
  }

  private static void step(
      ActorContext<Command> context,
      Founding founding,
      List<String> list,
      CompletableFuture<QuorumIdentity> settled) {
    try {
      founding.step().ifPresent(settled::complete);
    } catch (JournalException e) {
      context.getLog().warn("{}", e.getMessage());
    }
    FormationState.Status status = founding.status();
    for (String address : list) {
      if (!address.equals(status.address())) {
        tell(context, address, status);
      }
    }
  }

  /** Answers those who look, with what this node is a member of. */
  static Behavior<Command> answering(Supplier<FormationState.Status> status) {
    return Behaviors.setup(
        context ->
            Behaviors.receive(Command.class)
                .onMessage(
                    Announced.class,
                    announced -> {
                      if (!announced.status().begun()) {
                        tell(context, announced.status().address(), status.get());
                      }
                      return Behaviors.same();
                    })
                .build());
  }

  private static void tell(
      ActorContext<Command> context, String hostPort, FormationState.Status status) {
    Address own = Adapter.toClassic(context.getSystem()).provider().getDefaultAddress();
    Address other = AddressFromURIString.apply("pekko://" + own.system() + "@" + hostPort);
    Membership.tell(context, other, NAME, new Announced(status));
  }
}
