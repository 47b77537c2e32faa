/**
 * Backups: the places where they are kept, what is put there, and how a database is made of it.
 *
 * <p>A place is a directory, an HTTP endpoint, or a bucket of S3 or of what speaks its protocol;
 * encrypted where that is wanted. It knows objects with names, and nothing of databases ({@link
 * backup.BackupStore}; {@link backup.BackupStores} finds the one that an address names). Above that
 * stand full backups and segments of the journal ({@link backup.BackupObject}): {@link
 * backup.BackupJob} makes them, {@link backup.BackupRestore} makes a database of them, {@link
 * backup.BackupCheck} finds out whether that works.
 *
 * <p>No actors here and no threads of their own: everything blocks the caller.
 *
 * <p>Decisions: an object is there whole or not at all, so nobody who restores has to ask whether a
 * backup was finished; what is got is written beside its target and takes its place at the end; a
 * place keeps no index of its own, so any tool may put objects in or take them out. Why these
 * libraries: {@code docs/adr/0020-backup-places.md}. Why full backups and segments: {@code
 * docs/adr/0023-scheduled-backups.md}.
 */
@org.jspecify.annotations.NullMarked
package backup;
