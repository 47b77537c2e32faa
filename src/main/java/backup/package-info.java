/**
 * The places where backups are kept: a directory, an HTTP endpoint, a bucket of S3 or of what
 * speaks its protocol; encrypted where that is wanted.
 *
 * <p>They know objects with names, and nothing of databases or of when a backup is made. No actors
 * here and no threads of their own: what they do blocks the caller. {@link backup.BackupStores}
 * finds the place that an address names.
 *
 * <p>Decisions: an object is there whole or not at all, so nobody who restores has to ask whether a
 * backup was finished; what is got is written beside its target and takes its place at the end; a
 * place keeps no index of its own, so any tool may put objects in or take them out. Why these
 * libraries: {@code docs/adr/0020-backup-places.md}.
 */
@org.jspecify.annotations.NullMarked
package backup;
