package backup;

import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * What an address {@code s3://bucket/prefix?endpoint=...&region=...&path-style=...} names.
 *
 * @param prefix of all keys, empty or with a {@code /} at its end
 * @param endpoint of what is not Amazon's S3
 * @param region what requests are signed for; empty if the AWS SDK is to find it
 * @param pathStyle whether the bucket stands in the path and not in the host's name
 */
record S3Place(
    String bucket,
    String prefix,
    Optional<URI> endpoint,
    Optional<String> region,
    boolean pathStyle) {

  private static final Pattern BUCKET = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{1,62}");
  private static final Pattern REGION = Pattern.compile("[A-Za-z0-9-]{1,64}");
  private static final Set<String> PARAMETERS = Set.of("endpoint", "region", "path-style");

  /** Most stores that are not Amazon's take any region, and this one if they take only one. */
  private static final String REGION_ELSEWHERE = "us-east-1";

  /**
   * Reads an address.
   *
   * @throws IllegalArgumentException if it cannot be one
   */
  static S3Place of(URI place) {
    String bucket = String.valueOf(place.getRawAuthority());
    if (bucket.contains("@")) {
      throw new IllegalArgumentException(
          "credentials for S3 do not belong into the address; give an access key and a secret key");
    }
    if (!BUCKET.matcher(bucket).matches()) {
      throw new IllegalArgumentException(
          "a place in S3 is given as s3://bucket/prefix, and no bucket has the name " + bucket);
    }
    if (place.getRawFragment() != null) {
      throw new IllegalArgumentException("a place in S3 has no #");
    }
    Map<String, String> parameters = parameters(String.valueOf(place.getRawQuery()));
    Optional<URI> endpoint = Optional.ofNullable(parameters.get("endpoint")).map(S3Place::endpoint);
    Optional<String> region = Optional.ofNullable(parameters.get("region")).map(S3Place::region);
    return new S3Place(
        bucket,
        prefix(String.valueOf(place.getPath())),
        endpoint,
        region.isEmpty() && endpoint.isPresent() ? Optional.of(REGION_ELSEWHERE) : region,
        // A name for each bucket has to be set up in DNS, which few do for a store of their own.
        pathStyle(parameters.getOrDefault("path-style", String.valueOf(endpoint.isPresent()))));
  }

  private static String prefix(String path) {
    String prefix = path.replaceAll("^/+|/+$", "");
    return prefix.isEmpty() ? "" : ObjectNames.check(prefix) + '/';
  }

  private static Map<String, String> parameters(String query) {
    Map<String, String> parameters = new HashMap<>();
    if (query.equals("null")) {
      return parameters;
    }
    for (String parameter : query.split("&", -1)) {
      int equals = parameter.indexOf('=');
      String name = equals < 0 ? parameter : parameter.substring(0, equals);
      if (!PARAMETERS.contains(name) || equals < 0) {
        throw new IllegalArgumentException(
            "behind a place in S3 may stand endpoint=, region= and path-style=, not " + name);
      }
      String value =
          URLDecoder.decode(
              parameter.substring(equals + 1).replace("+", "%2B"), StandardCharsets.UTF_8);
      if (parameters.put(name, value) != null) {
        throw new IllegalArgumentException(name + " stands twice behind a place in S3");
      }
    }
    return parameters;
  }

  private static URI endpoint(String value) {
    try {
      URI endpoint = new URI(value);
      String scheme = String.valueOf(endpoint.getScheme());
      if ((scheme.equals("http") || scheme.equals("https"))
          && endpoint.getHost() != null
          && endpoint.getRawUserInfo() == null) {
        return endpoint;
      }
    } catch (URISyntaxException e) {
      // Its message would repeat the value, which may have a password in it.
    }
    throw new IllegalArgumentException(
        "the endpoint of a place in S3 is given as https://host:port, without credentials");
  }

  private static String region(String value) {
    if (!REGION.matcher(value).matches()) {
      throw new IllegalArgumentException("no region of S3 has the name " + value);
    }
    return value;
  }

  private static boolean pathStyle(String value) {
    return switch (value) {
      case "true" -> true;
      case "false" -> false;
      default -> throw new IllegalArgumentException("path-style is true or false, not " + value);
    };
  }
}
