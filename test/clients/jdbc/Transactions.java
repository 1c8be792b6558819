import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Transactions of pgjdbc over a cluster: java -cp postgresql.jar Transactions.java PORT=PID [PORT=PID ...]
 *
 * One line for each case: "ok NAME", or "not ok NAME: what happened". The processes are those of the
 * nodes; one of them is killed at the end.
 */
public class Transactions {
  static final int RACERS = 6;
  static final int INCREMENTS_EACH = 5;
  static final int ATTEMPTS_MAX = 200;
  static final List<Integer> PORTS = new ArrayList<>();
  static final List<Long> PROCESSES = new ArrayList<>();

  interface Case {
    void run() throws Exception;
  }

  interface Work {
    void run(Connection connection, int attempt) throws Exception;
  }

  public static void main(String[] arguments) {
    for (String pair : arguments) {
      PORTS.add(Integer.valueOf(pair.split("=")[0]));
      PROCESSES.add(Long.valueOf(pair.split("=")[1]));
    }
    perform("commit", Transactions::commit);
    perform("rollback", Transactions::rollback);
    perform("failure", Transactions::failure);
    perform("savepoints", Transactions::savepoints);
    perform("autosave", Transactions::autosave);
    perform("isolation_and_read_only", Transactions::isolationAndReadOnly);
    perform("conflict", Transactions::conflict);
    perform("race", Transactions::race);
    perform("prepared", Transactions::prepared);
    perform("generated_keys", Transactions::generatedKeys);
    perform("batch", Transactions::batch);
    perform("fetch_size", Transactions::fetchSize);
    perform("killed_node", Transactions::killedNode);
  }

  static void perform(String name, Case performed) {
    try {
      performed.run();
      System.out.println("ok " + name);
    } catch (Exception | AssertionError problem) {
      System.out.println("not ok " + name + ": " + problem.toString().replaceAll("\\s+", " "));
    }
  }

  /** All nodes, of which the driver takes the first that answers and takes writes. */
  static Connection connect(int first, String... properties) throws SQLException {
    List<String> hosts = new ArrayList<>();
    for (int port : PORTS) hosts.add("127.0.0.1:" + port);
    Collections.rotate(hosts, -first);
    return open(String.join(",", hosts), "targetServerType", "primary", properties);
  }

  static Connection open(String hosts, String key, String value, String... more) throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("user", "synod");
    properties.setProperty("connectTimeout", "10");
    // What was found out about a host that was killed is soon asked anew.
    properties.setProperty("hostRecheckSeconds", "0");
    properties.setProperty(key, value);
    for (int at = 0; at < more.length; at += 2) properties.setProperty(more[at], more[at + 1]);
    return DriverManager.getConnection("jdbc:postgresql://" + hosts + "/synod", properties);
  }

  /** The first column of every row, as each node that runs has it; all must agree. */
  static List<String> everywhere(String query) throws SQLException {
    List<List<String>> answers = new ArrayList<>();
    for (int port : PORTS) {
      try (Connection connection = open("127.0.0.1:" + port, "loginTimeout", "10")) {
        answers.add(column(connection, query));
      } catch (SQLException error) {
        if (!error.getSQLState().startsWith("08")) throw error;
      }
    }
    for (List<String> answer : answers) equal(answer, answers.get(0));
    return answers.get(0);
  }

  static List<String> column(Connection connection, String query) throws SQLException {
    List<String> values = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(query)) {
      while (rows.next()) values.add(rows.getString(1));
    }
    return values;
  }

  static int update(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      return statement.executeUpdate(sql);
    }
  }

  static void addNote(Connection connection, String body) throws SQLException {
    try (PreparedStatement insert =
        connection.prepareStatement("INSERT INTO note (body) VALUES (?)")) {
      insert.setString(1, body);
      equal(insert.executeUpdate(), 1);
    }
  }

  static int number(Connection connection, String name) throws SQLException {
    try (PreparedStatement select =
        connection.prepareStatement("SELECT n FROM counter WHERE name = ?")) {
      select.setString(1, name);
      try (ResultSet rows = select.executeQuery()) {
        rows.next();
        return rows.getInt("n");
      }
    }
  }

  static void setNumber(Connection connection, String name, int n) throws SQLException {
    try (PreparedStatement update =
        connection.prepareStatement("UPDATE counter SET n = ? WHERE name = ?")) {
      update.setInt(1, n);
      update.setString(2, name);
      equal(update.executeUpdate(), 1);
    }
  }

  /** The usual loop: a serialization failure or a lost connection starts the transaction again. */
  static int retried(int first, Work work) throws Exception {
    for (int attempt = 1; ; attempt++) {
      try (Connection connection = connect(first)) {
        connection.setAutoCommit(false);
        try {
          work.run(connection, attempt);
          connection.commit();
          return attempt;
        } catch (SQLException error) {
          String state = error.getSQLState();
          boolean again = state.equals("40001") || state.startsWith("08");
          if (!again || attempt == ATTEMPTS_MAX) throw error;
          if (state.equals("40001")) connection.rollback();
        }
      }
      Thread.sleep(ThreadLocalRandom.current().nextInt(20));
    }
  }

  static void equal(Object actual, Object expected) {
    if (!actual.equals(expected)) throw new AssertionError(actual + " is not " + expected);
  }

  static SQLException raises(String state, Case work) throws Exception {
    try {
      work.run();
    } catch (SQLException error) {
      equal(error.getSQLState(), state);
      return error;
    }
    throw new AssertionError("no " + state);
  }

  static void commit() throws Exception {
    try (Connection connection = connect(0)) {
      connection.setAutoCommit(false);
      update(connection, "UPDATE account SET balance = balance - 30 WHERE name = 'ada'");
      update(connection, "UPDATE account SET balance = balance + 30 WHERE name = 'bob'");
      connection.commit();
    }
    equal(everywhere("SELECT balance FROM account ORDER BY name"), List.of("70", "30"));
  }

  static void rollback() throws Exception {
    try (Connection connection = connect(1)) {
      connection.setAutoCommit(false);
      addNote(connection, "undone");
      connection.rollback();
      addNote(connection, "undone by the end of the connection");
    }
    equal(everywhere("SELECT count(*) FROM note WHERE body LIKE 'undone%'"), List.of("0"));
  }

  static void failure() throws Exception {
    try (Connection connection = connect(2)) {
      connection.setAutoCommit(false);
      addNote(connection, "before");
      String overdrawn = "UPDATE account SET balance = -1 WHERE name = 'ada'";
      raises("23514", () -> update(connection, overdrawn));
      raises("25P02", () -> column(connection, "SELECT 1"));
      connection.commit();
      equal(column(connection, "SELECT 1"), List.of("1"));
      connection.commit();
    }
    equal(everywhere("SELECT count(*) FROM note WHERE body = 'before'"), List.of("0"));
  }

  static void savepoints() throws Exception {
    try (Connection connection = connect(0)) {
      connection.setAutoCommit(false);
      addNote(connection, "outer");
      Savepoint first = connection.setSavepoint("first one");
      addNote(connection, "inner");
      Savepoint second = connection.setSavepoint();
      raises("42P01", () -> column(connection, "SELECT * FROM nowhere"));
      connection.rollback(second);
      addNote(connection, "inner, again");
      connection.releaseSavepoint(first);
      Savepoint third = connection.setSavepoint();
      addNote(connection, "undone");
      connection.rollback(third);
      connection.commit();
    }
    List<String> kept = List.of("outer", "inner", "inner, again");
    equal(everywhere("SELECT body FROM note ORDER BY id"), kept);
  }

  static void autosave() throws Exception {
    try (Connection connection = connect(1, "autosave", "always")) {
      connection.setAutoCommit(false);
      addNote(connection, "saved before");
      raises("42P01", () -> column(connection, "SELECT * FROM nowhere"));
      addNote(connection, "saved after");
      connection.commit();
    }
    equal(everywhere("SELECT count(*) FROM note WHERE body LIKE 'saved %'"), List.of("2"));
  }

  static void isolationAndReadOnly() throws Exception {
    try (Connection connection = connect(2)) {
      connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
      equal(connection.getTransactionIsolation(), Connection.TRANSACTION_SERIALIZABLE);
      connection.setReadOnly(true);
      connection.setAutoCommit(false);
      equal(column(connection, "SHOW transaction_read_only"), List.of("on"));
      raises("25006", () -> addNote(connection, "never"));
      connection.rollback();
      connection.setReadOnly(false);
      addNote(connection, "may write again");
      connection.commit();
    }
    equal(everywhere("SELECT count(*) FROM note WHERE body = 'may write again'"), List.of("1"));
  }

  static void conflict() throws Exception {
    int attempts =
        retried(
            0,
            (connection, attempt) -> {
              int n = number(connection, "conflict");
              if (attempt == 1) {
                try (Connection other = connect(2)) {
                  update(other, "UPDATE counter SET n = n + 10 WHERE name = 'conflict'");
                }
              }
              setNumber(connection, "conflict", n + 1);
            });
    equal(attempts, 2);
    equal(everywhere("SELECT n FROM counter WHERE name = 'conflict'"), List.of("11"));
  }

  static void race() throws Exception {
    List<Exception> failures = Collections.synchronizedList(new ArrayList<>());
    List<Thread> threads = new ArrayList<>();
    for (int racer = 0; racer < RACERS; racer++) {
      int first = racer % PORTS.size();
      Runnable run =
          () -> {
            try {
              for (int left = INCREMENTS_EACH; left > 0; left--) {
                retried(first, (c, attempt) -> setNumber(c, "race", number(c, "race") + 1));
              }
            } catch (Exception failure) {
              failures.add(failure);
            }
          };
      threads.add(new Thread(run));
    }
    for (Thread thread : threads) thread.start();
    for (Thread thread : threads) thread.join();
    equal(failures, List.of());
    String expected = String.valueOf(RACERS * INCREMENTS_EACH);
    equal(everywhere("SELECT n FROM counter WHERE name = 'race'"), List.of(expected));
  }

  /** From the second execution on the server has the statement, which is then bound in binary. */
  static void prepared() throws Exception {
    try (Connection connection = connect(1, "prepareThreshold", "2")) {
      connection.setAutoCommit(false);
      String sql = "INSERT INTO note (body) VALUES (?) RETURNING id, body";
      try (PreparedStatement insert = connection.prepareStatement(sql)) {
        for (int at = 0; at < 12; at++) {
          insert.setString(1, "prepared " + at);
          try (ResultSet rows = insert.executeQuery()) {
            rows.next();
            equal(rows.getString("body"), "prepared " + at);
          }
          if (at % 2 == 0) connection.rollback();
          else connection.commit();
        }
      }
    }
    equal(everywhere("SELECT count(*) FROM note WHERE body LIKE 'prepared %'"), List.of("6"));
  }

  static void generatedKeys() throws Exception {
    try (Connection connection = connect(0)) {
      connection.setAutoCommit(false);
      String sql = "INSERT INTO note (body) VALUES (?)";
      String[] keys = {"id"};
      int key;
      try (PreparedStatement insert = connection.prepareStatement(sql, keys)) {
        insert.setString(1, "with a key");
        equal(insert.executeUpdate(), 1);
        try (ResultSet rows = insert.getGeneratedKeys()) {
          rows.next();
          key = rows.getInt(1);
        }
      }
      connection.commit();
      List<String> ids = everywhere("SELECT id FROM note WHERE body = 'with a key'");
      equal(ids, List.of(String.valueOf(key)));
    }
  }

  static void batch() throws Exception {
    for (String rewritten : List.of("false", "true")) {
      try (Connection connection = connect(2, "reWriteBatchedInserts", rewritten)) {
        connection.setAutoCommit(false);
        String sql = "INSERT INTO note (body) VALUES (?)";
        try (PreparedStatement insert = connection.prepareStatement(sql)) {
          for (int at = 0; at < 300; at++) {
            insert.setString(1, "batch " + at);
            insert.addBatch();
          }
          equal(insert.executeBatch().length, 300);
        }
        connection.commit();
        try (Statement several = connection.createStatement()) {
          several.addBatch("INSERT INTO note (body) VALUES ('batch, undone')");
          several.addBatch("INSERT INTO note (id, body) VALUES (1, 'batch'), (1, 'batch')");
          several.addBatch("INSERT INTO note (body) VALUES ('batch, undone')");
          raises("23505", several::executeBatch);
        }
        connection.rollback();
      }
    }
    equal(everywhere("SELECT count(*) FROM note WHERE body LIKE 'batch%'"), List.of("600"));
  }

  static void fetchSize() throws Exception {
    try (Connection connection = connect(0)) {
      connection.setAutoCommit(false);
      int rowsSeen = 0;
      String sql = "SELECT body FROM note WHERE body LIKE 'batch %' ORDER BY id";
      try (Statement select = connection.createStatement()) {
        select.setFetchSize(50);
        try (ResultSet rows = select.executeQuery(sql)) {
          rows.next();
          try (Connection other = connect(1)) {
            equal(update(other, "DELETE FROM note WHERE body LIKE 'batch 2%'"), 222);
          }
          for (boolean more = true; more; more = rows.next()) {
            equal(rows.getString(1), "batch " + rowsSeen % 300);
            rowsSeen++;
          }
        }
      }
      equal(rowsSeen, 600);
      connection.commit();
    }
    equal(everywhere("SELECT count(*) FROM note WHERE body LIKE 'batch%'"), List.of("378"));
  }

  static void killedNode() throws Exception {
    int victim = 1;
    int attempts =
        retried(
            victim,
            (connection, attempt) -> {
              addNote(connection, "attempt " + attempt);
              if (attempt == 1) {
                ProcessHandle node = ProcessHandle.of(PROCESSES.get(victim)).orElseThrow();
                node.destroyForcibly();
              }
              // It may take a moment until the kill is done.
              for (int left = 50; attempt == 1 && left > 0; left--) {
                Thread.sleep(20);
                column(connection, "SELECT 1");
              }
              addNote(connection, "after the kill");
            });
    if (attempts == 1) throw new AssertionError("the kill went unnoticed");
    String query = "SELECT body FROM note WHERE body LIKE 'attempt %' OR body = 'after the kill' ORDER BY id";
    equal(everywhere(query), Arrays.asList("attempt " + attempts, "after the kill"));
  }
}
