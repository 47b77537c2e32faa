package backup;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A place where backups are kept: named objects, each there whole or not at all.
 *
 * <p>A name has letters, digits, {@code -}, {@code _}, {@code .} and {@code /} between its parts;
 * see {@link ObjectNames}. Any other is an {@link IllegalArgumentException}.
 *
 * <p>All calls block, for as long as the transfer takes; one in which nothing moves ends with an
 * error. Nothing is retried beyond what a method says: an {@link IOException} may be temporary, and
 * the call may be made again. Thread-safe; of two that put the same name at once, one wins.
 */
public interface BackupStore extends AutoCloseable {

  /**
   * Stores a file under a name, in place of what has that name.
   *
   * @param file not changed while this runs; an encrypting store writes beside it
   * @throws IOException if that fails; what had the name is still there, whole. If the connection
   *     broke at the very end the new object may be there instead, as whole
   */
  void put(String name, Path file) throws IOException;

  /**
   * Writes an object to a file; whole and synced when this returns. Goes on where it was after a
   * cut connection, where the place can, otherwise from the beginning.
   *
   * @param target in a directory that exists; replaced if it is there
   * @throws NoSuchFileException if there is no such object, or no directory for the target
   * @throws DamagedObjectException if what is stored is not what was put
   * @throws IOException if it cannot be read; the target is as it was before
   */
  void get(String name, Path target) throws IOException;

  /**
   * All objects whose names begin with a prefix, sorted by name. What does not have a valid name is
   * not ours and is left out.
   *
   * @param prefix of names, not only of whole parts; empty for all objects
   * @throws IOException if the place cannot be read, or has more than {@value Listing#OBJECTS_MAX}
   *     of them
   */
  List<StoredObject> list(String prefix) throws IOException;

  /** Removes an object; no error if it is gone already. */
  void delete(String name) throws IOException;

  /**
   * The one name that this place has room for; empty for places that keep many objects. Under
   * another name nothing can be put, and nothing is there.
   */
  default Optional<String> onlyName() {
    return Optional.empty();
  }

  /** The place for logs and errors, without secrets. */
  String describe();

  /** Gives up connections; no call may be under way. */
  @Override
  void close();
}
