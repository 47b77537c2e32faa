package actors;

/** How many writes this node has taken and not settled. Written by the session. Thread-safe. */
final class WriteGauge {

  private volatile int pending;
  private volatile boolean sessionOpen;

  void set(int pending, boolean sessionOpen) {
    this.pending = pending;
    this.sessionOpen = sessionOpen;
  }

  int pending() {
    return pending;
  }

  boolean sessionOpen() {
    return sessionOpen;
  }
}
