package quorum;

import com.fasterxml.jackson.dataformat.cbor.CBORGenerator;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import storage.Arbiter;
import storage.Cbor;
import storage.FormatException;

/**
 * The form of commands in the Raft log, and of questions and answers between nodes: CBOR {@code
 * [type, field...]}, the fields in the order of the records. A number of a type is never used for
 * anything else again; a field may be appended at the end of an array.
 */
final class MessageCodec {

  private static final int APPEND = 1;
  private static final int TRIM = 2;
  private static final int ENTER = 3;
  private static final int RENEW = 4;
  private static final int PUT_OUT = 5;
  private static final int LEAVE = 6;

  private static final int ASK_END = 21;
  private static final int ASK_CLOCK = 22;
  private static final int ASK_KNOWN = 23;
  private static final int ASK_STATE = 24;
  private static final int ASK_ROWS = 25;
  private static final int ASK_MEMBERS = 26;
  private static final int ASK_PROGRESS = 27;

  private static final int APPENDED = 41;
  private static final int REFUSED = 42;
  private static final int DONE = 43;
  private static final int JOIN = 44;
  private static final int FORM = 45;
  private static final int WAIT = 46;
  private static final int ENTRY_REFUSED = 47;
  private static final int IN = 48;
  private static final int OUT = 49;
  private static final int END = 50;
  private static final int CLOCK = 51;
  private static final int KNOWN = 52;
  private static final int STATE = 53;
  private static final int ROWS = 54;
  private static final int MEMBERS = 55;
  private static final int PROGRESS = 56;

  /** Space for everything but payloads. */
  private static final int FIELDS_BYTES = 128;

  private MessageCodec() {}

  static byte[] encode(Command command) {
    int payload = command instanceof Command.Append append ? append.payload().length : 0;
    return Cbor.write(
        FIELDS_BYTES + payload,
        out -> {
          if (command instanceof Command.Append append) {
            start(out, APPEND, 5);
            out.writeNumber(append.seq());
            out.writeBinary(append.previousHash());
            out.writeNumber(append.serializerId());
            out.writeString(append.manifest());
            out.writeBinary(append.payload());
          } else if (command instanceof Command.Trim trim) {
            start(out, TRIM, 1);
            out.writeNumber(trim.toSeq());
          } else if (command instanceof Command.Enter enter) {
            start(out, ENTER, 1);
            write(out, enter.self());
          } else if (command instanceof Command.Renew renew) {
            start(out, RENEW, 3);
            write(out, renew.self());
            out.writeNumber(renew.formation());
            out.writeBoolean(renew.member());
          } else if (command instanceof Command.PutOut putOut) {
            start(out, PUT_OUT, 3);
            write(out, putOut.self());
            out.writeNumber(putOut.formation());
            write(out, putOut.others());
          } else if (command instanceof Command.Leave leave) {
            start(out, LEAVE, 1);
            write(out, leave.self());
          }
          out.writeEndArray();
        });
  }

  static Command command(byte[] bytes) throws FormatException {
    return Cbor.read(
        bytes,
        "a command of the quorum",
        in -> {
          in.startArray();
          int type = in.nextInt();
          Command command =
              switch (type) {
                case APPEND ->
                    new Command.Append(
                        in.nextLong(), in.nextBytes(), in.nextInt(), in.nextText(), in.nextBytes());
                case TRIM -> new Command.Trim(in.nextLong());
                case ENTER -> new Command.Enter(process(in));
                case RENEW -> new Command.Renew(process(in), in.nextLong(), in.nextBoolean());
                case PUT_OUT -> new Command.PutOut(process(in), in.nextLong(), processes(in));
                case LEAVE -> new Command.Leave(process(in));
                default ->
                    throw new FormatException(
                        "a command of type " + type + " needs a newer peqlite");
              };
          in.endArray();
          return command;
        });
  }

  static byte[] encode(Question question) {
    return Cbor.write(
        FIELDS_BYTES,
        out -> {
          if (question instanceof Question.AskEnd) {
            start(out, ASK_END, 0);
          } else if (question instanceof Question.AskClock) {
            start(out, ASK_CLOCK, 0);
          } else if (question instanceof Question.AskKnown) {
            start(out, ASK_KNOWN, 0);
          } else if (question instanceof Question.AskMembers) {
            start(out, ASK_MEMBERS, 0);
          } else if (question instanceof Question.AskProgress) {
            start(out, ASK_PROGRESS, 0);
          } else if (question instanceof Question.AskState) {
            start(out, ASK_STATE, 0);
          } else if (question instanceof Question.AskRows rows) {
            start(out, ASK_ROWS, 2);
            out.writeNumber(rows.from());
            out.writeNumber(rows.bytesMax());
          }
          out.writeEndArray();
        });
  }

  static Question question(byte[] bytes) throws FormatException {
    return Cbor.read(
        bytes,
        "a question to the quorum",
        in -> {
          in.startArray();
          int type = in.nextInt();
          Question question =
              switch (type) {
                case ASK_END -> new Question.AskEnd();
                case ASK_CLOCK -> new Question.AskClock();
                case ASK_KNOWN -> new Question.AskKnown();
                case ASK_MEMBERS -> new Question.AskMembers();
                case ASK_PROGRESS -> new Question.AskProgress();
                case ASK_STATE -> new Question.AskState();
                case ASK_ROWS -> new Question.AskRows(in.nextLong(), in.nextLong());
                default ->
                    throw new FormatException(
                        "a question of type " + type + " needs a newer peqlite");
              };
          in.endArray();
          return question;
        });
  }

  static byte[] encode(Answer answer) {
    return Cbor.write(
        FIELDS_BYTES,
        out -> {
          if (answer instanceof Answer.Appended) {
            start(out, APPENDED, 0);
          } else if (answer instanceof Answer.Refused refused) {
            start(out, REFUSED, 1);
            out.writeNumber(refused.highest());
          } else if (answer instanceof Answer.Done) {
            start(out, DONE, 0);
          } else if (answer instanceof Answer.Entry entry) {
            write(out, entry.entry());
          } else if (answer instanceof Answer.Standing standing) {
            if (standing.standing() instanceof Arbiter.Standing.Out gone) {
              start(out, OUT, 1);
              out.writeString(gone.reason());
            } else {
              start(out, IN, 0);
            }
          } else if (answer instanceof Answer.End end) {
            start(out, END, 2);
            out.writeNumber(end.highest());
            out.writeBinary(end.hash());
          } else if (answer instanceof Answer.Clock clock) {
            start(out, CLOCK, 1);
            out.writeNumber(clock.micros());
          } else if (answer instanceof Answer.Known known) {
            start(out, KNOWN, 1);
            write(out, known.processes());
          } else if (answer instanceof Answer.Members members) {
            start(out, MEMBERS, 2);
            writePeers(out, members.voters());
            writePeers(out, members.listeners());
          } else if (answer instanceof Answer.Progress progress) {
            start(out, PROGRESS, 4);
            out.writeString(progress.leader());
            out.writeNumber(progress.term());
            out.writeNumber(progress.committed());
            out.writeStartArray(null, progress.followers().size());
            for (Answer.Follower follower : progress.followers()) {
              out.writeStartArray(null, 3);
              out.writeString(follower.id());
              out.writeNumber(follower.match());
              out.writeNumber(follower.silentMillis());
              out.writeEndArray();
            }
            out.writeEndArray();
          } else if (answer instanceof Answer.State state) {
            start(out, STATE, 6);
            out.writeNumber(state.term());
            out.writeNumber(state.index());
            out.writeNumber(state.highest());
            out.writeBinary(state.hash());
            out.writeNumber(state.trimmedTo());
            out.writeBinary(state.ledger());
          } else if (answer instanceof Answer.Rows rows) {
            start(out, ROWS, 1);
            out.writeStartArray(null, rows.rows().size());
            for (Answer.Row row : rows.rows()) {
              out.writeStartArray(null, 4);
              out.writeNumber(row.seq());
              out.writeNumber(row.serializerId());
              out.writeString(row.manifest());
              out.writeBinary(row.payload());
              out.writeEndArray();
            }
            out.writeEndArray();
          }
          out.writeEndArray();
        });
  }

  static Answer answer(byte[] bytes) throws FormatException {
    return Cbor.read(
        bytes,
        "an answer of the quorum",
        in -> {
          in.startArray();
          int type = in.nextInt();
          Answer answer =
              switch (type) {
                case APPENDED -> new Answer.Appended();
                case REFUSED -> new Answer.Refused(in.nextLong());
                case DONE -> new Answer.Done();
                case JOIN -> new Answer.Entry(new Arbiter.Entry.Join(in.nextLong(), texts(in)));
                case FORM -> new Answer.Entry(new Arbiter.Entry.Form(in.nextLong()));
                case WAIT -> new Answer.Entry(new Arbiter.Entry.Wait(in.nextText()));
                case ENTRY_REFUSED -> new Answer.Entry(new Arbiter.Entry.Refused(in.nextText()));
                case IN -> new Answer.Standing(new Arbiter.Standing.In());
                case OUT -> new Answer.Standing(new Arbiter.Standing.Out(in.nextText()));
                case END -> new Answer.End(in.nextLong(), in.nextBytes());
                case CLOCK -> new Answer.Clock(in.nextLong());
                case KNOWN -> new Answer.Known(processes(in));
                case MEMBERS -> new Answer.Members(peers(in), peers(in));
                case PROGRESS ->
                    new Answer.Progress(in.nextText(), in.nextLong(), in.nextLong(), followers(in));
                case STATE ->
                    new Answer.State(
                        in.nextLong(),
                        in.nextLong(),
                        in.nextLong(),
                        in.nextBytes(),
                        in.nextLong(),
                        in.nextBytes());
                case ROWS -> rows(in);
                default ->
                    throw new FormatException(
                        "an answer of type " + type + " needs a newer peqlite");
              };
          in.endArray();
          return answer;
        });
  }

  private static List<Answer.Follower> followers(Cbor.Reader in)
      throws IOException, FormatException {
    List<Answer.Follower> followers = new ArrayList<>();
    in.startArray();
    while (in.nextElement()) {
      followers.add(new Answer.Follower(in.nextText(), in.nextLong(), in.nextLong()));
      in.endArray();
    }
    return followers;
  }

  private static Answer rows(Cbor.Reader in) throws IOException, FormatException {
    List<Answer.Row> rows = new ArrayList<>();
    in.startArray();
    while (in.nextElement()) {
      rows.add(new Answer.Row(in.nextLong(), in.nextInt(), in.nextText(), in.nextBytes()));
      in.endArray();
    }
    return new Answer.Rows(rows);
  }

  private static void start(CBORGenerator out, int type, int fields) throws IOException {
    out.writeStartArray(null, fields + 1);
    out.writeNumber(type);
  }

  private static void write(CBORGenerator out, Arbiter.Entry entry) throws IOException {
    if (entry instanceof Arbiter.Entry.Join join) {
      start(out, JOIN, 2);
      out.writeNumber(join.formation());
      out.writeStartArray(null, join.addresses().size());
      for (String address : join.addresses()) {
        out.writeString(address);
      }
      out.writeEndArray();
    } else if (entry instanceof Arbiter.Entry.Form form) {
      start(out, FORM, 1);
      out.writeNumber(form.formation());
    } else if (entry instanceof Arbiter.Entry.Wait wait) {
      start(out, WAIT, 1);
      out.writeString(wait.reason());
    } else if (entry instanceof Arbiter.Entry.Refused refused) {
      start(out, ENTRY_REFUSED, 1);
      out.writeString(refused.reason());
    }
  }

  private static void write(CBORGenerator out, Arbiter.Process process) throws IOException {
    out.writeStartArray(null, 3);
    out.writeString(process.nodeId());
    out.writeString(process.address());
    out.writeNumber(process.uid());
    out.writeEndArray();
  }

  private static void write(CBORGenerator out, List<Arbiter.Process> processes) throws IOException {
    out.writeStartArray(null, processes.size());
    for (Arbiter.Process process : processes) {
      write(out, process);
    }
    out.writeEndArray();
  }

  private static Arbiter.Process process(Cbor.Reader in) throws IOException, FormatException {
    in.startArray();
    Arbiter.Process process = new Arbiter.Process(in.nextText(), in.nextText(), in.nextLong());
    in.endArray();
    return process;
  }

  private static List<Arbiter.Process> processes(Cbor.Reader in)
      throws IOException, FormatException {
    List<Arbiter.Process> processes = new ArrayList<>();
    in.startArray();
    while (in.nextElement()) {
      processes.add(new Arbiter.Process(in.nextText(), in.nextText(), in.nextLong()));
      in.endArray();
    }
    return processes;
  }

  private static void writePeers(CBORGenerator out, List<QuorumIdentity.Peer> peers)
      throws IOException {
    out.writeStartArray(null, peers.size());
    for (QuorumIdentity.Peer peer : peers) {
      out.writeStartArray(null, 2);
      out.writeString(peer.id());
      out.writeString(peer.address());
      out.writeEndArray();
    }
    out.writeEndArray();
  }

  private static List<QuorumIdentity.Peer> peers(Cbor.Reader in)
      throws IOException, FormatException {
    List<QuorumIdentity.Peer> peers = new ArrayList<>();
    in.startArray();
    while (in.nextElement()) {
      peers.add(new QuorumIdentity.Peer(in.nextText(), in.nextText()));
      in.endArray();
    }
    return peers;
  }

  private static List<String> texts(Cbor.Reader in) throws IOException, FormatException {
    List<String> texts = new ArrayList<>();
    in.startArray();
    while (in.nextElement()) {
      texts.add(in.currentText());
    }
    return texts;
  }
}
