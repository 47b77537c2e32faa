package quorum;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import storage.JournalException;

/**
 * A node that has no part in a quorum yet, and looks for one with the others: keeps what it has
 * heard, follows {@link FormationState}, and stores every step before it is said. One thread.
 */
public final class Founding {

  /** What a node said longer ago may be so no longer; each says it several times a second. */
  private static final long HEARD_NANOS = TimeUnit.SECONDS.toNanos(3);

  /** Longer than that, so that whoever acted on something older has said so. */
  private static final long STEADY_NANOS = TimeUnit.SECONDS.toNanos(5);

  private record Heard(FormationState.Status status, long atNanos) {}

  private final QuorumSettings settings;
  private final String clusterAddress;
  private final List<String> list;
  private final String quorumAddress;
  private final Map<String, Heard> heard = new HashMap<>();
  private Optional<QuorumIdentity> identity;
  private String candidateId;
  private List<String> steadyOf = List.of();
  private long steadySinceNanos;
  private boolean proposedBefore;
  private String waitsFor = "";

  /**
   * Begins, or resumes after a crash.
   *
   * @param clusterAddress host:port, as the others name this node
   * @param list whom {@code --join} names
   * @throws JournalException if what was stored cannot be read
   */
  public Founding(QuorumSettings settings, String clusterAddress, List<String> list)
      throws JournalException {
    this.settings = settings;
    this.clusterAddress = clusterAddress;
    this.list = List.copyOf(list);
    this.identity = QuorumIdentity.load(settings.directory());
    this.quorumAddress = QuorumAddress.of(settings, identity);
    this.candidateId =
        identity
            .map(QuorumIdentity::peerId)
            .orElseGet(() -> QuorumIdentity.newPeerId(settings.nodeId()));
  }

  /** What this node says of itself now. */
  public FormationState.Status status() {
    return new FormationState.Status(
        clusterAddress,
        candidateId,
        quorumAddress,
        list,
        identity.map(known -> known.group().toString()).orElse(""),
        false,
        identity.map(QuorumIdentity::peers).orElse(List.of()));
  }

  /** Another node has said something of itself. */
  public void hear(FormationState.Status status) {
    heard.put(status.address(), new Heard(status, System.nanoTime()));
  }

  /** What this node waits for, in words for an operator. */
  public String waitsFor() {
    return waitsFor;
  }

  /**
   * Goes as far as is possible now.
   *
   * @return who this node is, as soon as that is settled and stored
   * @throws JournalException if it cannot be stored; then nothing has happened, and it may be tried
   *     again
   */
  public Optional<QuorumIdentity> step() throws JournalException {
    long now = System.nanoTime();
    heard.values().removeIf(one -> now - one.atNanos() > HEARD_NANOS);
    List<FormationState.Status> statuses =
        new ArrayList<>(heard.values().stream().map(Heard::status).toList());
    FormationState.Step step =
        FormationState.next(status(), statuses, UUID.randomUUID(), isSteady(statuses, now));
    if (step instanceof FormationState.Step.Accept accept) {
      store(
          new QuorumIdentity(
              QuorumIdentity.Standing.PROPOSED, accept.group(), candidateId, accept.peers()));
      waitsFor = "waits for the other nodes to store who forms the cluster";
      return Optional.empty();
    }
    if (step instanceof FormationState.Step.Join join) {
      QuorumIdentity joining =
          new QuorumIdentity(
              QuorumIdentity.Standing.JOINING,
              join.group(),
              QuorumIdentity.newPeerId(settings.nodeId()),
              join.peers());
      store(joining);
      return Optional.of(joining);
    }
    if (step instanceof FormationState.Step.Wait wait) {
      waitsFor = wait.reason();
      return Optional.empty();
    }
    return identity;
  }

  private void store(QuorumIdentity next) throws JournalException {
    next.store(settings.directory());
    identity = Optional.of(next);
    candidateId = next.peerId();
    proposedBefore = true;
  }

  /** At first nobody can have acted on anything older: the first proposal need not wait. */
  private boolean isSteady(List<FormationState.Status> statuses, long now) {
    boolean fresh =
        !proposedBefore
            && identity.isEmpty()
            && statuses.stream().allMatch(status -> status.group().isEmpty());
    List<String> what = statuses.stream().map(Object::toString).sorted().toList();
    if (!what.equals(steadyOf)) {
      steadyOf = what;
      steadySinceNanos = now;
    }
    return fresh || now - steadySinceNanos > STEADY_NANOS;
  }
}
