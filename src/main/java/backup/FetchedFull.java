package backup;

import backup.BackupObject.Full;
import java.io.IOException;
import java.nio.file.Path;
import storage.SnapshotDamagedException;
import storage.SnapshotFile;
import storage.SnapshotHeader;

/**
 * A full backup that was got from its place and looked at to its end.
 *
 * @param object what it is
 * @param file where it is now
 */
record FetchedFull(Full object, Path file) {

  /**
   * Gets one.
   *
   * @param file the file to make; to be deleted after a failure
   * @throws DamagedObjectException if it is not what was stored, or another one than its name says
   */
  static FetchedFull get(BackupStore store, Full object, Path file) throws IOException {
    store.get(object.name(), file);
    SnapshotHeader header = verified(object.name(), file);
    if (!objectOf(header).equals(object)) {
      throw new DamagedObjectException(
          object.name() + " holds something else: " + objectOf(header).name(), null);
    }
    return new FetchedFull(object, file);
  }

  /**
   * What a snapshot's file is of, after all of it was looked at.
   *
   * @param name the object's, for messages
   * @throws DamagedObjectException if it is not whole
   */
  static SnapshotHeader verified(String name, Path file) throws IOException {
    try {
      return SnapshotFile.verify(file);
    } catch (SnapshotDamagedException e) {
      throw new DamagedObjectException(
          SnapshotFile.isOne(file)
              ? name + " is damaged: " + e.getMessage()
              : name + " is encrypted and its key was not given, or its beginning is damaged",
          e);
    }
  }

  /** The object that a snapshot becomes. */
  static Full objectOf(SnapshotHeader header) {
    return new Full(
        header.journalId(),
        header.seq(),
        header.timestampMicros(),
        BackupObject.shortHash(header.hash()));
  }
}
