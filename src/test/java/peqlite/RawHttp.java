package peqlite;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * One connection of a client without manners: it sends any bytes, takes answers as slowly as it
 * likes, and leaves when it wants to.
 */
final class RawHttp implements Closeable {

  /** Longer than any deadline in these tests, so that only a node that hangs reaches it. */
  private static final int SILENCE_MILLIS_MAX = 100_000;

  private static final int HEAD_BYTES_MAX = 64 * 1024;

  private final Socket socket;
  private final InputStream in;

  private RawHttp(Socket socket, int bufferBytes) throws IOException {
    this.socket = socket;
    this.in = new BufferedInputStream(socket.getInputStream(), bufferBytes);
  }

  /**
   * Connects.
   *
   * @param bufferBytes what is read ahead, by the system and by this client
   */
  static RawHttp connect(int port, int bufferBytes) throws IOException {
    Socket socket = new Socket();
    socket.setReceiveBufferSize(bufferBytes);
    socket.setSoTimeout(SILENCE_MILLIS_MAX);
    socket.connect(new InetSocketAddress("127.0.0.1", port));
    return new RawHttp(socket, bufferBytes);
  }

  void send(byte[] bytes) throws IOException {
    socket.getOutputStream().write(bytes);
  }

  void sendGet(String pathAndQuery) throws IOException {
    String head = "GET " + pathAndQuery + " HTTP/1.1\r\nHost: test\r\n\r\n";
    send(head.getBytes(StandardCharsets.US_ASCII));
  }

  /** Says that nothing more comes; without effect where the node knows, or has closed itself. */
  void endOutput() throws IOException {
    try {
      if (!socket.isOutputShutdown()) {
        socket.shutdownOutput();
      }
    } catch (SocketException closed) {
      // The next read tells.
    }
  }

  /** Whether anything can be read within some time, the end included. */
  boolean speaks(int millisMax) throws IOException {
    socket.setSoTimeout(millisMax);
    in.mark(1);
    try {
      int unused = in.read();
      in.reset();
      return true;
    } catch (SocketTimeoutException silence) {
      return false;
    } catch (SocketException closed) {
      return true;
    } finally {
      socket.setSoTimeout(SILENCE_MILLIS_MAX);
    }
  }

  /**
   * An answer's status line and headers, read; its body comes from {@link #next}.
   *
   * @param headers by their names in lower case
   */
  record Head(int status, Map<String, String> headers) {

    Optional<String> header(String name) {
      return Optional.ofNullable(headers.get(name));
    }

    boolean isJson() {
      return header("content-type").orElse("").startsWith("application/json");
    }

    /** Whether only the end of the connection ends the body, so that a cut one looks whole. */
    boolean untilClose() {
      return !headers.containsKey("transfer-encoding") && !headers.containsKey("content-length");
    }
  }

  /** What is left of the body that is being read. */
  private long chunkLeft;

  private boolean chunked;
  private boolean untilClose;
  private boolean ended;

  /** The head of the next answer that is not preliminary; empty if the node has closed instead. */
  Optional<Head> head() throws IOException {
    Optional<Head> head = oneHead();
    while (head.isPresent() && head.get().status() < 200) {
      head = oneHead();
    }
    return head;
  }

  private Optional<Head> oneHead() throws IOException {
    String status = line();
    if (status.isEmpty()) {
      return Optional.empty();
    }
    if (!status.matches("HTTP/1\\.1 \\d{3} .*")) {
      throw new IOException("not a status line: " + status);
    }
    Map<String, String> headers = new HashMap<>();
    for (String line = line(); !line.isEmpty(); line = line()) {
      int colon = line.indexOf(':');
      headers.put(
          line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).strip());
    }
    chunked = headers.getOrDefault("transfer-encoding", "").equals("chunked");
    Head head = new Head(Integer.parseInt(status.substring(9, 12)), headers);
    untilClose = head.untilClose() && head.status() >= 200;
    chunkLeft = chunked ? 0 : Long.parseLong(headers.getOrDefault("content-length", "0"));
    ended = !chunked && !untilClose && chunkLeft == 0;
    return Optional.of(head);
  }

  /**
   * The next byte of the body, -1 after the last one.
   *
   * @throws EOFException if the node has closed before the end
   */
  int next() throws IOException {
    if (ended) {
      return -1;
    }
    if (untilClose) {
      return in.read();
    }
    if (chunkLeft == 0) {
      String size = line();
      chunkLeft = Long.parseLong(size, 16);
      if (chunkLeft == 0) {
        ended = true;
        line();
        return -1;
      }
    }
    int b = in.read();
    if (b < 0) {
      throw new EOFException("the body is cut");
    }
    chunkLeft--;
    if (chunkLeft == 0) {
      if (chunked) {
        line();
      } else {
        ended = true;
      }
    }
    return b;
  }

  /** The rest of the body. */
  byte[] body() throws IOException {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    for (int b = next(); b >= 0; b = next()) {
      body.write(b);
    }
    return body.toByteArray();
  }

  /** A line without its end; empty also where the node has closed before the first byte of it. */
  private String line() throws IOException {
    StringBuilder line = new StringBuilder();
    for (int b = in.read(); b != '\n'; b = in.read()) {
      if (b < 0) {
        if (line.length() == 0) {
          return "";
        }
        throw new EOFException("the line is cut: " + line);
      }
      if (line.length() > HEAD_BYTES_MAX) {
        throw new IOException("a line without end");
      }
      if (b != '\r') {
        line.append((char) b);
      }
    }
    return line.toString();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }

  /** Closes with a reset, as a process that crashes does. */
  void crash() throws IOException {
    socket.setSoLinger(true, 0);
    socket.close();
  }
}
