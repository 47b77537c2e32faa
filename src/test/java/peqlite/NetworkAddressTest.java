package peqlite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class NetworkAddressTest {

  @Test
  void readsHostAndPort() {
    assertEquals(new NetworkAddress("127.0.0.1", 4001), NetworkAddress.parse("127.0.0.1:4001"));
    assertEquals(new NetworkAddress("node-1.example", 0), NetworkAddress.parse("node-1.example:0"));
  }

  @Test
  void readsAndWritesAnIpv6AddressInBrackets() {
    assertEquals(new NetworkAddress("::1", 65535), NetworkAddress.parse("[::1]:65535"));
    assertEquals("[::1]:65535", new NetworkAddress("::1", 65535).toString());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        ":",
        "4001",
        ":4001",
        "host",
        "host:",
        "host:x",
        "host:-1",
        "host:65536",
        "host:99999999999",
        "::1:4001",
        "[host]:1",
        "[]:1",
        "a b:1",
        "http://host:1",
        "user@host:1",
        "host:+1",
        "host:\u0661"
      })
  void refusesWhatIsNotHostAndPort(String text) {
    assertThrows(IllegalArgumentException.class, () -> NetworkAddress.parse(text));
  }

  @Test
  void knowsWhatLeadsOthersBackToThemselves() {
    assertTrue(new NetworkAddress("0.0.0.0", 1).isWildcard());
    assertTrue(new NetworkAddress("::", 1).isWildcard());
    assertFalse(new NetworkAddress("127.0.0.1", 1).isWildcard());
  }

  @Test
  void knowsWhatOnlyThisMachineReaches() {
    assertTrue(new NetworkAddress("127.0.0.1", 1).isLoopback());
    assertTrue(new NetworkAddress("::1", 1).isLoopback());
    assertFalse(new NetworkAddress("0.0.0.0", 1).isLoopback());
    assertFalse(new NetworkAddress("192.0.2.1", 1).isLoopback());
  }

  @Test
  void namesAnAddressThatOthersReachInsteadOfEveryAddress() {
    NetworkAddress reachable = new NetworkAddress("10.1.2.3", 7355);
    assertEquals(
        new NetworkAddress("10.1.2.3", 4001),
        new NetworkAddress("0.0.0.0", 4001).forOthers(reachable));
    assertEquals(
        new NetworkAddress("db.example", 4001),
        new NetworkAddress("db.example", 4001).forOthers(reachable));
  }
}
