package backup;

import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Collects the objects of a place that a call of {@link BackupStore#list} asks for. */
final class Listing {

  /** A place with more is not one of ours, or nobody removes old backups. */
  static final int OBJECTS_MAX = 100_000;

  private final String prefix;
  private final String place;
  private final List<StoredObject> objects = new ArrayList<>();

  /**
   * Begins one.
   *
   * @param place as {@link BackupStore#describe} has it
   */
  Listing(String prefix, String place) {
    this.prefix = ObjectNames.checkPrefix(prefix);
    this.place = place;
  }

  /** Adds an object if it is asked for and has an object's name. */
  void add(String name, long bytes, Optional<Instant> lastModified) throws IOException {
    if (!name.startsWith(prefix) || !ObjectNames.isValid(name)) {
      return;
    }
    if (objects.size() >= OBJECTS_MAX) {
      throw new IOException(
          place
              + " has more than "
              + OBJECTS_MAX
              + " objects that begin with '"
              + prefix
              + "': remove old ones, or give backups a place of their own");
    }
    objects.add(new StoredObject(name, bytes, lastModified));
  }

  List<StoredObject> sorted() {
    objects.sort(Comparator.comparing(StoredObject::name));
    return List.copyOf(objects);
  }
}
