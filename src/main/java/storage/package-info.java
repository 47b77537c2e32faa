/**
 * SQLite and the journals' tables: open, apply, read.
 *
 * <p>No actors and no Pekko here: everything is a plain object that says which thread may call it.
 */
@org.jspecify.annotations.NullMarked
package storage;
