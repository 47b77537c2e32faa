package quorum;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.apache.ratis.proto.RaftProtos.ServerRpcProto;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.DivisionInfo;
import org.apache.ratis.server.RaftConfiguration;
import org.apache.ratis.server.RaftServer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import storage.JournalException;

/**
 * Who is in the group and how far each is, by this node's own knowledge and by the word of the one
 * that leads; and what an operator changes of it. Thread-safe.
 */
final class QuorumMembership {

  private static final Logger LOG = LoggerFactory.getLogger(QuorumMembership.class);

  /** How long a question to the leader takes at most where it is asked again and again. */
  private static final Duration ASK_MAX = Duration.ofSeconds(3);

  /** Whoever lives answers the leader's heartbeats several times in it. */
  private static final Duration ANSWERING_MAX = Duration.ofSeconds(3);

  private static final Duration ANSWERING_LOOK = Duration.ofMillis(100);

  /** The server whose group it is. */
  interface Own {

    /**
     * Ratis' view of the group.
     *
     * @throws JournalException while the server does not run
     */
    RaftServer.Division division() throws JournalException;

    /** The way to the others. */
    QuorumCalls calls();

    /** This node's identity. */
    String peerId();
  }

  private final Own own;

  QuorumMembership(Own own) {
    this.own = own;
  }

  /**
   * Who is in the group for good, as far as this node knows.
   *
   * @throws JournalException if that is being changed: what is not committed may be taken back
   */
  QuorumMembers members() throws JournalException {
    RaftServer.Division division = own.division();
    if (!isSettled(division)) {
      throw new JournalException("the quorum's members are being changed");
    }
    return QuorumMembers.of(division.getRaftConf());
  }

  static boolean isSettled(RaftServer.Division division) {
    RaftConfiguration known = division.getRaftConf();
    return !known.getAllPeers().isEmpty()
        && known.getPreviousPeers().isEmpty()
        && known.getLogEntryIndex() <= division.getRaftLog().getLastCommittedIndex();
  }

  private static QuorumMembers members(Answer answer) throws JournalException {
    if (answer instanceof Answer.Members members) {
      return new QuorumMembers(members.voters(), members.listeners());
    }
    throw new JournalException("the quorum gave another answer than who is in it");
  }

  /** What this node knows of the others as long as it leads them. */
  Answer.Progress progress() throws JournalException {
    RaftServer.Division division = own.division();
    DivisionInfo info = division.getInfo();
    List<ServerRpcProto> followers = info.getRoleInfoProto().getLeaderInfo().getFollowerInfoList();
    long @Nullable [] matches = info.getFollowerMatchIndices(); // null once it leads no more
    if (!info.isLeader() || matches == null || matches.length != followers.size()) {
      throw new JournalException("this node leads nobody at this moment");
    }
    List<Answer.Follower> known = new ArrayList<>();
    for (int i = 0; i < matches.length; i++) {
      known.add(
          new Answer.Follower(
              followers.get(i).getId().getId().toStringUtf8(),
              matches[i],
              followers.get(i).getLastRpcElapsedTimeMs()));
    }
    return new Answer.Progress(
        own.peerId(), info.getCurrentTerm(), division.getRaftLog().getLastCommittedIndex(), known);
  }

  /** How many vote, and how many of them this node has not heard lately while it leads. */
  QuorumStatus.Voters voters() throws JournalException {
    QuorumMembers known = QuorumMembers.of(own.division().getRaftConf());
    int silent = 0;
    if (own.division().getInfo().isLeader()) {
      for (Answer.Follower follower : progress().followers()) {
        boolean quiet = follower.silentMillis() > ANSWERING_MAX.toMillis();
        silent += quiet && known.isVoter(follower.id()) ? 1 : 0;
      }
    }
    return new QuorumStatus.Voters(known.voters().size(), silent);
  }

  /**
   * The voter that could lead best if this node, which leads now, did not; empty if it does not.
   */
  Optional<RaftPeerId> successor() {
    try {
      QuorumMembers known = members();
      return progress().followers().stream()
          .filter(follower -> known.isVoter(follower.id()))
          .filter(follower -> follower.silentMillis() < ANSWERING_MAX.toMillis())
          .max(Comparator.comparingLong(Answer.Follower::match))
          .map(follower -> RaftPeerId.valueOf(follower.id()));
    } catch (JournalException e) {
      return Optional.empty();
    }
  }

  /** Who is in the group by the word of its leader. */
  QuorumMembers byLeader() throws JournalException {
    return members(own.calls().ask(new Question.AskMembers(), ASK_MAX));
  }

  /** The same for a node that may be out of it, and then is not told of its leaders. */
  QuorumMembers byOthers() throws JournalException {
    return members(own.calls().askOthers(new Question.AskMembers(), ASK_MAX));
  }

  /**
   * Who is in the group, sorted by identity, with what the one that leads says of each. Blocks.
   *
   * @param max how long to wait for that one
   */
  List<QuorumStatus.Member> members(Duration max) {
    QuorumMembers known;
    String leader;
    try {
      RaftServer.Division division = own.division();
      known = QuorumMembers.of(division.getRaftConf());
      leader = String.valueOf(division.getInfo().getLeaderId());
    } catch (JournalException e) {
      return List.of();
    }
    Map<String, Answer.Follower> followers = new HashMap<>();
    try {
      if (own.calls().ask(new Question.AskProgress(), max) instanceof Answer.Progress progress) {
        leader = progress.leader();
        progress.followers().forEach(follower -> followers.put(follower.id(), follower));
        followers.put(leader, new Answer.Follower(leader, progress.committed(), 0));
      }
    } catch (JournalException e) {
      LOG.debug("nobody says how far the others are", e);
    }
    List<QuorumStatus.Member> members = new ArrayList<>();
    for (QuorumIdentity.Peer peer : known.all()) {
      Optional<Answer.Follower> said = Optional.ofNullable(followers.get(peer.id()));
      members.add(
          new QuorumStatus.Member(
              peer,
              known.isVoter(peer.id()),
              peer.id().equals(leader),
              said.map(follower -> OptionalLong.of(follower.match())).orElse(OptionalLong.empty()),
              said.map(follower -> OptionalLong.of(follower.silentMillis()))
                  .orElse(OptionalLong.empty())));
    }
    return members;
  }

  /**
   * Takes a node out of the quorum for good. Blocks.
   *
   * @param name the node's, or one of its identities
   */
  MemberChange remove(String name, Duration max) {
    return change((members, answering) -> members.remove(name, answering), max);
  }

  /**
   * Lets a node that has lost its disk, and has come back with an empty one, vote in its own place.
   * Blocks; when this is done the node asks to be added, which takes as long as it has to catch up.
   */
  MemberChange replace(String name, Duration max) {
    return change((members, answering) -> members.replace(name, answering), max);
  }

  private interface Deciding {
    QuorumMembers.Decision decide(QuorumMembers members, Set<String> answering);
  }

  private MemberChange change(Deciding deciding, Duration max) {
    long deadlineNanos = System.nanoTime() + max.toNanos();
    QuorumMembers.Decision decision;
    try {
      QuorumMembers members = byLeader();
      decision = deciding.decide(members, answering(members, max));
    } catch (JournalException e) {
      return new MemberChange.Refused(
          "the quorum has no majority now, or is being changed: " + e.getMessage());
    }
    if (decision instanceof QuorumMembers.Decision.Make make) {
      LOG.info("an operator asks the quorum: {}", make.change().what());
      try {
        Duration left = Duration.ofNanos(Math.max(0, deadlineNanos - System.nanoTime()));
        own.calls().reconfigure(make.change().arguments(), left);
        return new MemberChange.Done(make.change().what());
      } catch (JournalException e) {
        return new MemberChange.Unknown(String.valueOf(e.getMessage()));
      }
    }
    return new MemberChange.Refused(((QuorumMembers.Decision.Refuse) decision).reason());
  }

  /**
   * Who answers the leader now, he included: since this was asked, so that nobody counts who died a
   * moment ago.
   */
  private Set<String> answering(QuorumMembers members, Duration max) throws JournalException {
    long beganNanos = System.nanoTime();
    Set<String> answering = new HashSet<>();
    while (true) {
      long passedMillis = (System.nanoTime() - beganNanos) / 1_000_000;
      if (!(own.calls().ask(new Question.AskProgress(), max) instanceof Answer.Progress progress)) {
        throw new JournalException("the quorum gave another answer than how far it is");
      }
      answering.add(progress.leader());
      for (Answer.Follower follower : progress.followers()) {
        if (follower.silentMillis() < passedMillis) {
          answering.add(follower.id());
        }
      }
      if (members.all().stream().allMatch(peer -> answering.contains(peer.id()))
          || passedMillis > ANSWERING_MAX.toMillis()) {
        return answering;
      }
      QuorumCalls.pause(ANSWERING_LOOK.toNanos());
    }
  }
}
