package peqlite;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A text in Prometheus' format, read: the names of its series, their labels and values. */
final class Exposition {

  private static final Pattern LINE =
      Pattern.compile("([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\\{(.*)\\})? ([^ ]+)(?: .*)?");
  private static final Pattern LABEL =
      Pattern.compile("([a-zA-Z_]\\w*)=\"((?:[^\"\\\\]|\\\\.)*)\"");

  private final Map<String, Set<String>> labels = new TreeMap<>();
  private final Map<String, Double> values = new HashMap<>();

  /** Fails for a line that is none. */
  Exposition(String text) {
    for (String line : text.split("\n")) {
      if (line.isEmpty() || line.startsWith("#")) {
        continue;
      }
      Matcher parts = LINE.matcher(line);
      if (!parts.matches()) {
        throw new AssertionError("not a line of metrics: " + line);
      }
      Set<String> names = labels.computeIfAbsent(parts.group(1), name -> new HashSet<>());
      String inside = parts.group(2) == null ? "" : parts.group(2);
      Matcher label = LABEL.matcher(inside);
      while (label.find()) {
        names.add(label.group(1));
      }
      String series = inside.isEmpty() ? parts.group(1) : parts.group(1) + "{" + inside + "}";
      if (values.put(series, Double.valueOf(parts.group(3).replace("Inf", "Infinity"))) != null) {
        throw new AssertionError("twice: " + series);
      }
    }
  }

  /** Every name with the labels that its series have. */
  Map<String, Set<String>> labels() {
    return labels;
  }

  /** The value of one series, written as it stands in the text, or another if it is missing. */
  double valueOr(double missing, String series) {
    return values.getOrDefault(series, missing);
  }

  /** The value of one series that has to be there. */
  double value(String series) {
    Double value = values.get(series);
    if (value == null) {
      throw new AssertionError("there is no " + series + " among " + values.keySet());
    }
    return value;
  }
}
