package peqlite;

import actors.JournalChoice;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import storage.PostgresSettings;

/**
 * Reads the keys under {@code peqlite.journal}. No message shows a password, nor a URL, in which
 * one may stand.
 */
final class JournalReader {

  private static final String PLUGIN = "peqlite.journal.plugin";
  private static final String URL = "peqlite.journal.url";
  private static final String USER = "peqlite.journal.user";
  private static final String PASSWORD = "peqlite.journal.password";
  private static final String PASSWORD_FILE = "peqlite.journal.password-file";

  private static final String BIND_HOST = Settings.BIND_HOST;
  private static final String QUORUM_ADDRESS = "peqlite.quorum-addr";
  private static final String ELECTION_MIN = "peqlite.journal.quorum.election-timeout-min";
  private static final String ELECTION_MAX = "peqlite.journal.quorum.election-timeout-max";

  /** Shorter ones would end leaders that are only busy; longer ones are no use. */
  private static final Duration ELECTION_LEAST = Duration.ofMillis(100);

  private static final Duration ELECTION_MOST = Duration.ofSeconds(30);

  /** A file that holds more than this was named by mistake. */
  private static final int PASSWORD_BYTES_MAX = 4096;

  private JournalReader() {}

  /**
   * Where writes are to be made durable; looks at no server.
   *
   * @throws SettingsException if the keys do not say it, or a password's file cannot be read
   */
  static JournalChoice read(SettingsReader reader) throws SettingsException {
    String plugin = reader.text(PLUGIN);
    if (plugin.isEmpty()) {
      plugin = reader.addresses("peqlite.join").isEmpty() ? "sqlite" : "quorum";
    }
    switch (plugin) {
      case "sqlite":
        refuseUrl(reader, plugin);
        return new JournalChoice.Sqlite();
      case "postgres":
        return new JournalChoice.Postgres(postgres(reader));
      case "quorum":
        refuseUrl(reader, plugin);
        return quorum(reader);
      default:
        throw reader.wrong(
            PLUGIN, "'" + plugin + "' is not a journal; use 'sqlite', 'quorum' or 'postgres'");
    }
  }

  private static JournalChoice quorum(SettingsReader reader) throws SettingsException {
    Duration min = reader.duration(ELECTION_MIN, ELECTION_LEAST, ELECTION_MOST);
    Duration max = reader.duration(ELECTION_MAX, min, ELECTION_MOST);
    String bindHost = reader.text(BIND_HOST);
    if (reader.text(QUORUM_ADDRESS).isEmpty()) {
      return new JournalChoice.Quorum("", 0, bindHost, min, max);
    }
    NetworkAddress address = reader.address(QUORUM_ADDRESS);
    if (address.isWildcard()) {
      throw reader.wrong(
          QUORUM_ADDRESS, "'" + address.host() + "' is no host that other nodes reach this one by");
    }
    return new JournalChoice.Quorum(address.host(), address.port(), bindHost, min, max);
  }

  /** Whoever gives a URL believes that the writes go there. */
  private static void refuseUrl(SettingsReader reader, String plugin) throws SettingsException {
    if (reader.secret(URL).isPresent()) {
      throw reader.wrong(
          URL, "has no use with the journal '" + plugin + "'; use --journal postgres");
    }
  }

  private static PostgresSettings postgres(SettingsReader reader) throws SettingsException {
    Optional<String> url = reader.secret(URL);
    if (url.isEmpty()) {
      throw new SettingsException(
          "--journal-url: is not set, and the journal 'postgres' needs it, such as"
              + " jdbc:postgresql://127.0.0.1:5432/peqlite");
    }
    Optional<String> problem = PostgresSettings.problem(url.get());
    if (problem.isPresent()) {
      throw reader.wrong(URL, problem.get());
    }
    String user = reader.text(USER);
    return new PostgresSettings(
        url.get(), user.isEmpty() ? Optional.empty() : Optional.of(user), password(reader));
  }

  private static Optional<String> password(SettingsReader reader) throws SettingsException {
    Optional<String> password = reader.secret(PASSWORD);
    String file = reader.text(PASSWORD_FILE);
    if (file.isEmpty()) {
      return password;
    }
    if (password.isPresent()) {
      throw reader.wrong(
          PASSWORD_FILE, "is given, and so is the password itself; give one of them");
    }
    return Optional.of(passwordIn(file, reader));
  }

  /** Without the line's end that most editors write. */
  private static String passwordIn(String file, SettingsReader reader) throws SettingsException {
    byte[] bytes;
    try (InputStream in = Files.newInputStream(Path.of(file))) {
      bytes = in.readNBytes(PASSWORD_BYTES_MAX + 1);
    } catch (IOException | InvalidPathException e) {
      throw reader.wrong(PASSWORD_FILE, "'" + file + "' is not a file that can be read");
    }
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw reader.wrong(PASSWORD_FILE, "'" + file + "' is not a text");
    }
    String password = text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
    password = password.endsWith("\r") ? password.substring(0, password.length() - 1) : password;
    if (password.isEmpty()
        || bytes.length > PASSWORD_BYTES_MAX
        || password.chars().anyMatch(c -> c < ' ')) {
      throw reader.wrong(PASSWORD_FILE, "'" + file + "' does not hold one password on one line");
    }
    return password;
  }
}
