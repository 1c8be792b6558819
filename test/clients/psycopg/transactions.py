"""Transactions of psycopg 3 over a cluster: transactions.py PORT=PID [PORT=PID ...]

One line for each case: "ok NAME", or "not ok NAME: what happened". Needs python3-psycopg and
python3-psycopg-pool. The processes are those of the nodes; one of them is killed at the end.
"""

import os
import random
import signal
import sys
import threading
import time

import psycopg
from psycopg import errors
from psycopg_pool import ConnectionPool

NODES = [tuple(map(int, pair.split("="))) for pair in sys.argv[1:]]
PORTS = [port for port, _ in NODES]
RACERS = 6
INCREMENTS_EACH = 5
ATTEMPTS_MAX = 200

COUNTER = "SELECT n FROM counter WHERE name = %s"
SET_COUNTER = "UPDATE counter SET n = %s WHERE name = %s"


def conninfo(first=0):
    """All nodes; libpq takes the first that answers."""
    ports = PORTS[first:] + PORTS[:first]
    hosts = ",".join("127.0.0.1" for _ in ports)
    return f"host={hosts} port={','.join(map(str, ports))} user=synod dbname=synod connect_timeout=10"


def connect(first=0, **options):
    return psycopg.connect(conninfo(first), **options)


def everywhere(query):
    """What each node that runs answers; all must agree."""
    answers = []
    for port in PORTS:
        try:
            with psycopg.connect(f"host=127.0.0.1 port={port} user=synod dbname=synod") as conn:
                answers.append(conn.execute(query).fetchall())
        except psycopg.OperationalError:
            continue
    assert answers and all(answer == answers[0] for answer in answers), answers
    return answers[0]


def equal(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


def raises(kind, work):
    try:
        work()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def retried(transaction):
    """The usual loop: a serialization failure or a lost connection starts the transaction again."""
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            return transaction(attempt), attempt
        except (errors.SerializationFailure, psycopg.OperationalError):
            time.sleep(random.random() * 0.02)
    raise AssertionError(f"{ATTEMPTS_MAX} attempts were not enough")


def commit():
    with connect(0) as conn:
        conn.execute("UPDATE account SET balance = balance - %s WHERE name = %s", (30, "ada"))
        conn.execute("UPDATE account SET balance = balance + %s WHERE name = %s", (30, "bob"))
        equal(conn.info.transaction_status.name, "INTRANS")
    equal(everywhere("SELECT balance FROM account ORDER BY name"), [(70,), (30,)])


def rollback():
    def fail():
        with connect(1) as conn, conn.transaction():
            conn.execute("INSERT INTO note (body) VALUES ('undone')")
            raise KeyError("the application's own")

    raises(KeyError, fail)
    equal(everywhere("SELECT count(*) FROM note WHERE body = 'undone'"), [(0,)])


def failure():
    with connect(2) as conn:
        conn.execute("INSERT INTO note (body) VALUES ('before')")
        overdrawn = "UPDATE account SET balance = -1 WHERE name = 'ada'"
        error = raises(errors.CheckViolation, lambda: conn.execute(overdrawn))
        equal(error.diag.constraint_name, "account_balance_check")
        equal(conn.info.transaction_status.name, "INERROR")
        raises(errors.InFailedSqlTransaction, lambda: conn.execute("SELECT 1"))
        conn.rollback()
        equal(conn.execute("SELECT 1").fetchone(), (1,))
    equal(everywhere("SELECT count(*) FROM note WHERE body = 'before'"), [(0,)])


def nested():
    def fail(conn):
        with conn.transaction():
            conn.execute("INSERT INTO note (body) VALUES ('undone')")
            conn.execute("SELECT * FROM nowhere")

    with connect(0, autocommit=True) as conn:
        with conn.transaction():
            conn.execute("INSERT INTO note (body) VALUES ('outer')")
            with conn.transaction("inner_one"):
                conn.execute("INSERT INTO note (body) VALUES ('inner')")
                raises(errors.UndefinedTable, lambda: fail(conn))
                conn.execute("INSERT INTO note (body) VALUES ('inner, again')")
            with conn.transaction(force_rollback=True):
                conn.execute("INSERT INTO note (body) VALUES ('never')")
        equal(conn.info.transaction_status.name, "IDLE")
    kept = [("outer",), ("inner",), ("inner, again",)]
    equal(everywhere("SELECT body FROM note ORDER BY id"), kept)


def isolation_level_and_read_only():
    with connect(1) as conn:
        conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        conn.read_only = True
        conn.deferrable = True
        equal(conn.execute("SHOW transaction_isolation").fetchone(), ("serializable",))
        equal(conn.execute("SHOW transaction_read_only").fetchone(), ("on",))
        add = "INSERT INTO note (body) VALUES ('never')"
        raises(errors.ReadOnlySqlTransaction, lambda: conn.execute(add))


def conflict():
    def transaction(attempt):
        with connect(0) as conn:
            (n,) = conn.execute(COUNTER, ("conflict",)).fetchone()
            if attempt == 1:
                with connect(2) as other:
                    other.execute("UPDATE counter SET n = n + 10 WHERE name = 'conflict'")
            conn.execute(SET_COUNTER, (n + 1, "conflict"))

    _, attempts = retried(transaction)
    equal(attempts, 2)
    equal(everywhere("SELECT n FROM counter WHERE name = 'conflict'"), [(11,)])


def race():
    failures = []

    def increment(conn):
        with conn.transaction():
            (n,) = conn.execute(COUNTER, ("race",)).fetchone()
            conn.execute(SET_COUNTER, (n + 1, "race"))

    def run(racer):
        try:
            with connect(racer % len(PORTS), autocommit=True) as conn:
                for _ in range(INCREMENTS_EACH):
                    retried(lambda _: increment(conn))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(racer,)) for racer in range(RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(failures, [])
    equal(everywhere("SELECT n FROM counter WHERE name = 'race'"), [(RACERS * INCREMENTS_EACH,)])


def prepared():
    insert = "INSERT INTO note (body) VALUES (%s) RETURNING body"
    with connect(1) as conn:
        conn.execute(insert, ("rolled back",), prepare=True)
        conn.rollback()
        equal(conn.execute(insert, ("prepared",), prepare=True).fetchone(), ("prepared",))
        conn.commit()
        with conn.cursor(binary=True) as cursor:
            cursor.execute(COUNTER, ("race",), prepare=True)
            equal(cursor.fetchone(), (RACERS * INCREMENTS_EACH,))
    query = "SELECT body FROM note WHERE body IN ('rolled back', 'prepared')"
    equal(everywhere(query), [("prepared",)])


def pipeline():
    with connect(2) as conn:
        with conn.pipeline(), conn.transaction():
            cursors = [
                conn.execute("INSERT INTO note (body) VALUES (%s) RETURNING body", (f"piped {at}",))
                for at in range(3)
            ]
        equal([cursor.fetchone() for cursor in cursors], [("piped 0",), ("piped 1",), ("piped 2",)])
        conn.commit()
    equal(everywhere("SELECT count(*) FROM note WHERE body LIKE 'piped %'"), [(3,)])

    def fail():
        with connect(2) as conn, conn.pipeline(), conn.transaction():
            conn.execute("INSERT INTO note (body) VALUES ('piped, undone')")
            conn.execute("SELECT 1 / 0")
            conn.execute("INSERT INTO note (body) VALUES ('piped, undone')")

    raises(errors.DivisionByZero, fail)
    equal(everywhere("SELECT count(*) FROM note WHERE body = 'piped, undone'"), [(0,)])


def executemany():
    with connect(0) as conn, conn.cursor() as cursor:
        rows = [(f"many {at}",) for at in range(50)]
        cursor.executemany("INSERT INTO note (body) VALUES (%s) RETURNING id", rows, returning=True)
        equal(cursor.rowcount, 50)
    equal(everywhere("SELECT count(*) FROM note WHERE body LIKE 'many %'"), [(50,)])


def server_side_cursor():
    with connect(1) as conn:
        with conn.cursor(name="many") as cursor:
            cursor.execute("SELECT body FROM note WHERE body LIKE %s ORDER BY id", ("many %",))
            equal(cursor.fetchone(), ("many 0",))
            with connect(2) as other:
                other.execute("DELETE FROM note WHERE body LIKE 'many 4%'")
            equal([body for (body,) in cursor.fetchmany(2)], ["many 1", "many 2"])
            equal(len(cursor.fetchall()), 47)
        conn.commit()
    equal(everywhere("SELECT count(*) FROM note WHERE body LIKE 'many %'"), [(39,)])


def killed_node():
    with ConnectionPool(conninfo(1), min_size=1, max_size=2, timeout=20) as pool:
        pool.wait()

        def transaction(attempt):
            with pool.connection() as conn:
                conn.execute("INSERT INTO note (body) VALUES (%s)", (f"attempt {attempt}",))
                if attempt == 1:
                    port, pid = NODES[1]
                    equal(conn.info.port, port)
                    os.kill(pid, signal.SIGKILL)
                conn.execute("INSERT INTO note (body) VALUES ('after the kill')")

        _, attempts = retried(transaction)
    assert attempts > 1, "the kill went unnoticed"
    query = "SELECT body FROM note WHERE body LIKE 'attempt %' OR body = 'after the kill' ORDER BY id"
    equal(everywhere(query), [(f"attempt {attempts}",), ("after the kill",)])


def copy():
    rows = [(n, None if n % 3 == 0 else f"tab\t{n}", n % 2 == 0) for n in range(20_000)]
    with connect() as conn, conn.cursor() as cur:
        cur.execute("CREATE TABLE copied (id int PRIMARY KEY, body text, even boolean)")
        conn.commit()
        with cur.copy("COPY copied (id, body, even) FROM STDIN") as lines:
            for row in rows:
                lines.write_row(row)
        equal(cur.rowcount, len(rows))
        with cur.copy("COPY (SELECT id, body, even FROM copied ORDER BY id) TO STDOUT") as lines:
            lines.set_types(["int4", "text", "bool"])
            equal(list(lines.rows()), rows)
        conn.commit()

        def interrupted():
            with cur.copy("COPY copied (id) FROM STDIN") as lines:
                lines.write_row((-1,))
                raise RuntimeError("enough")

        # Which of the two is told depends on psycopg's version.
        raises((RuntimeError, errors.QueryCanceled), interrupted)
        equal(conn.info.transaction_status.name, "INERROR")
        conn.rollback()

        def wrong():
            with cur.copy("COPY copied (id) FROM STDIN (FORMAT csv)") as lines:
                lines.write("-1\nnobody\n")

        told = raises(errors.InvalidTextRepresentation, wrong).diag
        equal(told.context, 'COPY copied, line 2, column id: "nobody"')
        conn.rollback()
    equal(everywhere("SELECT count(*), sum(id) FROM copied"), [(20_000, 199_990_000)])


CASES = [
    commit,
    rollback,
    failure,
    nested,
    isolation_level_and_read_only,
    conflict,
    race,
    prepared,
    pipeline,
    executemany,
    server_side_cursor,
    copy,
    killed_node,
]

for case in CASES:
    try:
        case()
        print(f"ok {case.__name__}", flush=True)
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        print(f"not ok {case.__name__}: {text}", flush=True)
