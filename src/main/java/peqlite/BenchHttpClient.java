package peqlite;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * A client that costs little, so that a load on the same machine measures the server: one thread,
 * one selector, connections kept alive, one request at a time on each. It speaks as much HTTP/1.1
 * as a benchmark needs, without TLS. {@link #post} may be called from any thread; its stages
 * complete on the client's thread, where the next request is best sent from.
 */
final class BenchHttpClient implements AutoCloseable {

  /**
   * An answer.
   *
   * @param status the code
   * @param body the text
   */
  record Answer(int status, String body) {}

  private record Exchange(ByteBuffer request, CompletableFuture<Answer> answer) {}

  private static final int READ_BUFFER_BYTES = 64 * 1024;

  private final InetSocketAddress address;
  private final String host;
  private final Selector selector;
  private final Thread thread;
  private final Queue<Exchange> submitted = new ConcurrentLinkedQueue<>();

  /** Owned by the client's thread. */
  private final Deque<Connection> idle = new ArrayDeque<>();

  private final ByteBuffer readBuffer = ByteBuffer.allocate(READ_BUFFER_BYTES);
  private volatile boolean closed;

  /** Connects lazily; an address that cannot be reached fails the single requests. */
  BenchHttpClient(NetworkAddress address) throws IOException {
    this.address = new InetSocketAddress(address.host(), address.port());
    this.host = address.toString();
    this.selector = Selector.open();
    this.thread = new Thread(this::run, "bench-http-client");
    thread.setDaemon(true);
    thread.start();
  }

  /** Sends a JSON body; the stage fails with an IOException when there is no proper answer. */
  CompletableFuture<Answer> post(String pathAndQuery, String json) {
    byte[] body = json.getBytes(StandardCharsets.UTF_8);
    byte[] head =
        ("POST "
                + pathAndQuery
                + " HTTP/1.1\r\nHost: "
                + host
                + "\r\nContent-Type: application/json\r\nContent-Length: "
                + body.length
                + "\r\n\r\n")
            .getBytes(StandardCharsets.ISO_8859_1);
    ByteBuffer request = ByteBuffer.allocate(head.length + body.length).put(head).put(body).flip();
    Exchange exchange = new Exchange(request, new CompletableFuture<>());
    if (closed) {
      exchange.answer().completeExceptionally(new IOException("the client is closed"));
    } else if (Thread.currentThread() == thread) {
      send(exchange);
    } else {
      submitted.add(exchange);
      selector.wakeup();
    }
    return exchange.answer();
  }

  /** Closes every connection; requests under way fail. */
  @Override
  public void close() {
    closed = true;
    selector.wakeup();
  }

  private void run() {
    try {
      while (!closed) {
        int unused = selector.select(this::onReady);
        for (Exchange exchange = submitted.poll(); exchange != null; exchange = submitted.poll()) {
          send(exchange);
        }
      }
      for (SelectionKey key : selector.keys()) {
        ((Connection) key.attachment()).fail(new IOException("the client is closed"));
      }
      selector.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void send(Exchange exchange) {
    try {
      Connection connection = idle.pollFirst();
      if (connection == null) {
        connection = new Connection();
      }
      connection.begin(exchange);
    } catch (IOException e) {
      exchange.answer().completeExceptionally(e);
    }
  }

  private void onReady(SelectionKey key) {
    Connection connection = (Connection) key.attachment();
    try {
      if (key.isWritable()) {
        connection.write();
      } else if (key.isReadable()) {
        connection.read();
      }
    } catch (IOException e) {
      connection.fail(e);
    }
  }

  /** One connection; only the client's thread touches it. */
  private final class Connection {

    private final SocketChannel channel;
    private final SelectionKey key;
    private final ByteArrayOutputStream received = new ByteArrayOutputStream();
    private @Nullable Exchange exchange;

    Connection() throws IOException {
      channel = SocketChannel.open(address);
      channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      channel.configureBlocking(false);
      key = channel.register(selector, SelectionKey.OP_READ, this);
    }

    void begin(Exchange next) throws IOException {
      exchange = next;
      received.reset();
      try {
        write();
      } catch (IOException e) {
        fail(e);
      }
    }

    void write() throws IOException {
      Exchange current = exchange;
      if (current == null) {
        return;
      }
      int unused = channel.write(current.request());
      key.interestOps(
          current.request().hasRemaining() ? SelectionKey.OP_WRITE : SelectionKey.OP_READ);
    }

    void read() throws IOException {
      int count = channel.read(readBuffer.clear());
      Exchange current = exchange;
      if (count < 0 || current == null) {
        throw new IOException("the server closed the connection");
      }
      received.write(readBuffer.array(), 0, count);
      Answer answer = BenchHttpAnswer.parse(received.toByteArray());
      if (answer != null) {
        exchange = null;
        // Idle before completing: whoever waits sends its next request from within.
        idle.addFirst(this);
        current.answer().complete(answer);
      }
    }

    void fail(IOException cause) {
      key.cancel();
      idle.remove(this);
      try {
        channel.close();
      } catch (IOException e) {
        cause.addSuppressed(e);
      }
      Exchange current = exchange;
      exchange = null;
      if (current != null) {
        current.answer().completeExceptionally(cause);
      }
    }
  }

  /** Reads an answer once it is there in full. */
  private static final class BenchHttpAnswer {

    private BenchHttpAnswer() {}

    static @Nullable Answer parse(byte[] bytes) throws IOException {
      String text = new String(bytes, StandardCharsets.ISO_8859_1);
      int headEnd = text.indexOf("\r\n\r\n");
      if (headEnd < 0) {
        return null;
      }
      String head = text.substring(0, headEnd).toLowerCase(Locale.ROOT);
      int bodyStart = headEnd + 4;
      int status = number(head, head.indexOf(' ') + 1, 10);
      int lengthAt = head.indexOf("\r\ncontent-length:");
      if (lengthAt >= 0) {
        int length = number(head, head.indexOf(':', lengthAt) + 1, 10);
        return bytes.length < bodyStart + length
            ? null
            : new Answer(status, new String(bytes, bodyStart, length, StandardCharsets.UTF_8));
      }
      if (head.contains("\r\ntransfer-encoding: chunked")) {
        return chunked(status, text, bytes, bodyStart);
      }
      throw new IOException("an answer without a length");
    }

    private static @Nullable Answer chunked(int status, String text, byte[] bytes, int bodyStart)
        throws IOException {
      ByteArrayOutputStream body = new ByteArrayOutputStream();
      int at = bodyStart;
      while (true) {
        int lineEnd = text.indexOf("\r\n", at);
        if (lineEnd < 0) {
          return null;
        }
        int length = number(text, at, 16);
        int next = lineEnd + 2 + length + 2;
        if (bytes.length < next) {
          return null;
        }
        if (length == 0) {
          return new Answer(status, body.toString(StandardCharsets.UTF_8));
        }
        body.write(bytes, lineEnd + 2, length);
        at = next;
      }
    }

    private static int number(String text, int from, int radix) throws IOException {
      int at = from;
      while (at < text.length() && text.charAt(at) == ' ') {
        at++;
      }
      int end = at;
      while (end < text.length() && Character.digit(text.charAt(end), radix) >= 0) {
        end++;
      }
      try {
        return Integer.parseInt(text.substring(at, end), radix);
      } catch (NumberFormatException e) {
        throw new IOException("an answer that is not HTTP", e);
      }
    }
  }
}
