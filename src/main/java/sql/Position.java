package sql;

/**
 * A request's place in the one order: the number of its event and its index in that event.
 *
 * @param seq the event's sequence number, from 1
 * @param index the entry's index in the event, from 0
 */
public record Position(long seq, int index) implements Comparable<Position> {

  @Override
  public int compareTo(Position other) {
    int bySeq = Long.compare(seq, other.seq);
    return bySeq != 0 ? bySeq : Integer.compare(index, other.index);
  }

  @Override
  public String toString() {
    return seq + "." + index;
  }
}
