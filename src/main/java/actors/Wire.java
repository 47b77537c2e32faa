package actors;

/** Marks messages that may cross from one node to another; Jackson writes them as CBOR. */
public interface Wire {}
