/**
 * Goal: without a quorum nothing is pretended. Method: two of three nodes are killed under a client
 * of the third; writes and reads are tried, the error's code and text are what an application could
 * act on; one node comes back and everything goes on.
 */
import pg from "pg";
import { describe, expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import type { ClusterNode } from "../support/cluster/cluster-node.ts";
import { eventually } from "../support/cluster/eventually.ts";
import { connection, withClient } from "../support/cluster/writers.ts";

const WRITE_TIMEOUT_MS = 2_500;
/** What the wait may take longer on a busy machine. */
const SLACK_MS = 10_000;

const cluster = testCluster({ flags: ["--write-timeout-ms", String(WRITE_TIMEOUT_MS)] });

interface Refused {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly afterMs: number;
}

/** The error of a statement that must fail. */
async function refusal(client: pg.Client, sql: string): Promise<Refused> {
  const startedMs = performance.now();
  try {
    await client.query(sql);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    const { code = "", message, hint = "" } = error;
    return { code, message, hint, afterMs: performance.now() - startedMs };
  }
  throw new Error(`${sql} was answered without a quorum`);
}

function others(survivor: ClusterNode): readonly ClusterNode[] {
  return cluster.nodes.filter((node) => node !== survivor);
}

describe("with one of three nodes left", () => {
  test("a follower: writes wait and fail with 57P03, stale reads are answered, then all goes on", async () => {
    const [survivor] = await cluster.followers();
    if (survivor === undefined) throw new Error("a follower was expected");
    const away = others(survivor);
    const client = connection(survivor);
    await client.connect();
    await client.query("CREATE TABLE seats (id int PRIMARY KEY, taken boolean)");
    await client.query("INSERT INTO seats VALUES (1, true)");
    await Promise.all(away.map((node) => node.kill()));
    await eventually("the leader is missed", 10_000, async () => {
      return (await survivor.status()).leader === null;
    });

    const write = await refusal(client, "INSERT INTO seats VALUES (2, true)");
    expect(write.code).toBe("57P03");
    expect(write.message).toContain("only 1 of 3 voting nodes are reachable");
    for (const node of away) expect(write.message).toContain(node.name);
    expect(write.afterMs).toBeGreaterThanOrEqual(WRITE_TIMEOUT_MS - 50);
    expect(write.afterMs).toBeLessThan(WRITE_TIMEOUT_MS + SLACK_MS);

    const read = await refusal(client, "SELECT count(*) FROM seats");
    expect(read.code).toBe("57P03");
    expect(read.message).toContain("only 1 of 3");

    await client.query("SET synod.read_consistency = 'stale'");
    const stale = await client.query("SELECT id, taken FROM seats");
    expect(stale.rows).toEqual([{ id: 1, taken: true }]);
    await client.query("SET synod.read_consistency = 'linearizable'");
    expect((await refusal(client, "SELECT 1 FROM seats")).code).toBe("57P03");

    const [first, second] = away;
    if (first === undefined || second === undefined) throw new Error("two were killed");
    await cluster.restart(first);
    await survivor.ready();
    await client.query("INSERT INTO seats VALUES (3, false)");
    expect((await client.query("SELECT id FROM seats ORDER BY id")).rows).toEqual([
      { id: 1 },
      { id: 3 },
    ]);
    await client.end();
    await cluster.restart(second);
    await cluster.commonHash();
  });

  test("the leader: what it had proposed fails with 40003, what comes later with 57P03", async () => {
    await cluster.restart(...cluster.nodes.filter((node) => !node.isRunning));
    const survivor = await cluster.leader();
    const away = others(survivor);
    const client = connection(survivor);
    const later = connection(survivor);
    await Promise.all([client.connect(), later.connect()]);
    // Frozen, they still hold their connections: the leader goes on proposing for a moment.
    for (const node of away) node.freeze();
    const proposed = await refusal(client, "INSERT INTO seats VALUES (4, true)");
    expect(proposed.code).toBe("40003");
    expect(proposed.message).toContain("not known whether");
    expect(proposed.hint).toContain("at most once");
    const refused = await refusal(later, "INSERT INTO seats VALUES (5, true)");
    expect(refused.code).toBe("57P03");
    for (const node of away) node.thaw();
    await cluster.ready();
    await eventually("writes go on", 20_000, async () => {
      await later.query("INSERT INTO seats VALUES (6, true) ON CONFLICT (id) DO NOTHING");
      return true;
    });
    const { rows } = await withClient(survivor, (fresh) =>
      fresh.query<{ id: number }>("SELECT id FROM seats WHERE id > 3 ORDER BY id"),
    );
    const ids = rows.map(({ id }) => id);
    expect(ids).not.toContain(5);
    expect(ids).toContain(6);
    expect(ids.filter((id) => id === 4).length).toBeLessThanOrEqual(1);
    await Promise.all([client.end(), later.end()]);
    await cluster.commonHash();
  });
});
