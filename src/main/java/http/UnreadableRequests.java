package http;

import org.apache.pekko.event.LoggingAdapter;
import org.apache.pekko.http.ParsingErrorHandler;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.scaladsl.model.ErrorInfo;
import org.apache.pekko.http.scaladsl.model.StatusCode;
import org.apache.pekko.http.scaladsl.settings.ServerSettings;

/**
 * Answers what is so malformed that it never becomes a request, such as a URL that is none, in the
 * same form as every other error. Made by Pekko HTTP, which is told its class name. Nothing is
 * logged: the client is told, and nobody else can do anything about it.
 */
public final class UnreadableRequests extends ParsingErrorHandler {

  /** Called by Pekko HTTP, by reflection. */
  public UnreadableRequests() {}

  @Override
  public HttpResponse handle(
      StatusCode status, ErrorInfo error, LoggingAdapter log, ServerSettings settings) {
    return Answers.unreadable(status.intValue(), error.summary());
  }
}
