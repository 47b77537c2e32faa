package peqlite;

import java.net.InetAddress;
import java.net.UnknownHostException;

/**
 * A host and a port as a person writes them, {@code host:port}; an IPv6 address stands in brackets.
 *
 * @param host a name or an address, without brackets; not empty
 * @param port 0 to 65535, where 0 asks for a free one
 */
public record NetworkAddress(String host, int port) {

  private static final int PORT_MAX = 65_535;

  /**
   * Reads {@code host:port}.
   *
   * @throws IllegalArgumentException with a text that says what is wrong with it
   */
  public static NetworkAddress parse(String text) {
    int colon = text.lastIndexOf(':');
    if (colon <= 0) {
      throw new IllegalArgumentException("'" + text + "' is not host:port");
    }
    return new NetworkAddress(host(text, colon), port(text, colon));
  }

  private static String host(String text, int colon) {
    String host = text.substring(0, colon);
    boolean bracketed = host.startsWith("[") && host.endsWith("]");
    if (bracketed) {
      host = host.substring(1, host.length() - 1);
    }
    boolean hasColon = host.indexOf(':') >= 0;
    if (host.isEmpty()
        || bracketed != hasColon
        || host.chars().anyMatch(c -> c <= ' ' || c == '/' || c == '[' || c == ']' || c == '@')) {
      throw new IllegalArgumentException("'" + text + "' is not host:port");
    }
    return host;
  }

  private static int port(String text, int colon) {
    String digits = text.substring(colon + 1);
    if (digits.isEmpty()
        || digits.length() > 5
        || !digits.chars().allMatch(c -> c >= '0' && c <= '9')
        || Integer.parseInt(digits) > PORT_MAX) {
      throw new IllegalArgumentException("'" + text + "' has no port from 0 to 65535");
    }
    return Integer.parseInt(digits);
  }

  /**
   * Whether only this machine can reach it. Looks the host up, which may block; a host that is not
   * known counts as reachable from elsewhere.
   */
  public boolean isLoopback() {
    try {
      return InetAddress.getByName(host).isLoopbackAddress();
    } catch (UnknownHostException e) {
      return false;
    }
  }

  /**
   * Whether it stands for every address of this machine, and so is no way for others to find it.
   */
  boolean isWildcard() {
    try {
      return InetAddress.getByName(host).isAnyLocalAddress();
    } catch (UnknownHostException e) {
      return false;
    }
  }

  /**
   * What other machines are to be told instead of this: a wildcard says nothing to them, and an
   * address by which they reach this machine anyway does.
   */
  NetworkAddress forOthers(NetworkAddress reachable) {
    return isWildcard() ? new NetworkAddress(reachable.host(), port) : this;
  }

  @Override
  public String toString() {
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
  }
}
