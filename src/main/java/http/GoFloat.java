package http;

import com.fasterxml.jackson.core.io.schubfach.DoubleToDecimal;

/**
 * Doubles as Go's JSON encoder writes them: the shortest digits that read back as the same double,
 * without a trailing {@code .0}, and with an exponent only below 1e-6 and from 1e21 on.
 *
 * <p>JSON has no infinity; it is written as 9e999, which is valid JSON and reads as infinity in
 * most languages, as SQLite's own shell does.
 */
final class GoFloat {

  private static final double EXACT_LONG_MAX = 9_007_199_254_740_992.0;

  private GoFloat() {}

  /** Formats a double; NaN, which SQLite never stores, as {@code null}. */
  static String format(double value) {
    if (value == Math.rint(value) && Math.abs(value) < EXACT_LONG_MAX) {
      boolean negativeZero = value == 0 && Double.doubleToRawLongBits(value) != 0;
      return negativeZero ? "-0" : Long.toString((long) value);
    }
    if (Double.isNaN(value)) {
      return "null";
    }
    if (Double.isInfinite(value)) {
      return value > 0 ? "9e999" : "-9e999";
    }
    return layOut(DoubleToDecimal.toString(value), value);
  }

  /** Rearranges {@code -12.34E-5}: the digits are right, their layout is Java's. */
  private static String layOut(String java, double value) {
    int exponentAt = java.indexOf('E');
    int exponent = exponentAt < 0 ? 0 : Integer.parseInt(java.substring(exponentAt + 1));
    String mantissa = exponentAt < 0 ? java : java.substring(0, exponentAt);
    boolean negative = mantissa.charAt(0) == '-';
    int point = mantissa.indexOf('.');
    String whole = mantissa.substring(negative ? 1 : 0, point);
    String fraction = mantissa.substring(point + 1);
    StringBuilder digits = new StringBuilder(whole).append(fraction);
    // The value is 0.DIGITS times ten to the power of `scale`.
    int scale = whole.length() + exponent;
    while (digits.length() > 1 && digits.charAt(0) == '0') {
      digits.deleteCharAt(0);
      scale--;
    }
    while (digits.length() > 1 && digits.charAt(digits.length() - 1) == '0') {
      digits.setLength(digits.length() - 1);
    }
    if (digits.length() == 2) {
      shortenToOneDigit(digits, scale, Math.abs(value));
    }
    StringBuilder text = new StringBuilder(negative ? "-" : "");
    double magnitude = Math.abs(value);
    if (magnitude < 1e-6 || magnitude >= 1e21) {
      text.append(digits.charAt(0));
      if (digits.length() > 1) {
        text.append('.').append(digits, 1, digits.length());
      }
      int power = scale - 1;
      return text.append('e').append(power < 0 ? "-" : "+").append(Math.abs(power)).toString();
    }
    if (scale <= 0) {
      return text.append("0.").append("0".repeat(-scale)).append(digits).toString();
    }
    if (scale >= digits.length()) {
      return text.append(digits).append("0".repeat(scale - digits.length())).toString();
    }
    return text.append(digits, 0, scale)
        .append('.')
        .append(digits, scale, digits.length())
        .toString();
  }

  /**
   * Java always gives two digits, as in 4.9E-324, even where one would do: 5e-324.
   *
   * @param digits two digits, replaced by one if that reads back as the same double
   */
  private static void shortenToOneDigit(StringBuilder digits, int scale, double magnitude) {
    int tens = digits.charAt(0) - '0';
    int rounded = digits.charAt(1) >= '5' ? tens + 1 : tens;
    if (rounded <= 9 && Double.parseDouble("0." + rounded + "e" + scale) == magnitude) {
      digits.setLength(0);
      digits.append(rounded);
    }
  }
}
