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
    switch (plugin) {
      case "sqlite":
        refuseUrl(reader);
        return new JournalChoice.Sqlite();
      case "postgres":
        return new JournalChoice.Postgres(postgres(reader));
      case "quorum":
        throw reader.wrong(
            PLUGIN, "'quorum' is not available in this version; use 'sqlite' or 'postgres'");
      default:
        throw reader.wrong(PLUGIN, "'" + plugin + "' is not a journal; use 'sqlite' or 'postgres'");
    }
  }

  /** Whoever gives a URL believes that the writes go there. */
  private static void refuseUrl(SettingsReader reader) throws SettingsException {
    if (reader.secret(URL).isPresent()) {
      throw reader.wrong(URL, "has no use with the journal 'sqlite'; use --journal postgres");
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
