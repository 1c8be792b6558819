/** What a person at psql, and an application with node-postgres, sees on every node of a cluster. */
import { beforeAll, describe, expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import { eventually } from "../support/cluster/eventually.ts";
import { psql, psqlRows } from "../support/cluster/psql.ts";
import { withClient } from "../support/cluster/writers.ts";

const BIG = "9007199254740993";
const LARGEST = "9223372036854775807";
const CANCEL_MS_MAX = 10_000;

const cluster = testCluster();

async function command(sql: string, at = "n2"): Promise<string> {
  const { stdout, stderr, code } = await psql(cluster.node(at), ["-c", sql]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return stdout;
}

/** The same question on every node; they must agree. */
async function everywhere(sql: string): Promise<readonly string[]> {
  const answers = await Promise.all(cluster.nodes.map((node) => psqlRows(node, sql)));
  const [first = []] = answers;
  for (const answer of answers) expect(answer).toEqual(first);
  return first;
}

describe("psql's backslash commands, on every node", () => {
  beforeAll(async () => {
    await command(`
      CREATE TABLE author (id serial PRIMARY KEY, name varchar(60) NOT NULL UNIQUE);
      CREATE TABLE book (
        isbn text PRIMARY KEY,
        author_id int NOT NULL REFERENCES author (id),
        price numeric(8,2) CHECK (price >= 0),
        added timestamptz NOT NULL DEFAULT now());
      CREATE INDEX book_author_idx ON book (author_id);`);
    await command("CREATE DATABASE library");
  });

  test.each(["n1", "n2", "n3"])("%s: \\l lists the databases", async (name) => {
    const listed = await command("\\l", name);
    expect(listed).toMatch(/^ library +\| synod +\| UTF8/m);
    expect(listed).toMatch(/^ synod +\| synod +\| UTF8/m);
  });

  test.each(["n1", "n2", "n3"])("%s: \\dt lists the tables", async (name) => {
    const listed = await command("\\dt", name);
    expect(listed).toMatch(/ public \| author +\| table \| synod/);
    expect(listed).toMatch(/ public \| book +\| table \| synod/);
    expect(listed).toContain("(2 rows)");
  });

  test.each(["n1", "n2", "n3"])("%s: \\d describes a table", async (name) => {
    const described = await command("\\d book", name);
    for (const expected of [
      /Table "public\.book"/,
      /isbn +\| text +\| +\| not null \|/,
      /author_id \| integer +\| +\| not null \|/,
      /price +\| numeric\(8,2\) +\|/,
      /added +\| timestamp with time zone \| +\| not null \| now\(\)/,
      /"book_pkey" PRIMARY KEY, btree \(isbn\)/,
      /"book_author_idx" btree \(author_id\)/,
      /Check constraints:\n +"book_price_check" CHECK/,
      /"book_author_id_fkey" FOREIGN KEY \(author_id\) REFERENCES author\(id\)/,
    ]) {
      expect(described).toMatch(expected);
    }
    expect(await command("\\d author", name)).toMatch(/nextval\('author_id_seq'::regclass\)/);
  });

  test.each(["n1", "n2", "n3"])("%s: \\di lists the indexes", async (name) => {
    const listed = await command("\\di", name);
    for (const index of ["author_name_key", "author_pkey", "book_author_idx", "book_pkey"]) {
      expect(listed).toMatch(new RegExp(` public \\| ${index} +\\| index \\| synod \\| `));
    }
  });
});

describe("statements through psql", () => {
  test("several statements in one query are one transaction: an error leaves nothing", async () => {
    await command("CREATE TABLE account (id int PRIMARY KEY, amount int8 CHECK (amount >= 0))");
    const { code, stderr } = await psql(cluster.node("n3"), [
      "-c",
      "INSERT INTO account VALUES (1, 10); UPDATE account SET amount = 5; INSERT INTO account VALUES (1, 0);",
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('duplicate key value violates unique constraint "account_pkey"');
    expect(await everywhere("SELECT count(*) FROM account")).toEqual(["0"]);
  });

  test("int8 beyond 2^53 is exact, in psql and in node-postgres", async () => {
    await command("CREATE TABLE big (n int8 PRIMARY KEY)");
    await command(`INSERT INTO big VALUES (${BIG}), (${LARGEST}), (-${LARGEST} - 1)`);
    const sorted = [`-9223372036854775808`, BIG, LARGEST];
    expect(await everywhere("SELECT n FROM big ORDER BY n")).toEqual(sorted);
    await withClient(cluster.node("n1"), async (client) => {
      const { rows } = await client.query("SELECT n, n - 1 AS less FROM big WHERE n = $1", [BIG]);
      expect(rows).toEqual([{ n: BIG, less: "9007199254740992" }]);
      const inserted = await client.query("INSERT INTO big VALUES ($1) RETURNING n", [
        "9007199254740995",
      ]);
      expect(inserted.rows).toEqual([{ n: "9007199254740995" }]);
    });
    expect(
      await psqlRows(cluster.node("n2"), `SELECT sum(n) FROM big WHERE n < ${LARGEST}`),
    ).toEqual(["-9205357638345293820"]);
  });

  test("now(), random() and gen_random_uuid() are the same on all nodes, and not constant", async () => {
    await command(`CREATE TABLE chance (
      id serial PRIMARY KEY, at timestamptz DEFAULT now(), r float8 DEFAULT random(),
      u uuid DEFAULT gen_random_uuid(), note text)`);
    for (const [at, node] of cluster.nodes.entries()) {
      await psqlRows(node, `INSERT INTO chance (note) VALUES ('default ${at}')`);
      await psqlRows(
        node,
        `INSERT INTO chance (at, r, u, note) VALUES (now(), random(), gen_random_uuid(), 'given ${at}')`,
      );
    }
    const rows = await everywhere("SELECT at, r, u, note FROM chance ORDER BY id");
    expect(rows).toHaveLength(6);
    for (const column of [1, 2]) {
      expect(new Set(rows.map((row) => row.split("|")[column])).size).toBe(6);
    }
    for (const row of rows) {
      expect(row).toMatch(
        /^\d{4}-\d\d-\d\d .*\|0?\.\d+(e-\d+)?\|[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/,
      );
    }
    await cluster.commonHash();
  });

  test("SET and SHOW hold for the session alone", async () => {
    const shown = await psqlRows(
      cluster.node("n1"),
      "SET application_name = 'mine'; SHOW application_name",
    );
    expect(shown.at(-1)).toBe("mine");
    expect(await psqlRows(cluster.node("n1"), "SHOW application_name")).toEqual(["psql"]);
    const { stdout } = await psql(cluster.node("n1"), [
      "-At",
      "-c",
      "SET synod.read_consistency = 'stale'",
      "-c",
      "SHOW synod.read_consistency",
    ]);
    expect(stdout).toBe("SET\nstale\n");
    expect(await everywhere("SHOW server_version")).toEqual([expect.stringMatching(/^15\./)]);
  });

  test("Ctrl-C during a long read: psql is told 57014, the node goes on", async () => {
    const node = cluster.node("n2");
    const startedMs = performance.now();
    const cancelled = await psql(
      node,
      [
        "-v",
        "VERBOSITY=verbose",
        "-c",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000000) SELECT count(*) FROM n",
      ],
      {
        onStarted: (processId) => {
          void eventually("the query runs", CANCEL_MS_MAX, async () => {
            const { body } = await node.get("/metrics");
            return body.includes("\nsynod_sessions 1\n");
          }).then(() => setTimeout(() => process.kill(processId, "SIGINT"), 500));
        },
      },
    );
    expect(cancelled.stderr).toContain("57014");
    expect(cancelled.code).toBe(1);
    expect(performance.now() - startedMs).toBeLessThan(CANCEL_MS_MAX);
    expect(await psqlRows(node, "SELECT 1")).toEqual(["1"]);
  });
});

describe("what a session keeps", () => {
  test("cursors: ROLLBACK TO closes those that were opened behind its savepoint", async () => {
    await withClient(cluster.node("n3"), async (client) => {
      const declare = (name: string) =>
        client.query(`DECLARE ${name} CURSOR FOR SELECT * FROM generate_series(1, 5) AS g`);
      await client.query("BEGIN");
      await declare("before");
      await client.query("SAVEPOINT s");
      await declare("behind");
      const released = await client.query("SAVEPOINT r; RELEASE r; FETCH 2 FROM behind");
      expect(released).toMatchObject([{}, {}, { rows: [{ g: 1 }, { g: 2 }] }]);
      await client.query("ROLLBACK TO s");
      expect((await client.query("FETCH 1 FROM before")).rows).toEqual([{ g: 1 }]);
      await expect(client.query("FETCH 1 FROM behind")).rejects.toMatchObject({
        code: "34000",
        message: 'cursor "behind" does not exist',
      });
      await client.query("ROLLBACK");
    });
  });

  test("cursors: an error undoes the query that it is in, and COMMIT in a query closes them", async () => {
    await command("CREATE TABLE undone (n int)");
    const psqlTells = async (sql: string) => (await psql(cluster.node("n2"), ["-Atc", sql])).stderr;
    expect(await psqlTells("INSERT INTO undone VALUES (1); CLOSE nope")).toContain(
      'cursor "nope" does not exist',
    );
    const committed = "DECLARE c CURSOR FOR SELECT 5; COMMIT; FETCH 1 FROM c";
    expect(await psqlTells(committed)).toContain('cursor "c" does not exist');
    expect(await everywhere("SELECT count(*) FROM undone")).toEqual(["0"]);
  });
});

describe("what a session prepares, and waits for", () => {
  test("prepared statements: PREPARE and the driver's share their names, and run in either way", async () => {
    await command("CREATE TABLE kept (id int PRIMARY KEY, v text)");
    await withClient(cluster.node("n1"), async (client) => {
      const text = "INSERT INTO kept VALUES ($1, $2)";
      await client.query({ name: "driver", text, values: [1, "a"] });
      await client.query("EXECUTE driver (2, upper('b')); EXECUTE driver (3, NULL)");
      await expect(
        client.query("EXECUTE driver (4, 'd'); EXECUTE driver (4, 'e')"),
      ).rejects.toMatchObject({ code: "23505" });
      await client.query("PREPARE own (int) AS SELECT v FROM kept WHERE id = $1");
      expect((await client.query("EXECUTE own (2)", [])).rows).toEqual([{ v: "B" }]);
      await expect(client.query({ name: "own", text: "SELECT 1" })).rejects.toMatchObject({
        code: "42P05",
      });
      await client.query("DEALLOCATE own");
      await expect(client.query("EXECUTE own (1)")).rejects.toMatchObject({ code: "26000" });
    });
    expect(await everywhere("SELECT count(*) FROM kept")).toEqual(["3"]);
  });

  test("what EXECUTE gives is computed in its turn, and in its transaction", async () => {
    await command("CREATE TABLE given (id serial PRIMARY KEY, v bigint, at timestamptz)");
    await withClient(cluster.node("n3"), async (client) => {
      await client.query(
        "PREPARE give (bigint, timestamptz) AS INSERT INTO given (v, at) VALUES ($1, $2)",
      );
      await client.query("PREPARE alike (timestamptz) AS SELECT $1 = now() AS alike");
      await client.query(
        "INSERT INTO given (v, at) VALUES (0, now()); EXECUTE give (lastval(), now())",
      );
      const { rows } = await client.query(
        "SELECT v = id - 1 AS follows, at = min(at) OVER () AS together FROM given ORDER BY id",
      );
      expect(rows).toEqual([
        { follows: true, together: true },
        { follows: true, together: true },
      ]);
      expect((await client.query("EXECUTE alike (now())")).rows).toEqual([{ alike: true }]);
      await expect(
        client.query("EXECUTE give (lastval(), now()); EXECUTE give (1 / 0, NULL)"),
      ).rejects.toMatchObject({ code: "22012" });
      await client.query("PREPARE ids (boolean) AS SELECT $1 AS given");
      expect((await client.query("EXECUTE ids (txid_current() > 0)")).rows).toEqual([
        { given: true },
      ]);
      await client.query("PREPARE long (text) AS SELECT $1, g FROM generate_series(1, 20000) AS g");
      expect((await client.query("EXECUTE long (now()::text)")).rowCount).toBe(20_000);
    });
    expect(await everywhere("SELECT count(*) FROM given")).toEqual(["2"]);
  });

  test("a prepared statement does not run when its columns have other names or sizes by then", async () => {
    await command("CREATE TABLE sides (debit int, credit int, note varchar(5))");
    await command("INSERT INTO sides VALUES (1, 2, 'n')");
    await withClient(cluster.node("n2"), async (client) => {
      const named = { name: "sides", text: "SELECT * FROM sides" };
      await client.query(named);
      await client.query("PREPARE sides_too AS SELECT * FROM sides");
      const changed = { code: "0A000", message: "cached plan must not change result type" };
      for (const change of [
        "ALTER TABLE sides RENAME debit TO had",
        "ALTER TABLE sides RENAME had TO debit; ALTER TABLE sides ALTER note TYPE varchar(9)",
        "DROP TABLE sides; CREATE TABLE sides (credit int, debit int, note varchar(5))",
      ]) {
        await command(change);
        await expect(client.query(named)).rejects.toMatchObject(changed);
        await expect(client.query("EXECUTE sides_too")).rejects.toMatchObject(changed);
      }
      await command(
        "DROP TABLE sides; CREATE TABLE sides (debit int, credit int, note varchar(5))",
      );
      expect((await client.query(named)).rows).toEqual([]);
      expect((await client.query("EXECUTE sides_too")).rows).toEqual([]);
    });
  });

  test("pg_sleep() waits, and Ctrl-C and statement_timeout end it at once", async () => {
    const node = cluster.node("n2");
    const since = performance.now();
    expect(await psqlRows(node, "SELECT pg_sleep(0.3)")).toEqual([]);
    expect(performance.now() - since).toBeGreaterThan(290);
    let askedMs = Number.NaN;
    const sleep = ["-c", "SELECT pg_sleep(3600)"];
    const cancelled = await psql(node, sleep, {
      onStarted: (processId) => {
        setTimeout(() => {
          askedMs = performance.now();
          process.kill(processId, "SIGINT");
        }, 1_000);
      },
    });
    expect(cancelled.stderr).toContain("canceling statement due to user request");
    expect(performance.now() - askedMs).toBeLessThan(1_000);
    const late = await psql(node, ["-c", "SET statement_timeout = 200", ...sleep]);
    expect(late.stderr).toContain("canceling statement due to statement timeout");
  });
});
