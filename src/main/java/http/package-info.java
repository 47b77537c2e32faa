/**
 * The HTTP interface: routes, JSON, status codes. It speaks the API of rqlite, so that its client
 * libraries work unchanged, and reaches the database only through {@link actors.Node}.
 */
@org.jspecify.annotations.NullMarked
package http;
