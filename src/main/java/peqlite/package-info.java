/** The face of peqlite: the command line, the settings, and the wiring of everything else. */
@org.jspecify.annotations.NullMarked
package peqlite;
