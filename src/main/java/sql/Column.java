package sql;

/**
 * A column of a result.
 *
 * @param name the name as SQLite gives it
 * @param table the table it comes from, empty for an expression
 * @param declaredType the declared type as it was written, empty for an expression
 */
public record Column(String name, String table, String declaredType) {}
