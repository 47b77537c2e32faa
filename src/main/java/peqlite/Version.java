package peqlite;

/** Which peqlite this is. */
public final class Version {

  private Version() {}

  /** The version in the jar's manifest; {@code development} when run from anything else. */
  public static String text() {
    String version = Version.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
