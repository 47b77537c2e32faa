package http;

import java.util.List;
import org.apache.pekko.http.javadsl.model.HttpMethod;
import org.apache.pekko.http.javadsl.model.HttpMethods;

/**
 * The endpoints of the HTTP interface. Some are found by the beginning of a path, as rqlite does
 * it, so that {@code /db/query/} works; the first that fits is meant.
 */
enum Route {
  QUERY("/db/query", true, HttpMethods.GET, HttpMethods.POST),
  EXECUTE("/db/execute", true, HttpMethods.POST),
  KEY("/db/requests/", true, HttpMethods.GET),
  REQUEST("/db/request", true, HttpMethods.POST),
  LOAD("/db/load", true, HttpMethods.POST),
  BOOT("/boot", false, HttpMethods.POST),
  BACKUP("/db/backup", true, HttpMethods.GET),
  SQL("/db/sql", true, HttpMethods.GET, HttpMethods.POST),
  STATUS("/status", true, HttpMethods.GET),
  NODES("/nodes", true, HttpMethods.GET),
  READY("/readyz", true, HttpMethods.GET),
  LEADER("/leader", false, HttpMethods.GET, HttpMethods.POST),
  SNAPSHOT("/snapshot", false, HttpMethods.POST),
  SCRUB("/scrub", false, HttpMethods.POST),
  ABORT("/abort", false, HttpMethods.POST),
  REMOVE("/remove", true, HttpMethods.DELETE),
  REPLACE("/replace", false, HttpMethods.POST),
  HEALTH("/health", false, HttpMethods.GET),
  METRICS("/metrics", false, HttpMethods.GET),
  OPENAPI("/openapi.json", false, HttpMethods.GET),
  /** There is nothing at this path. */
  NONE("", true);

  private final String path;
  private final boolean prefix;

  @SuppressWarnings("ImmutableEnumChecker") // made by List.of, of methods that never change
  private final List<HttpMethod> methods;

  Route(String path, boolean prefix, HttpMethod... methods) {
    this.path = path;
    this.prefix = prefix;
    this.methods = List.of(methods);
  }

  /** Where a path leads. */
  static Route of(String path) {
    for (Route route : ALL) {
      if (route.prefix ? path.startsWith(route.path) : path.equals(route.path)) {
        return route;
      }
    }
    return NONE;
  }

  private static final Route[] ALL = values();

  /** The path, or what it begins with. */
  String path() {
    return path;
  }

  /** What it is called in metrics: one of few names, whatever clients send. */
  String label() {
    return this == NONE ? "none" : path;
  }

  /** The methods that it takes, besides OPTIONS. */
  List<HttpMethod> methods() {
    return methods;
  }
}
