package storage;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** The hash that chains events: SHA-256 over an event's bytes as the journal holds them. */
public final class EventHash {

  /** Its length in bytes. */
  public static final int LENGTH = 32;

  private EventHash() {}

  /** What the first event names as the hash of the event before it. A new array for each call. */
  public static byte[] none() {
    return new byte[LENGTH];
  }

  /** The hash of an event, or of a request. */
  public static byte[] of(byte[] bytes) {
    return newDigest().digest(bytes);
  }

  /** The same hash, for bytes that come one after another. */
  public static MessageDigest newDigest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException impossible) {
      // Every Java platform has to provide SHA-256 (java.security.MessageDigest).
      throw new IllegalStateException(impossible);
    }
  }
}
