package http;

/**
 * How results are to be written.
 *
 * @param pretty with line ends and indentation
 * @param timings with the time each took
 * @param associative rows as objects
 * @param blobArray blobs as arrays of numbers
 * @param qualifyColumns columns named with their table
 * @param queryShape whether a failed statement counts as a query, so that its associative form has
 *     an empty list of rows
 */
record ResultOptions(
    boolean pretty,
    boolean timings,
    boolean associative,
    boolean blobArray,
    boolean qualifyColumns,
    boolean queryShape) {

  static ResultOptions of(QueryParameters parameters, boolean queryShape) {
    return new ResultOptions(
        parameters.flag("pretty"),
        parameters.flag("timings"),
        parameters.flag("associative"),
        parameters.flag("blob_array"),
        parameters.flag("qualify_columns"),
        queryShape);
  }
}
