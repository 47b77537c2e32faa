package quorum;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import storage.Arbiter;
import storage.FormatException;

/** That what is stored and sent is read as it was written. */
class MessageCodecTest {

  private static final Arbiter.Process A = new Arbiter.Process("a", "host-a:1", 1);
  private static final Arbiter.Process B = new Arbiter.Process("b", "host-b:1", -2);

  private static String text(Object message) {
    StringBuilder text = new StringBuilder(message.getClass().getSimpleName());
    for (var component : message.getClass().getRecordComponents()) {
      try {
        component.getAccessor().setAccessible(true);
        Object value = component.getAccessor().invoke(message);
        if (value instanceof List<?> list && !list.isEmpty() && list.get(0) instanceof Answer.Row) {
          value = list.stream().map(MessageCodecTest::text).toList();
        }
        text.append(' ').append(value instanceof byte[] b ? Arrays.toString(b) : value);
      } catch (ReflectiveOperationException e) {
        throw new AssertionError(e);
      }
    }
    return text.toString();
  }

  @Test
  void commands() throws FormatException {
    for (Command command :
        List.of(
            new Command.Append(7, new byte[] {1, 2}, 3, "manifest", new byte[] {4, 5, 6}),
            new Command.Trim(9),
            new Command.Enter(A),
            new Command.Renew(A, 3, true),
            new Command.PutOut(A, 3, List.of(B, A)),
            new Command.PutOut(A, 3, List.of()),
            new Command.Leave(B))) {
      assertEquals(text(command), text(MessageCodec.command(MessageCodec.encode(command))));
    }
  }

  @Test
  void questions() throws FormatException {
    for (Question question :
        List.of(
            new Question.AskEnd(),
            new Question.AskClock(),
            new Question.AskKnown(),
            new Question.AskState(),
            new Question.AskProgress(),
            new Question.AskMembers(),
            new Question.AskRows(5, 6))) {
      assertEquals(question, MessageCodec.question(MessageCodec.encode(question)));
    }
  }

  @Test
  void answers() throws FormatException {
    for (Answer answer :
        List.of(
            new Answer.Appended(),
            new Answer.Refused(5),
            new Answer.Done(),
            new Answer.Entry(new Arbiter.Entry.Join(2, List.of("x:1", "y:2"))),
            new Answer.Entry(new Arbiter.Entry.Form(2)),
            new Answer.Entry(new Arbiter.Entry.Wait("for it")),
            new Answer.Entry(new Arbiter.Entry.Refused("so")),
            new Answer.Standing(new Arbiter.Standing.In()),
            new Answer.Standing(new Arbiter.Standing.Out("gone")),
            new Answer.End(4, new byte[] {9}),
            new Answer.Clock(77),
            new Answer.Progress("a-1", 3, 99, List.of(new Answer.Follower("b-2", 98, 12))),
            new Answer.Progress("a-1", 3, 99, List.of()),
            new Answer.Known(List.of(A, B)),
            new Answer.Members(List.of(new QuorumIdentity.Peer("a-1", "h:1")), List.of()),
            new Answer.State(1, 2, 3, new byte[] {1}, 4, new byte[] {5}),
            new Answer.Rows(
                List.of(
                    new Answer.Row(1, 2, "m", new byte[] {3}),
                    new Answer.Row(2, 2, "m", new byte[0]))),
            new Answer.Rows(List.of()))) {
      assertEquals(text(answer), text(MessageCodec.answer(MessageCodec.encode(answer))));
    }
  }

  @Test
  void refusesWhatItDoesNotKnow() {
    byte[] question = MessageCodec.encode(new Question.AskEnd());
    assertThrows(FormatException.class, () -> MessageCodec.command(question));
    assertThrows(FormatException.class, () -> MessageCodec.answer(question));
    assertThrows(FormatException.class, () -> MessageCodec.question(new byte[] {1, 2, 3}));
    assertThrows(FormatException.class, () -> MessageCodec.command(new byte[0]));
  }
}
