package backup;

import java.time.Instant;
import java.util.Optional;

/**
 * An object in a place of backups.
 *
 * @param bytes as stored, which is a little more than was put where it is encrypted; -1 where an
 *     HTTP endpoint does not say
 * @param lastModified by the clock of the place; empty where an HTTP endpoint does not say
 */
public record StoredObject(String name, long bytes, Optional<Instant> lastModified) {}
