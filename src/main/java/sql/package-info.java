/**
 * The vocabulary of peqlite: values, statements, requests, results, and what SQL text says.
 *
 * <p>Pure code: it imports nothing of ours, no Pekko and no JDBC, and does no input or output.
 */
@org.jspecify.annotations.NullMarked
package sql;
