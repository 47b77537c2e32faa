package storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.DriverManager;
import java.sql.SQLException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.sqlite.SQLiteConnection;
import storage.ReadStatements.Prepared;

class ReadStatementsTest {

  private SQLiteConnection connection;

  @BeforeEach
  void open() throws SQLException {
    connection = DriverManager.getConnection("jdbc:sqlite::memory:").unwrap(SQLiteConnection.class);
  }

  @AfterEach
  void close() throws SQLException {
    connection.close();
  }

  @Test
  void keepsWhatWasUsedLast() throws SQLException {
    ReadStatements statements = new ReadStatements(connection, 2, 1000);
    Prepared one = use(statements, "SELECT 1");
    Prepared two = use(statements, "SELECT 2, ?, ?");
    assertEquals(2, two.parameters());
    assertSame(one, use(statements, "SELECT 1"));
    use(statements, "SELECT 3");
    assertTrue(two.isClosed());
    assertFalse(one.isClosed());
    assertSame(one, use(statements, "SELECT 1"));
    assertEquals(2, statements.size());
  }

  @Test
  void keepsNoMoreTextThanItMay() throws SQLException {
    ReadStatements statements = new ReadStatements(connection, 100, 20);
    Prepared one = use(statements, "SELECT 1");
    Prepared two = use(statements, "SELECT 2");
    assertEquals(2, statements.size());
    Prepared three = use(statements, "SELECT 3");
    assertTrue(one.isClosed());
    assertTrue(use(statements, "SELECT 'a text of many characters'").isClosed());
    assertSame(two, use(statements, "SELECT 2"));
    assertSame(three, use(statements, "SELECT 3"));
  }

  @Test
  void lendsAStatementOnlyOnce() throws SQLException {
    ReadStatements statements = new ReadStatements(connection, 100, 1000);
    Prepared first = statements.take("SELECT 1");
    Prepared second = statements.take("SELECT 1");
    assertNotSame(first, second);
    statements.giveBack(first);
    statements.giveBack(second);
    assertTrue(first.isClosed());
    assertEquals(1, statements.size());
    assertSame(second, use(statements, "SELECT 1"));
  }

  @Test
  void keepsNothingThatFailed() throws SQLException {
    ReadStatements statements = new ReadStatements(connection, 100, 1000);
    assertThrows(SQLException.class, () -> statements.take("nonsense"));
    Prepared closed = statements.take("SELECT 1");
    closed.jdbc().close();
    statements.giveBack(closed);
    assertEquals(0, statements.size());
  }

  private static Prepared use(ReadStatements statements, String sql) throws SQLException {
    Prepared prepared = statements.take(sql);
    statements.giveBack(prepared);
    return prepared;
  }
}
