package actors;

/**
 * What one node tells another, or itself: sent to the other's {@link NodeGateway}, which hands it
 * to the part it is for. Like every message it is a hint: it may be lost, repeated or late.
 */
public interface NodeMessage extends Wire {}
