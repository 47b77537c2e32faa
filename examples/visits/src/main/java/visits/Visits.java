package visits;

import static org.apache.pekko.http.javadsl.server.PathMatchers.segment;

import java.time.Duration;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.http.javadsl.Http;
import org.apache.pekko.http.javadsl.marshallers.jackson.Jackson;
import org.apache.pekko.http.javadsl.server.AllDirectives;
import org.apache.pekko.http.javadsl.server.Route;
import peqlite.Database;
import peqlite.Peqlite;
import peqlite.StatementOutcome;
import peqlite.WriteResult;

/** Counts visits to places, on any number of nodes that all know all of them. */
public final class Visits extends AllDirectives {

  /** How often a place was visited. */
  record Visit(String place, long count) {}

  private static final String CREATE =
      "CREATE TABLE IF NOT EXISTS visit (place TEXT PRIMARY KEY, count INTEGER NOT NULL)";
  private static final String COUNT =
      "INSERT INTO visit VALUES (?, 1)"
          + " ON CONFLICT (place) DO UPDATE SET count = count + 1 RETURNING place, count";
  private static final String LIST = "SELECT place, count FROM visit ORDER BY count DESC, place";

  private final Database database;

  private Visits(Database database) {
    this.database = database;
  }

  private Route route() {
    return concat(
        path(
            segment("visits").slash(segment()),
            place ->
                post(
                    () ->
                        completeOKWithFuture(
                            database.execute(COUNT, place).thenApply(Visits::counted),
                            Jackson.marshaller()))),
        path(
            "visits",
            () ->
                get(
                    () ->
                        completeOKWithFuture(
                            database.query(Visit.class, LIST), Jackson.marshaller()))));
  }

  private static Visit counted(WriteResult written) {
    return ((StatementOutcome.Returned) written.outcomes().get(0)).rows().as(Visit.class).get(0);
  }

  /** Serves HTTP on 127.0.0.1 at the port that the configuration names. */
  public static void main(String[] arguments) {
    ActorSystem<Void> system = ActorSystem.create(Behaviors.empty(), "visits");
    Peqlite peqlite = Peqlite.get(system);
    peqlite
        .ready()
        .thenCompose(ready -> peqlite.database().execute(CREATE))
        .thenCompose(
            created ->
                Http.get(system)
                    .newServerAt("127.0.0.1", system.settings().config().getInt("visits.port"))
                    .bind(new Visits(peqlite.database()).route()))
        .whenComplete(
            (binding, failure) -> {
              if (binding != null) {
                binding.addToCoordinatedShutdown(Duration.ofSeconds(10), system);
                System.out.println("visits: http:/" + binding.localAddress());
              } else {
                System.err.println("visits: cannot start: " + failure);
                system.terminate();
              }
            });
  }
}
