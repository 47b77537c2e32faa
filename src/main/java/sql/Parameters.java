package sql;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Gives the parameters of statements their values, by SQLite's numbering. Stateless. */
public final class Parameters {

  /** The highest number of a parameter, and so the most parameters of one statement. */
  public static final int NUMBER_MAX = 32_766;

  private static final RecentTexts<List<@Nullable String>> NAMES =
      new RecentTexts<>(Parameters::namesByNumber);

  private Parameters() {}

  /**
   * Makes one group of statements out of their texts and the values that the client sent with them.
   *
   * <p>A parameter with a name takes the value of that name: {@code :age}, {@code @age} and {@code
   * $age} each take {@code age} unless there is a value under the name with the prefix. Every other
   * number of a statement takes the next positional value, statement after statement, numbers that
   * the text skips ({@code ?1, ?3}) included. Without any named values the named parameters take
   * positional ones too, in the order of their numbers.
   *
   * @param group the texts of the group's statements, one statement each
   * @param positional the values without names, in order
   * @param named the values with names, each with or without a prefix
   * @return the statements, all but the last joined to the next; empty for an empty group
   * @throws ParameterException if a value is missing or left over, or a number is out of range
   */
  public static List<Statement> bind(
      List<String> group, List<Value> positional, Map<String, Value> named) {
    List<List<@Nullable String>> names = new ArrayList<>(group.size());
    int wanted = 0;
    for (String sql : group) {
      List<@Nullable String> ofStatement = NAMES.get(sql);
      names.add(ofStatement);
      wanted += positionalCount(ofStatement, named);
    }
    if (wanted != positional.size()) {
      throw new ParameterException(
          (wanted > positional.size() ? "not enough" : "too many")
              + " args to execute query: want "
              + wanted
              + " got "
              + positional.size());
    }
    Values values = new Values(positional, named);
    List<Statement> statements = new ArrayList<>(group.size());
    for (int i = 0; i < group.size(); i++) {
      List<Value> ofStatement = new ArrayList<>(names.get(i).size());
      for (String name : names.get(i)) {
        ofStatement.add(values.next(name));
      }
      statements.add(new Statement(group.get(i), ofStatement, i + 1 < group.size()));
    }
    values.requireAllNamesUsed();
    return statements;
  }

  private static int positionalCount(List<@Nullable String> names, Map<String, Value> named) {
    if (named.isEmpty()) {
      return names.size();
    }
    int count = 0;
    for (String name : names) {
      if (name == null) {
        count++;
      }
    }
    return count;
  }

  /** The name of each parameter in the order of their numbers; null for one without a name. */
  private static List<@Nullable String> namesByNumber(String sql) {
    List<@Nullable String> names = new ArrayList<>();
    Set<String> known = new HashSet<>();
    Tokens tokens = Tokens.of(sql);
    int size = parametersEnd(tokens);
    for (int i = 0; i < size; i++) {
      if (!tokens.is(i, TokenKind.PARAMETER)) {
        continue;
      }
      int start = tokens.start(i);
      int end = tokens.end(i);
      if (sql.charAt(start) != '?') {
        String name = sql.substring(start, end);
        if (known.add(name)) {
          names.add(name);
        }
      } else if (end == start + 1) {
        names.add(null);
      } else {
        int number = number(sql, start + 1, end);
        while (names.size() < number) {
          names.add(null);
        }
      }
      if (names.size() > NUMBER_MAX) {
        throw new ParameterException("too many SQL variables");
      }
    }
    return Collections.unmodifiableList(names);
  }

  /**
   * Where the tokens end among which there can be parameters. SQLite hands the arguments of a
   * virtual table over to its module as they are written, so nothing in them is one.
   */
  private static int parametersEnd(Tokens tokens) {
    int first = tokens.behindExplain();
    if (!tokens.is(first, Word.CREATE) || !tokens.is(first + 1, Word.VIRTUAL)) {
      return tokens.size();
    }
    int end = first;
    while (end < tokens.size() && !tokens.is(end, Word.USING)) {
      end++;
    }
    return end;
  }

  /** The number in {@code ?N}; leading zeros do not count. */
  private static int number(String sql, int start, int end) {
    int number = 0;
    for (int i = start; i < end && number <= NUMBER_MAX; i++) {
      number = number * 10 + (sql.charAt(i) - '0');
    }
    if (number < 1 || number > NUMBER_MAX) {
      throw new ParameterException("variable number must be between ?1 and ?" + NUMBER_MAX);
    }
    return number;
  }

  /** The client's values while they are handed out. */
  private static final class Values {

    private final List<Value> positional;
    private final Map<String, Value> named;
    private final Set<String> used = new HashSet<>();
    private int next;

    Values(List<Value> positional, Map<String, Value> named) {
      this.positional = positional;
      this.named = named;
    }

    Value next(@Nullable String name) {
      if (name == null || named.isEmpty()) {
        return positional.get(next++);
      }
      String bare = name.substring(1);
      String key = named.containsKey(name) ? name : bare;
      Value value = named.get(key);
      if (value == null) {
        throw new ParameterException("missing argument for named parameter " + name);
      }
      used.add(key);
      return value;
    }

    void requireAllNamesUsed() {
      if (used.size() == named.size()) {
        return;
      }
      for (String name : named.keySet()) {
        if (!used.contains(name)) {
          throw new ParameterException("unknown parameter name: " + name);
        }
      }
    }
  }
}
