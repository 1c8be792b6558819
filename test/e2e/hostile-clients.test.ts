/**
 * Goal: nothing that a client or a false peer sends harms anybody else. Method: wrong bytes of many
 * kinds, each over a connection of its own, while an honest client works beside them; the node's
 * resident memory is measured over thousands of such connections.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Client } from "pg";
import { serialize } from "pg-protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import { HOST } from "../support/cluster/cluster-node.ts";
import { eventually } from "../support/cluster/eventually.ts";
import { errorIn, message, STARTUP, sendRaw } from "../support/cluster/raw-client.ts";

const TWO_GB = 0x7fff_ffff;
const AT_ONCE = 20;
const MIB = 1024 * 1024;
const GROWTH_BYTES_MAX = 40 * MIB;

const LONG_QUERY =
  "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT count(*) FROM n";
const WIDE_RESULT =
  "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT i, 'a row that is not so short' FROM n";

const cluster = testCluster({ nodes: 1 });

function sql(): number {
  return cluster.node("n1").ports.sql;
}

function peer(): number {
  return cluster.node("n1").ports.peer;
}

function residentBytes(): number {
  const status = readFileSync(`/proc/${cluster.node("n1").processId}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

/** Bytes that are no protocol of ours, and what a node has to say to them. */
const WRONG_BYTES: readonly (readonly [string, () => Uint8Array, string])[] = [
  ["an HTTP request", () => Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "08P01"],
  ["a startup packet of 2 GB", () => message("\x7f", 0xffff_ffff), "08P01"],
  ["an unknown protocol", () => Buffer.from([0, 0, 0, 8, 0, 9, 0, 0]), "0A000"],
  ["a query of 2 GB", () => joined(STARTUP, message("Q", TWO_GB)), "08P01"],
  ["a bind of 2 GB", () => joined(STARTUP, message("B", TWO_GB)), "08P01"],
  ["a negative length", () => joined(STARTUP, message("Q", 0xffff_ff00)), "08P01"],
  ["a length below its own field", () => joined(STARTUP, message("Q", 3)), "08P01"],
  ["a message of no known type", () => joined(STARTUP, message("!", 4)), "08P01"],
  ["noise in place of messages", () => joined(STARTUP, Buffer.alloc(4096, 0xff)), "08P01"],
];

describe("an honest client beside hostile ones", () => {
  let honest: Client;

  beforeAll(async () => {
    const node = cluster.node("n1");
    honest = new Client({ host: HOST, port: node.ports.sql, user: "synod", database: "synod" });
    await honest.connect();
    await honest.query("CREATE TABLE visits (id int PRIMARY KEY, n int8 NOT NULL)");
    await honest.query("INSERT INTO visits VALUES (1, 0)");
  });

  afterAll(() => honest.end());

  async function expectUnharmed(): Promise<void> {
    const { rows } = await honest.query("UPDATE visits SET n = n + 1 WHERE id = 1 RETURNING n");
    expect(rows).toHaveLength(1);
    expect((await cluster.node("n1").get("/readyz")).code).toBe(200);
  }

  test.each(WRONG_BYTES)("%s: an error, then the end", async (_name, bytes, sqlState) => {
    const answer = await sendRaw(sql(), bytes(), { afterwards: "wait" });
    expect(answer.closedByNode).toBe(true);
    expect(errorIn(answer)).toMatchObject({ severity: "FATAL", sqlState });
    await expectUnharmed();
  });

  test("half a message and then the end: the connection is closed", async () => {
    const query = Buffer.from(serialize.query("INSERT INTO visits VALUES (2, 0)"));
    for (let length = 1; length < query.length; length += 7) {
      const bytes = joined(STARTUP, query.subarray(0, length));
      expect((await sendRaw(sql(), bytes, { afterwards: "end" })).closedByNode).toBe(true);
    }
    for (let length = 1; length < STARTUP.length; length += 5) {
      const part = STARTUP.subarray(0, length);
      expect((await sendRaw(sql(), part, { afterwards: "end" })).closedByNode).toBe(true);
    }
    await expectUnharmed();
    expect((await honest.query("SELECT id FROM visits ORDER BY id")).rows).toEqual([{ id: 1 }]);
  });

  test("clients that vanish in mid-query or mid-result: nobody notices", async () => {
    const question = (text: string) => joined(STARTUP, serialize.query(text));
    for (let round = 0; round < 5; round += 1) {
      await Promise.all([
        sendRaw(sql(), question(WIDE_RESULT), { afterwards: "vanish", afterBytes: 50_000 }),
        sendRaw(sql(), question(LONG_QUERY), { afterwards: "vanish", afterBytes: 300 }),
        sendRaw(sql(), question("UPDATE visits SET n = n"), { afterwards: "vanish" }),
      ]);
      await expectUnharmed();
    }
    await eventually("their sessions are gone", 20_000, async () => {
      const { body } = await cluster.node("n1").get("/metrics");
      return body.includes("\nsynod_sessions 1\n");
    });
  });

  test("wrong bytes at the peer port: the connection is closed, nobody notices", async () => {
    const tooLong = Buffer.alloc(64);
    tooLong.writeUInt32BE(TWO_GB, 0);
    const wrong = [randomBytes(2000), Buffer.alloc(2000, 0xff), tooLong, Buffer.from("SYNOD")];
    for (const bytes of wrong) {
      expect((await sendRaw(peer(), bytes, { afterwards: "end" })).closedByNode).toBe(true);
    }
    await expectUnharmed();
  });

  test("thousands of them leave the node's memory as it was", async () => {
    const rounds = async (count: number): Promise<void> => {
      for (let round = 0; round < count; round += 1) await Promise.all(hostileRound());
    };
    await rounds(25);
    const before = residentBytes();
    await rounds(125);
    await expectUnharmed();
    const grown = residentBytes() - before;
    process.stdout.write(
      `memory after 3000 hostile connections: ${(grown / MIB).toFixed(1)} MiB\n`,
    );
    expect(grown).toBeLessThan(GROWTH_BYTES_MAX);
  });

  function hostileRound(): Promise<unknown>[] {
    return Array.from({ length: AT_ONCE }, (_unused, at) => {
      const kind = WRONG_BYTES[at % WRONG_BYTES.length];
      if (kind === undefined || at % 4 === 0) {
        return sendRaw(peer(), randomBytes(300), { afterwards: "end" });
      }
      if (at % 4 === 1) {
        const query = serialize.query("SELECT * FROM visits");
        return sendRaw(sql(), joined(STARTUP, query), { afterwards: "vanish" });
      }
      return sendRaw(sql(), kind[1](), { afterwards: "wait" });
    });
  }
});
