package storage;

/**
 * The formats that this release writes and reads. It reads those of the release before too, and
 * writes a newer one only when every member can read it, so that a cluster can be upgraded node by
 * node. Methods and not constants, so that no other class holds a copy.
 */
public final class Formats {

  private Formats() {}

  /**
   * The newest determinism rules that this release can apply.
   *
   * <p>2: a verdict says from which statement on a request is given up. Under 1 it is given up
   * wherever each replica stood.
   *
   * <p>3: a scrub and a vacuum may be ordered.
   */
  public static int newestRules() {
    return 3;
  }

  /** The oldest rules under which a scrub may be ordered. */
  public static int scrubRules() {
    return 3;
  }

  /** The oldest rules under which a vacuum may be ordered. */
  public static int vacuumRules() {
    return 3;
  }

  /** The oldest rules that this release can still apply. */
  public static int oldestRules() {
    return 1;
  }
}
