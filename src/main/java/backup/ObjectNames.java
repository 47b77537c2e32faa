package backup;

import java.util.regex.Pattern;

/**
 * Which names an object may have, wherever it is kept. They are the same everywhere so that backups
 * can be moved from one place to another.
 *
 * <p>A name is parts with a {@code /} between them, of at most {@value #BYTES_MAX} characters. A
 * part has 1 to {@value #PART_BYTES_MAX} of {@code A-Z a-z 0-9 - _ .} and is neither {@code .} nor
 * {@code ..}, so that no name leads out of its directory or bucket prefix.
 */
final class ObjectNames {

  /** Leaves room for a prefix in the 1,024 bytes of a key in S3. */
  static final int BYTES_MAX = 512;

  /** Of a file's name on common file systems it is 255. */
  static final int PART_BYTES_MAX = 200;

  private static final Pattern PART = Pattern.compile("[A-Za-z0-9._-]{1," + PART_BYTES_MAX + "}");

  private ObjectNames() {}

  /** Whether an object can have this name. */
  static boolean isValid(String name) {
    if (name.length() > BYTES_MAX) {
      return false;
    }
    for (String part : name.split("/", -1)) {
      if (!PART.matcher(part).matches() || part.equals(".") || part.equals("..")) {
        return false;
      }
    }
    return true;
  }

  /**
   * The name, if an object can have it.
   *
   * @throws IllegalArgumentException if not
   */
  static String check(String name) {
    if (!isValid(name)) {
      throw new IllegalArgumentException(
          "'"
              + name
              + "' cannot name a backup: letters, digits, '-', '_' and '.', in parts with '/'"
              + " between them, none of them '.' or '..', at most "
              + BYTES_MAX
              + " characters, "
              + PART_BYTES_MAX
              + " in a part");
    }
    return name;
  }

  /**
   * The prefix, if names can begin with it.
   *
   * @throws IllegalArgumentException if not
   */
  static String checkPrefix(String prefix) {
    // A prefix ends anywhere in a name: one more letter makes a name of it.
    check(prefix + "x");
    return prefix;
  }
}
