package storage;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.sqlite.Function;
import org.sqlite.SQLiteConnection;
import org.sqlite.SQLiteLimits;
import org.sqlite.core.Codes;
import org.sqlite.core.DB;

/**
 * Makes SQL on the applying connection a function of the event alone: time and randomness come from
 * the event, wherever they are used (defaults, triggers, generated columns, views), and what
 * differs between nodes raises an error that says so.
 *
 * <p>One instance belongs to one applying connection and its thread. {@link #install} must come
 * before the connection first reads its schema, {@link #begin} before each request. Until then it
 * is 1970 and the seed is 0.
 *
 * <p>The date functions are SQLite's own, run on a helper database in memory with the event's time
 * put in for {@code 'now'}, so their results and errors are SQLite's. The time zone is UTC on every
 * node, so {@code localtime} and {@code utc} change nothing.
 */
public final class DeterministicFunctions implements AutoCloseable {

  // SQLite's flags for application functions, which the driver passes on as they are. Indexes and
  // generated columns may call only deterministic functions; the date functions must keep that
  // right, because schemas use it. Without INNOCUOUS, untrusted schemas may not call them.
  static final int DETERMINISTIC = 0x800;
  static final int INNOCUOUS = 0x200000;

  // The driver asks for functions on UTF-16; with this bit SQLite takes them for every encoding,
  // without which a function that an extension has registered for UTF-8 would be preferred.
  static final int ANY_ENCODING = 1;

  private static final String TOO_BIG = "string or blob too big";
  private static final DateTimeFormatter ISO =
      DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss.SSS", Locale.ROOT);

  private final SQLiteConnection helper;
  private final RequestRandom random = new RequestRandom(0);
  private int lengthMax;
  private long timestampMicros;
  private @Nullable String nowText;
  private @Nullable Throwable failure;

  /** Opens the helper database. */
  public DeterministicFunctions() throws SQLException {
    helper = DriverManager.getConnection("jdbc:sqlite::memory:").unwrap(SQLiteConnection.class);
    // One more than a caller may have: 'subsec' alone becomes two arguments.
    DB database = helper.getDatabase();
    int argumentsMax = database.limit(SQLiteLimits.SQLITE_LIMIT_FUNCTION_ARG.getId(), -1);
    database.limit(SQLiteLimits.SQLITE_LIMIT_FUNCTION_ARG.getId(), argumentsMax + 1);
    lengthMax = database.limit(SQLiteLimits.SQLITE_LIMIT_LENGTH.getId(), -1);
  }

  /**
   * Puts the functions in the place of SQLite's own, on a connection that was not used yet. They
   * keep to the limit on lengths that the connection has now.
   */
  public void install(Connection connection) throws SQLException {
    DB database = connection.unwrap(SQLiteConnection.class).getDatabase();
    lengthMax = database.limit(SQLiteLimits.SQLITE_LIMIT_LENGTH.getId(), -1);
    helper.setLimit(SQLiteLimits.SQLITE_LIMIT_LENGTH, lengthMax);
    create(connection, "random", 0, 0, new RandomNumber());
    create(connection, "randomblob", 1, 0, new RandomBlob());
    create(connection, "current_timestamp", 0, 0, new NowPart(0, 19));
    create(connection, "current_date", 0, 0, new NowPart(0, 10));
    create(connection, "current_time", 0, 0, new NowPart(11, 19));
    for (String name : new String[] {"date", "time", "datetime", "julianday", "unixepoch"}) {
      create(connection, name, -1, DETERMINISTIC, new DateFunction(name, 0));
    }
    create(connection, "strftime", -1, DETERMINISTIC, new DateFunction("strftime", 1));
    create(connection, "timediff", 2, DETERMINISTIC, new TimeDifference());
    refuse(connection, "total_changes", 0, 0);
    refuse(connection, "load_extension", 1, 0);
    refuse(connection, "load_extension", 2, 0);
    refuse(connection, "sqlite_log", 2, 0);
    refuse(connection, "sqlite_version", 0, 0);
    refuse(connection, "sqlite_source_id", 0, 0);
    refuse(connection, "sqlite_compileoption_get", 1, 0);
    refuse(connection, "sqlite_compileoption_used", 1, 0);
    // SQLite lets indexes call this. Without the flag, a file that has one could not be opened.
    refuse(connection, "fts5_source_id", 0, DETERMINISTIC);
  }

  /**
   * Sets the time and starts the random numbers of one request.
   *
   * @param timestampMicros the event's time in microseconds since 1970; SQL sees its milliseconds
   * @param requestSeed where the request's random numbers start
   */
  public void begin(long timestampMicros, long requestSeed) {
    if (timestampMicros != this.timestampMicros) {
      this.timestampMicros = timestampMicros;
      nowText = null;
    }
    random.restart(requestSeed);
  }

  /**
   * The accident of this node, such as a lack of memory, that a function met since this was last
   * asked, if any. SQLite reports it as an ordinary error of the statement, so the caller asks
   * after each failed statement, and an accident is never the outcome of a write.
   */
  public @Nullable Throwable takeFailure() {
    Throwable taken = failure;
    failure = null;
    return taken;
  }

  /** Closes the helper database; the functions raise an error from now on. */
  @Override
  public void close() throws SQLException {
    helper.close();
  }

  private static void create(
      Connection connection, String name, int arguments, int flags, Function function)
      throws SQLException {
    Function.create(connection, name, function, arguments, flags | INNOCUOUS | ANY_ENCODING);
  }

  private void refuse(Connection connection, String name, int arguments, int flags)
      throws SQLException {
    create(connection, name, arguments, flags, new Refused(name));
  }

  private String now() {
    String text = nowText;
    if (text == null) {
      long millis = Math.floorDiv(timestampMicros, 1000L);
      int nanosOfSecond = (int) Math.floorMod(millis, 1000L) * 1_000_000;
      text =
          LocalDateTime.ofEpochSecond(Math.floorDiv(millis, 1000L), nanosOfSecond, ZoneOffset.UTC)
              .format(ISO);
      nowText = text;
    }
    return text;
  }

  /** A function whose accidents are kept apart from its errors. */
  private abstract class Guarded extends Function {

    abstract void run() throws SQLException;

    @Override
    protected final void xFunc() throws SQLException {
      try {
        run();
      } catch (SQLException e) {
        if (SqliteErrors.isEnvironment(e)) {
          failure = e;
        }
        error(SqliteErrors.message(e));
      } catch (RuntimeException | Error e) {
        // Thrown through native code it would become an ordinary error as well, only unnoticed.
        failure = e;
        error(String.valueOf(e));
      }
    }
  }

  private final class RandomNumber extends Guarded {
    @Override
    void run() throws SQLException {
      long number = random.next();
      // As in SQLite, never the smallest integer, so that abs(random()) cannot overflow.
      result(number < 0 ? -(number & Long.MAX_VALUE) : number);
    }
  }

  private final class RandomBlob extends Guarded {
    @Override
    void run() throws SQLException {
      long length = Math.max(1, value_long(0));
      if (length > lengthMax) {
        error(TOO_BIG);
        return;
      }
      byte[] bytes = new byte[(int) length];
      random.fill(bytes);
      result(bytes);
    }
  }

  private final class NowPart extends Guarded {
    private final int from;
    private final int to;

    NowPart(int from, int to) {
      this.from = from;
      this.to = to;
    }

    @Override
    void run() throws SQLException {
      result(now().substring(from, to));
    }
  }

  private final class Refused extends Guarded {
    private final String name;

    Refused(String name) {
      this.name = name;
    }

    @Override
    void run() throws SQLException {
      error(name + "() is not allowed in a write: it is not the same on every node");
    }
  }

  /** Runs SQLite's own function of the same name on the helper database. */
  private abstract class Delegating extends Guarded {
    private final String name;
    private final Map<Integer, PreparedStatement> statements = new HashMap<>();

    Delegating(String name) {
      this.name = name;
    }

    /** An argument as SQLite's date functions read it, up to the first NUL; null if not a text. */
    final @Nullable String word(int index) throws SQLException {
      int type = value_type(index);
      String text;
      if (type == Codes.SQLITE_TEXT) {
        text = value_text(index);
      } else if (type == Codes.SQLITE_BLOB) {
        text = new String(value_blob(index), StandardCharsets.UTF_8);
      } else {
        return null;
      }
      int end = text.indexOf(0);
      return end < 0 ? text : text.substring(0, end);
    }

    final @Nullable Object argument(int index) throws SQLException {
      return switch (value_type(index)) {
        case Codes.SQLITE_INTEGER -> (Object) value_long(index);
        case Codes.SQLITE_FLOAT -> (Object) value_double(index);
        case Codes.SQLITE_TEXT -> value_text(index);
        case Codes.SQLITE_BLOB -> value_blob(index);
        default -> null;
      };
    }

    final void delegate(@Nullable Object[] arguments) throws SQLException {
      PreparedStatement statement = statements.get(arguments.length);
      if (statement == null) {
        String marks = "?,".repeat(arguments.length);
        String list = marks.isEmpty() ? "" : marks.substring(0, marks.length() - 1);
        statement = helper.prepareStatement("SELECT " + name + "(" + list + ")");
        statements.put(arguments.length, statement);
      }
      for (int i = 0; i < arguments.length; i++) {
        statement.setObject(i + 1, arguments[i]);
      }
      try (ResultSet row = statement.executeQuery()) {
        Object value = row.next() ? row.getObject(1) : null;
        if (value instanceof String text) {
          result(text);
        } else if (value instanceof Double number) {
          result(number.doubleValue());
        } else if (value instanceof Number number) {
          result(number.longValue());
        } else {
          result();
        }
      }
    }
  }

  private final class DateFunction extends Delegating {
    private final int timeIndex;

    DateFunction(String name, int timeIndex) {
      super(name);
      this.timeIndex = timeIndex;
    }

    @Override
    void run() throws SQLException {
      int given = args();
      boolean timeIsMissing = given == timeIndex;
      String time = given > timeIndex ? word(timeIndex) : null;
      boolean startsWithSubsec = time != null && isSubsec(time);
      @Nullable Object[] arguments =
          new @Nullable Object[given + (timeIsMissing || startsWithSubsec ? 1 : 0)];
      for (int i = 0; i < given; i++) {
        arguments[i] = i > timeIndex && isZone(word(i)) ? "+0 days" : argument(i);
      }
      if (timeIsMissing || startsWithSubsec || "now".equalsIgnoreCase(time)) {
        arguments[timeIndex] = now();
      }
      if (startsWithSubsec) {
        // Alone it means now with fractions. Last, because other modifiers care for their place.
        arguments[given] = "subsec";
      }
      delegate(arguments);
    }
  }

  private final class TimeDifference extends Delegating {
    TimeDifference() {
      super("timediff");
    }

    @Override
    void run() throws SQLException {
      delegate(new @Nullable Object[] {time(0), time(1)});
    }

    private @Nullable Object time(int index) throws SQLException {
      String word = word(index);
      boolean isNow = word != null && (word.equalsIgnoreCase("now") || isSubsec(word));
      return isNow ? now() : argument(index);
    }
  }

  private static boolean isSubsec(String word) {
    return word.equalsIgnoreCase("subsec") || word.equalsIgnoreCase("subsecond");
  }

  private static boolean isZone(@Nullable String word) {
    return word != null && (word.equalsIgnoreCase("localtime") || word.equalsIgnoreCase("utc"));
  }
}
