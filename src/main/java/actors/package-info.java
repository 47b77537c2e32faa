/**
 * The moving parts of a node: who numbers, orders, stores and applies a write, and who lets a read
 * in. Knows {@code storage} and {@code sql}; knows nothing of HTTP.
 */
@org.jspecify.annotations.NullMarked
package actors;
