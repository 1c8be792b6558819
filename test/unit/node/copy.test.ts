/** COPY over whole nodes: what is there afterwards, alone, in a block and after a failure. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { allRows } from "../../../src/node/statement-results.ts";
import type { CopyInResult, Session } from "../../../src/sql/database.ts";
import { SqlError } from "../../../src/sql/errors.ts";
import { NodeCluster } from "../../support/node-cluster.ts";
import { runQuery } from "../../support/session-answers.ts";

let cluster: NodeCluster;
let one: Session;
let two: Session;

beforeEach(async () => {
  cluster = await NodeCluster.start({ nodes: 3 });
  one = await cluster.connect("n1");
  two = await cluster.connect("n2");
  await run(one, "CREATE TABLE t (id int PRIMARY KEY, v text, s serial)");
});

afterEach(() => cluster.close());

const run = (session: Session, text: string) => cluster.complete(runQuery(session, text));

type Told = readonly string[] | { readonly sqlState: unknown; readonly context: unknown };

/** Performs a query with a COPY FROM as pgwire does: the tags, or the error. */
async function copy(session: Session, text: string, ...pieces: readonly string[]): Promise<Told> {
  const tags: string[] = [];
  const perform = async (): Promise<void> => {
    for await (const result of session.simpleQuery(text)) {
      if (result.kind === "command") tags.push(result.tag);
      if (result.kind === "copyIn") tags.push(await fed(session, result, pieces));
    }
  };
  try {
    await cluster.complete(perform());
    return tags;
  } catch (error) {
    if (!(error instanceof Error && "sqlState" in error && "fields" in error)) throw error;
    const { context } = error.fields as { readonly context?: string };
    return { sqlState: error.sqlState, context };
  }
}

async function fed(
  session: Session,
  { intake }: CopyInResult,
  pieces: readonly string[],
): Promise<string> {
  try {
    for (const piece of pieces) await intake.write(Buffer.from(piece));
    return await intake.finish();
  } catch (error) {
    intake.abort();
    if (error instanceof Error && "sqlState" in error) session.fail(error as never);
    throw error;
  }
}

const COPY = "COPY t (id, v) FROM STDIN";

/** So many lines, some of which are longer than a chunk together. */
function lines(count: number, from = 1): string {
  const value = "x".repeat(1000);
  return Array.from({ length: count }, (_, at) => `${at + from}\t${value}\n`).join("");
}

describe("a lone COPY FROM", () => {
  it("is there on every node, over several chunks, with values of its sequence", async () => {
    expect(await copy(one, COPY, "1\ta\n2", "\tb\n", lines(1500, 3))).toEqual(["COPY 1502"]);
    const sums = "SELECT count(*), sum(id), max(s), count(DISTINCT s) FROM t";
    expect(await run(two, sums)).toEqual([[1502n, 1_128_753n, 1502n, 1502n]]);
  });

  it("leaves nothing if its last line is wrong, and says which", async () => {
    const told = await copy(one, COPY, lines(1500), "nobody\tx\n");
    const context = 'COPY t, line 1501, column id: "nobody"';
    expect(told).toEqual({ sqlState: "22P02", context });
    expect(await run(two, "SELECT count(*) FROM t")).toEqual([[0n]]);
  });

  it("leaves nothing if its client gives up, and says at which line that was", async () => {
    const giveUp = async (): Promise<void> => {
      for await (const result of one.simpleQuery(COPY)) {
        if (result.kind !== "copyIn") continue;
        await result.intake.write(Buffer.from(`${lines(1500)}1501\t`));
        const given = result.intake.placed(new SqlError("57014", "COPY from stdin failed: no"));
        expect(given.fields.context).toBe("COPY t, line 1501");
        result.intake.abort();
        return;
      }
    };
    await cluster.complete(giveUp());
    expect(one.transactionStatus).toBe("I");
    expect(await run(two, "SELECT count(*) FROM t")).toEqual([[0n]]);
  });

  it("follows a column that is added while its data comes", async () => {
    const added = async (): Promise<string> => {
      for await (const result of one.simpleQuery(COPY)) {
        if (result.kind !== "copyIn") continue;
        await result.intake.write(Buffer.from("1\ta\n"));
        await runQuery(two, "ALTER TABLE t ADD COLUMN more int DEFAULT 5");
        return result.intake.finish();
      }
      return "";
    };
    expect(await cluster.complete(added())).toBe("COPY 1");
    expect(await run(two, "SELECT id, v, more FROM t")).toEqual([[1n, "a", 5n]]);
  });

  it("is refused beyond what a transaction may hold, and can be cancelled", async () => {
    const mebibyte = lines(1024);
    const pieces = Array.from({ length: 36 }, () => mebibyte);
    expect(await copy(one, COPY, ...pieces)).toMatchObject({ sqlState: "54000" });
    const cancelled = async (): Promise<void> => {
      for await (const result of one.simpleQuery(COPY)) {
        if (result.kind !== "copyIn") continue;
        one.cancel();
        await result.intake.write(Buffer.from("1\ta\n"));
      }
    };
    await expect(cluster.complete(cancelled())).rejects.toMatchObject({ sqlState: "57014" });
    expect(await run(two, "SELECT count(*) FROM t")).toEqual([[0n]]);
  });

  it("is refused where nothing may be changed", async () => {
    await run(one, "SET default_transaction_read_only = on");
    expect(await copy(one, COPY, "1\ta\n")).toMatchObject({ sqlState: "25006" });
    await run(one, "BEGIN READ ONLY");
    expect(await copy(one, COPY, "1\ta\n")).toMatchObject({ sqlState: "25006" });
    await run(one, "ROLLBACK");
  });
});

describe("COPY in a transaction", () => {
  it("is seen by its block, by a COPY TO of it, and by the others once it is committed", async () => {
    await run(one, "BEGIN");
    await run(one, "TRUNCATE t");
    expect(await copy(one, `${COPY} WITH (FREEZE on)`, lines(1500))).toEqual(["COPY 1500"]);
    expect(await run(one, "SELECT count(*) FROM t")).toEqual([[1500n]]);
    expect(await copyOut(one, "COPY (SELECT max(id) FROM t) TO STDOUT")).toEqual([[1500n]]);
    expect(await run(two, "SELECT count(*) FROM t")).toEqual([[0n]]);
    await run(one, "COMMIT");
    expect(await run(two, "SELECT count(*), max(s) FROM t")).toEqual([[1500n, expect.any(BigInt)]]);
  });

  it("fails its block, and goes with a savepoint", async () => {
    await run(one, "BEGIN; SAVEPOINT s");
    expect(await copy(one, COPY, "1\ta\n", "1\tb\n")).toEqual({
      sqlState: "23505",
      context: "COPY t, line 2",
    });
    expect(one.transactionStatus).toBe("E");
    expect(await copy(one, COPY, "2\tb\n")).toMatchObject({ sqlState: "25P02" });
    await run(one, "ROLLBACK TO s");
    expect(await copy(one, COPY, "3\tc\n")).toEqual(["COPY 1"]);
    await run(one, "COMMIT");
    expect(await run(two, "SELECT id FROM t")).toEqual([[3n]]);
  });

  it("is one transaction with the other statements of its query", async () => {
    const text = `INSERT INTO t (id) VALUES (1); ${COPY}; INSERT INTO t (id) VALUES (9)`;
    expect(await copy(one, text, "2\tb\n")).toEqual(["INSERT 0 1", "COPY 1", "INSERT 0 1"]);
    expect(await copy(one, text, "3\tc\n")).toMatchObject({ sqlState: "23505" });
    expect(await run(two, "SELECT id FROM t ORDER BY id")).toEqual([[1n], [2n], [9n]]);
  });

  it("conflicts with a change of what it met, and only with that", async () => {
    await run(two, "INSERT INTO t (id) VALUES (7)");
    await run(one, "BEGIN");
    expect(await copy(one, COPY, "1\ta\n")).toEqual(["COPY 1"]);
    await run(two, "INSERT INTO t (id) VALUES (2)");
    await run(one, "COMMIT");
    await run(one, "BEGIN");
    expect(await copy(one, COPY, "3\ta\n")).toEqual(["COPY 1"]);
    await run(two, "INSERT INTO t (id) VALUES (3)");
    await expect(run(one, "COMMIT")).rejects.toMatchObject({ sqlState: "40001" });
    expect(await run(two, "SELECT count(*) FROM t")).toEqual([[4n]]);
  });
});

describe("COPY TO", () => {
  it("gives the rows of a table and of a query with RETURNING", async () => {
    await run(one, "INSERT INTO t (id, v) VALUES (1, 'a'), (2, NULL)");
    expect(await copyOut(two, "COPY t (v, id) TO STDOUT")).toEqual([
      ["a", 1n],
      [null, 2n],
    ]);
    const deleted = "COPY (DELETE FROM t WHERE id = 1 RETURNING v) TO STDOUT";
    expect(await copyOut(two, deleted)).toEqual([["a"]]);
    expect(await run(one, "SELECT id FROM t")).toEqual([[2n]]);
  });
});

function copyOut(session: Session, text: string): Promise<unknown[]> {
  const gather = async (): Promise<unknown[]> => {
    const rows: unknown[] = [];
    for await (const result of session.simpleQuery(text)) {
      if (result.kind !== "copyOut") continue;
      rows.push(...(await allRows(result.rows)));
    }
    return rows;
  };
  return cluster.complete(gather());
}
