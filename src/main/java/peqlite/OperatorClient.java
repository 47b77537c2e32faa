package peqlite;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Flow;

/**
 * An operator's requests to a running cluster, sent to the first of several nodes that listens.
 * Nothing is sent twice: when a connection breaks after the request went out, that is said.
 */
final class OperatorClient {

  private static final Duration CONNECT_MAX = Duration.ofSeconds(3);

  /** Longer than any request of these takes on the node. */
  private static final Duration ANSWER_MAX = Duration.ofSeconds(90);

  /** A node copies its whole database before it sends the first byte. */
  private static final Duration MAKING_MAX = Duration.ofHours(1);

  /** What came back. */
  record Answer(int status, String text) {}

  private final List<String> urls;
  private final HttpClient http =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(CONNECT_MAX)
          .build();

  /**
   * Sends nothing yet.
   *
   * @param urls of nodes, with commas between
   * @throws SettingsException if one of them is no URL
   */
  OperatorClient(String urls) throws SettingsException {
    List<String> checked = new ArrayList<>();
    for (String text : urls.split(",")) {
      String url = text.strip().replaceAll("/+$", "");
      try {
        URI uri = URI.create(url);
        if (uri.getHost() == null || !List.of("http", "https").contains(uri.getScheme())) {
          throw new IllegalArgumentException(url);
        }
      } catch (IllegalArgumentException e) {
        throw new SettingsException("--url: '" + text + "' is not such as http://127.0.0.1:4001");
      }
      checked.add(url);
    }
    this.urls = checked;
  }

  /**
   * Sends a request and returns the answer.
   *
   * @param body JSON, or empty for none
   * @throws StartException if no node answers
   */
  Answer send(String method, String pathAndQuery, String body) throws StartException {
    HttpResponse<String> response =
        send(
            method,
            pathAndQuery,
            body,
            ANSWER_MAX,
            HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8));
    return new Answer(response.statusCode(), response.body());
  }

  /**
   * Sends something large, once.
   *
   * @param key by which a repetition would be known
   * @param sent called when all of it is on its way, before the answer comes
   * @throws StartException if no node answers; the message says whether it may have been done
   */
  Answer upload(String pathAndQuery, String key, HttpRequest.BodyPublisher body, Runnable sent)
      throws StartException {
    String url = listening();
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(url + pathAndQuery))
            .timeout(MAKING_MAX)
            .header("Content-Type", "application/octet-stream")
            .header("Idempotency-Key", key)
            .POST(new EndingPublisher(body, sent))
            .build();
    try {
      HttpResponse<String> response =
          http.send(request, HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8));
      return new Answer(response.statusCode(), response.body());
    } catch (IOException e) {
      throw new StartException(
          url
              + " did not answer: "
              + e.getMessage()
              + "; GET /db/requests/"
              + key
              + " tells whether it was done",
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new StartException("interrupted", e);
    }
  }

  /** The first node that answers at all. */
  private String listening() throws StartException {
    for (String url : urls) {
      HttpRequest request =
          HttpRequest.newBuilder(URI.create(url + "/health")).timeout(CONNECT_MAX).build();
      try {
        http.send(request, HttpResponse.BodyHandlers.discarding());
        return url;
      } catch (IOException e) {
        // The next one may.
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new StartException("interrupted", e);
      }
    }
    throw new StartException("nobody listens at " + String.join(", ", urls));
  }

  /** Tells when all of a body was taken. */
  private record EndingPublisher(HttpRequest.BodyPublisher body, Runnable sent)
      implements HttpRequest.BodyPublisher {

    @Override
    public long contentLength() {
      return body.contentLength();
    }

    @Override
    public void subscribe(Flow.Subscriber<? super ByteBuffer> subscriber) {
      body.subscribe(
          new Flow.Subscriber<ByteBuffer>() {
            @Override
            public void onSubscribe(Flow.Subscription subscription) {
              subscriber.onSubscribe(subscription);
            }

            @Override
            public void onNext(ByteBuffer bytes) {
              subscriber.onNext(bytes);
            }

            @Override
            public void onError(Throwable failure) {
              subscriber.onError(failure);
            }

            @Override
            public void onComplete() {
              sent.run();
              subscriber.onComplete();
            }
          });
    }
  }

  /**
   * Asks for something large, which the caller reads and closes.
   *
   * @throws StartException if no node answers
   */
  HttpResponse<InputStream> download(String pathAndQuery) throws StartException {
    return send("GET", pathAndQuery, "", MAKING_MAX, HttpResponse.BodyHandlers.ofInputStream());
  }

  private <T> HttpResponse<T> send(
      String method,
      String pathAndQuery,
      String body,
      Duration max,
      HttpResponse.BodyHandler<T> handler)
      throws StartException {
    List<String> failures = new ArrayList<>();
    for (String url : urls) {
      HttpRequest request =
          HttpRequest.newBuilder(URI.create(url + pathAndQuery))
              .timeout(max)
              .header("Content-Type", "application/json")
              .method(
                  method,
                  body.isEmpty()
                      ? HttpRequest.BodyPublishers.noBody()
                      : HttpRequest.BodyPublishers.ofString(body))
              .build();
      try {
        return http.send(request, handler);
      } catch (java.net.ConnectException | java.net.http.HttpConnectTimeoutException e) {
        failures.add(url);
      } catch (IOException e) {
        throw new StartException(
            method.equals("GET")
                ? url + " did not answer: " + e.getMessage()
                : url
                    + " did not answer, and may have done it: "
                    + e.getMessage()
                    + "; look at /nodes",
            e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new StartException("interrupted", e);
      }
    }
    throw new StartException("nobody listens at " + String.join(", ", failures));
  }

  /**
   * Has a node changed, by its id.
   *
   * @throws StartException if that was refused, or is not known
   */
  void change(String method, String path, String node) throws StartException {
    String body = JsonNodeFactory.instance.objectNode().put("id", node).toString();
    Answer answer = send(method, path + "?timeout=30s", body);
    if (answer.status() != 200) {
      String text = answer.text().strip();
      throw new StartException(text.isEmpty() ? "the node answers " + answer.status() : text);
    }
  }
}
