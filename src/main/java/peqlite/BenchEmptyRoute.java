package peqlite;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.http.javadsl.Http;
import org.apache.pekko.http.javadsl.ServerBinding;
import org.apache.pekko.http.javadsl.model.ContentTypes;
import org.apache.pekko.http.javadsl.model.HttpEntities;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.japi.function.Function;

/**
 * A Pekko HTTP server that reads the body of any request and answers {@code {}}: what the HTTP
 * stack costs without a database behind it.
 */
final class BenchEmptyRoute implements AutoCloseable {

  private final ActorSystem<Void> system;
  private final NetworkAddress address;

  private BenchEmptyRoute(ActorSystem<Void> system, NetworkAddress address) {
    this.system = system;
    this.address = address;
  }

  /**
   * Serves on a free port of the loopback interface.
   *
   * @param config the configuration of a node, so that both servers are set up alike
   */
  static BenchEmptyRoute start(Config config) throws StartException, InterruptedException {
    Config local = ConfigFactory.parseString("pekko.actor.provider = local").withFallback(config);
    ActorSystem<Void> system = ActorSystem.create(Behaviors.empty(), "empty-route", local);
    // The type picks one of two overloads.
    Function<HttpRequest, CompletionStage<HttpResponse>> handler =
        request -> answer(system, request);
    try {
      ServerBinding binding =
          Http.get(system).newServerAt("127.0.0.1", 0).bind(handler).toCompletableFuture().get();
      return new BenchEmptyRoute(
          system, new NetworkAddress("127.0.0.1", binding.localAddress().getPort()));
    } catch (ExecutionException e) {
      system.terminate();
      throw new StartException("cannot serve the empty route: " + e.getCause(), e);
    }
  }

  NetworkAddress address() {
    return address;
  }

  @Override
  public void close() {
    system.terminate();
    system.getWhenTerminated().toCompletableFuture().join();
  }

  private static CompletionStage<HttpResponse> answer(
      ActorSystem<Void> system, HttpRequest request) {
    HttpResponse response =
        HttpResponse.create().withEntity(HttpEntities.create(ContentTypes.APPLICATION_JSON, "{}"));
    if (request.entity().isStrict()) {
      return CompletableFuture.completedFuture(response);
    }
    return request.discardEntityBytes(system).completionStage().thenApply(done -> response);
  }
}
