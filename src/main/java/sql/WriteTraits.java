package sql;

import java.util.Optional;

/**
 * What the apply must know of a write beforehand. A "mention" is the word anywhere in the text, so
 * it may be a false alarm, never a miss.
 *
 * @param insert the main verb is INSERT or REPLACE, so that there may be a last insert id
 * @param target the table or view that INSERT, REPLACE, UPDATE or DELETE names, without quotes and
 *     schema; empty for other statements and for what SQLite will not be able to read
 * @param returning has a RETURNING clause of its own, so that it gives rows
 * @param dataChange INSERT, REPLACE, UPDATE or DELETE: only these have a number of rows affected
 * @param schemaChange CREATE, DROP or ALTER
 * @param mentionsDeferred has the keyword DEFERRED, as a deferred foreign key does
 * @param mentionsStatistics mentions a table of the planner's statistics, {@code sqlite_stat1} etc.
 * @param mentionsSequence mentions {@code sqlite_sequence}
 * @param storedDateFunction an index or a generated column of this statement calls a function of
 *     date and time, so that the definition needs a deeper check before it is kept
 * @param analyzesAll ANALYZE of every table, and nothing behind it
 */
public record WriteTraits(
    boolean insert,
    Optional<String> target,
    boolean returning,
    boolean dataChange,
    boolean schemaChange,
    boolean mentionsDeferred,
    boolean mentionsStatistics,
    boolean mentionsSequence,
    boolean storedDateFunction,
    boolean analyzesAll) {}
