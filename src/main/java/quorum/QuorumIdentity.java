package quorum;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import storage.JournalException;

/**
 * Who this node is among those that keep the journal. Stored before it takes any part, and never
 * made a second time for the same data: two servers under one identity could vote twice.
 *
 * @param standing how far it has come
 * @param group the group's id, which is the cluster's too
 * @param peerId its own, random, so that an emptied disk comes back as somebody else
 * @param peers those who formed the group, or whom a joining node heard of; where the group has
 *     changed since, the Raft log knows better
 */
public record QuorumIdentity(Standing standing, UUID group, String peerId, List<Peer> peers) {

  /** How far a node has come. */
  public enum Standing {
    /** A group was proposed to it; nobody takes part before all have stored the proposal. */
    PROPOSED,
    /** As {@link #JOINING}, but what an earlier identity has left is to be deleted first. */
    EMPTYING,
    /** It has found a group that was formed without it, and is to be added. */
    JOINING,
    /** It is sent everything and has never voted: it may begin anew under another identity. */
    LISTENER,
    /** It goes on with what it holds, in a new group, of which it is the only voter at first. */
    ALONE,
    /** It may have voted: its Raft log exists, and must exist at every later start. */
    MEMBER
  }

  /**
   * One of those who keep the journal.
   *
   * @param id its identity
   * @param address host:port of its Raft server
   */
  public record Peer(String id, String address) {

    /** The name of the node that took this identity, without colons. */
    public String nodeId() {
      return id.substring(0, id.length() - RANDOM_BYTES * 2 - 1);
    }

    /** Whether a node of that name took this identity. */
    public boolean isOf(String node) {
      return nodeId().equals(node.replace(':', '_'));
    }
  }

  private static final String FILE = "identity.json";
  private static final int FORMAT = 1;
  private static final int RANDOM_BYTES = 4;
  private static final ObjectMapper JSON = new ObjectMapper();

  public QuorumIdentity {
    peers = List.copyOf(peers);
  }

  /** A new identity for a node: its name, without colons, and something random. */
  public static String newPeerId(String nodeId) {
    byte[] random = new byte[RANDOM_BYTES];
    new SecureRandom().nextBytes(random);
    return nodeId.replace(':', '_') + "-" + HexFormat.of().formatHex(random);
  }

  /** Whether it was in the group already: then its Raft log and its copy of the journal exist. */
  boolean mustHaveFiles() {
    return standing == Standing.MEMBER || standing == Standing.LISTENER;
  }

  /** The same, further on. */
  public QuorumIdentity as(Standing next) {
    return new QuorumIdentity(next, group, peerId, peers);
  }

  /**
   * What was stored in a folder, if anything was.
   *
   * @throws JournalException if the file cannot be read; then the node must not begin anew
   */
  public static Optional<QuorumIdentity> load(Path directory) throws JournalException {
    Path file = directory.resolve(FILE);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      JsonNode json = JSON.readTree(Files.readAllBytes(file));
      if (json.path("format").asInt() != FORMAT) {
        throw new JournalException(file + " was written by another release of peqlite");
      }
      List<Peer> peers = new ArrayList<>();
      for (JsonNode peer : json.required("peers")) {
        peers.add(new Peer(peer.required("id").asText(), peer.required("address").asText()));
      }
      return Optional.of(
          new QuorumIdentity(
              Standing.valueOf(json.required("standing").asText()),
              UUID.fromString(json.required("group").asText()),
              json.required("peerId").asText(),
              peers));
    } catch (IOException | IllegalArgumentException e) {
      throw new JournalException(
          "cannot read " + file + ", without which this node does not know who it is: " + e, e);
    }
  }

  /**
   * Stores it in a folder, in place of what was there; synced when this returns.
   *
   * @throws JournalException if that fails; then what was there before still is
   */
  public void store(Path directory) throws JournalException {
    ObjectNode json = JSON.createObjectNode();
    json.put("format", FORMAT);
    json.put("standing", standing.name());
    json.put("group", group.toString());
    json.put("peerId", peerId);
    ArrayNode list = json.putArray("peers");
    for (Peer peer : peers) {
      list.addObject().put("id", peer.id()).put("address", peer.address());
    }
    try {
      QuorumFiles.replace(
          directory, FILE, JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(json));
    } catch (IOException e) {
      throw new JournalException(
          "cannot write " + directory.resolve(FILE) + ": " + e.getMessage(), e);
    }
  }
}
