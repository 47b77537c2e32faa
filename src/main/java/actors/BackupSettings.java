package actors;

import backup.BackupJob;
import backup.BackupStoreSettings;
import java.net.URI;
import java.time.Duration;

/**
 * Where and when backups are made. The comments in {@code application.conf} say what each value
 * does.
 *
 * @param place an address as {@link backup.BackupStores} has them
 * @param store what else is to be known of that place
 * @param segmentInterval between segments, if anything is new
 * @param holdJournal how long the journal is not cut for want of backups
 * @param job how to back up
 */
public record BackupSettings(
    URI place,
    BackupStoreSettings store,
    Duration segmentInterval,
    Duration holdJournal,
    BackupJob.Settings job) {

  /** Without the address: there may be a password in it. */
  @Override
  public String toString() {
    return "BackupSettings[" + place.getScheme() + ", " + job + ']';
  }
}
