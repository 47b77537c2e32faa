package sql;

import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.MDC;

/**
 * What the log calls a client's request by, from its arrival to its apply: the client's own word
 * for it, or one made here. It is for people, decides nothing and is never stored. Stateless.
 */
public final class RequestId {

  /** The name of the field that it is in a line of the log. */
  public static final String FIELD = "request_id";

  /** The longest that is taken from a client. */
  public static final int LENGTH_MAX = 128;

  private static final String OTHERS = "-_.:/+=@~";

  /** So that what two processes make is not the same. */
  private static final String PROCESS =
      Integer.toHexString(ThreadLocalRandom.current().nextInt() | 0x8000_0000) + "-";

  private static final AtomicLong MADE = new AtomicLong();

  private RequestId() {}

  /** Whether it can stand in a log and in a header as it is: short, and of harmless characters. */
  public static boolean isSane(String id) {
    if (id.isEmpty() || id.length() > LENGTH_MAX) {
      return false;
    }
    for (int i = 0; i < id.length(); i++) {
      char c = id.charAt(i);
      boolean plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      if (!plain && OTHERS.indexOf(c) < 0) {
        return false;
      }
    }
    return true;
  }

  /** A new one, that no other request in any process should have. */
  public static String next() {
    return PROCESS + Long.toHexString(MADE.incrementAndGet());
  }

  /** Does what logs something about that request; an empty id is that of none. */
  public static void inLog(String id, Runnable logging) {
    if (id.isEmpty()) {
      logging.run();
      return;
    }
    MDC.put(FIELD, id);
    try {
      logging.run();
    } finally {
      MDC.remove(FIELD);
    }
  }
}
