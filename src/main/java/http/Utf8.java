package http;

/** What texts take up as UTF-8. */
final class Utf8 {

  private Utf8() {}

  /** The length of a text in bytes; a lone surrogate counts as three. */
  static long length(String text) {
    long bytes = 0;
    for (int at = 0; at < text.length(); at++) {
      char c = text.charAt(at);
      if (c < 0x80) {
        bytes++;
      } else if (c < 0x800) {
        bytes += 2;
      } else if (Character.isHighSurrogate(c)
          && at + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(at + 1))) {
        bytes += 4;
        at++;
      } else {
        bytes += 3;
      }
    }
    return bytes;
  }
}
