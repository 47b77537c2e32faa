package storage;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;
import java.util.regex.Pattern;
import org.sqlite.Function;
import org.sqlite.core.Codes;

/**
 * The mathematical functions of SQL whose last digits depend on the C library, computed by {@link
 * StrictMath} instead, which gives the same bits on every machine.
 *
 * <p>Installed on applying and on reading connections alike, because both must agree on the keys of
 * an index over such a function. Functions that need only basic arithmetic are exact everywhere and
 * stay SQLite's own. NULL is the result for what is not a number, and where there is no result.
 */
public final class MathFunctions {

  private static final double LN_2 = StrictMath.log(2);

  // What SQLite takes for a number when a text is given; anything around it makes it none.
  private static final Pattern NUMBER =
      Pattern.compile(
          "[ \\t\\n"
              + "\\x0B\\f\\r"
              + "]*[+-]?(\\d+(\\.\\d*)?|\\.\\d+)([eE][+-]?\\d+)?[ \\t\\n"
              + "\\x0B\\f\\r"
              + "]*");

  private MathFunctions() {}

  /** Puts the functions in the place of SQLite's own, on a connection that was not used yet. */
  public static void install(Connection connection) throws SQLException {
    unary(connection, "sin", StrictMath::sin);
    unary(connection, "cos", StrictMath::cos);
    unary(connection, "tan", StrictMath::tan);
    unary(connection, "asin", StrictMath::asin);
    unary(connection, "acos", StrictMath::acos);
    unary(connection, "atan", StrictMath::atan);
    unary(connection, "sinh", StrictMath::sinh);
    unary(connection, "cosh", StrictMath::cosh);
    unary(connection, "tanh", StrictMath::tanh);
    unary(connection, "asinh", MathFunctions::asinh);
    unary(connection, "acosh", MathFunctions::acosh);
    unary(connection, "atanh", MathFunctions::atanh);
    unary(connection, "exp", StrictMath::exp);
    unary(connection, "sqrt", StrictMath::sqrt);
    unary(connection, "ln", x -> ofPositive(x, StrictMath::log));
    unary(connection, "log", x -> ofPositive(x, StrictMath::log10));
    unary(connection, "log10", x -> ofPositive(x, StrictMath::log10));
    unary(connection, "log2", x -> ofPositive(x, MathFunctions::log2));
    create(connection, "log", 2, new Logarithm());
    binary(connection, "atan2", StrictMath::atan2);
    binary(connection, "pow", MathFunctions::pow);
    binary(connection, "power", MathFunctions::pow);
    // These come with the driver's build of SQLite; they take any text for the number it begins
    // with, as 0 if it begins with none.
    create(connection, "cot", 1, new Lenient((x, unused) -> 1 / StrictMath.tan(x), 1));
    create(connection, "coth", 1, new Lenient((x, unused) -> 1 / StrictMath.tanh(x), 1));
    create(connection, "atn2", 2, new Lenient(StrictMath::atan2, 2));
  }

  private static void unary(Connection connection, String name, DoubleUnaryOperator operator)
      throws SQLException {
    create(connection, name, 1, new Unary(operator));
  }

  private static void binary(Connection connection, String name, DoubleBinaryOperator operator)
      throws SQLException {
    create(connection, name, 2, new Binary(operator));
  }

  private static void create(Connection connection, String name, int arguments, Function function)
      throws SQLException {
    int flags =
        DeterministicFunctions.DETERMINISTIC
            | DeterministicFunctions.INNOCUOUS
            | DeterministicFunctions.ANY_ENCODING;
    Function.create(connection, name, function, arguments, flags);
  }

  private static double ofPositive(double x, DoubleUnaryOperator operator) {
    return x > 0 ? operator.applyAsDouble(x) : Double.NaN;
  }

  private static double log(double base, double x) {
    if (!(base > 0) || !(x > 0)) {
      return Double.NaN;
    }
    double divisor = StrictMath.log(base);
    return divisor > 0 ? StrictMath.log(x) / divisor : Double.NaN;
  }

  private static double log2(double x) {
    int exponent = Math.getExponent(x);
    // Powers of two are exact, which a quotient of logarithms does not promise.
    return x == Math.scalb(1.0, exponent) ? exponent : StrictMath.log(x) / LN_2;
  }

  private static double pow(double x, double y) {
    // C says 1 where Java says that there is no result.
    return x == 1 || (x == -1 && Double.isInfinite(y)) ? 1 : StrictMath.pow(x, y);
  }

  private static double asinh(double x) {
    double size = Math.abs(x);
    double result;
    if (size > 0x1p28) {
      result = StrictMath.log(size) + LN_2; // the square would lose the 1, and overflow later on
    } else {
      double square = size * size;
      result = StrictMath.log1p(size + square / (1 + StrictMath.sqrt(1 + square)));
    }
    return Math.copySign(result, x);
  }

  private static double acosh(double x) {
    if (x < 1) {
      return Double.NaN;
    }
    if (x > 0x1p28) {
      return StrictMath.log(x) + LN_2;
    }
    double above = x - 1;
    return StrictMath.log1p(above + StrictMath.sqrt(2 * above + above * above));
  }

  private static double atanh(double x) {
    double size = Math.abs(x);
    return Math.copySign(0.5 * StrictMath.log1p(2 * size / (1 - size)), x);
  }

  /** A function of numbers, that is NULL for anything else. */
  private abstract static class Numeric extends Function {

    final boolean isNumber(int index) throws SQLException {
      int type = value_type(index);
      return type == Codes.SQLITE_INTEGER
          || type == Codes.SQLITE_FLOAT
          || (type == Codes.SQLITE_TEXT && NUMBER.matcher(value_text(index)).matches());
    }
  }

  private static final class Unary extends Numeric {
    private final DoubleUnaryOperator operator;

    Unary(DoubleUnaryOperator operator) {
      this.operator = operator;
    }

    @Override
    protected void xFunc() throws SQLException {
      if (isNumber(0)) {
        result(operator.applyAsDouble(value_double(0)));
      } else {
        result();
      }
    }
  }

  private static final class Binary extends Numeric {
    private final DoubleBinaryOperator operator;

    Binary(DoubleBinaryOperator operator) {
      this.operator = operator;
    }

    @Override
    protected void xFunc() throws SQLException {
      if (isNumber(0) && isNumber(1)) {
        result(operator.applyAsDouble(value_double(0), value_double(1)));
      } else {
        result();
      }
    }
  }

  /** As in SQLite, only the base must be a number; of the other any text's beginning is taken. */
  private static final class Logarithm extends Numeric {
    @Override
    protected void xFunc() throws SQLException {
      if (isNumber(0)) {
        result(log(value_double(0), value_double(1)));
      } else {
        result();
      }
    }
  }

  private static final class Lenient extends Function {
    private final DoubleBinaryOperator operator;
    private final int arguments;

    Lenient(DoubleBinaryOperator operator, int arguments) {
      this.operator = operator;
      this.arguments = arguments;
    }

    @Override
    protected void xFunc() throws SQLException {
      int last = arguments - 1;
      if (value_type(0) == Codes.SQLITE_NULL || value_type(last) == Codes.SQLITE_NULL) {
        result();
      } else {
        result(operator.applyAsDouble(value_double(0), value_double(last)));
      }
    }
  }
}
