/**
 * Goal: nodes come and go while clients work, and nobody gets in who should not. Method: one cluster
 * through joining, removal, a wiped disk, a stranger and a name that is taken; clients write all
 * the while through a node that stays.
 */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, testCluster } from "../support/cluster/cluster.ts";
import { ClusterNode } from "../support/cluster/cluster-node.ts";
import { eventually } from "../support/cluster/eventually.ts";
import { runSynod } from "../support/cluster/program.ts";
import { auditAll, WRITERS_SCHEMA, Writer, withClient } from "../support/cluster/writers.ts";

const CHANGE_MS = 40_000;
const REFUSED_MS = 20_000;

const cluster = testCluster({ flags: ["--snapshot-entries", "60"] });

/** Waits until `witness` sees the member as described; null: not a member. */
async function untilMember(
  witness: ClusterNode,
  name: string,
  expected: { voter: boolean } | null,
): Promise<void> {
  await eventually(`${name} is ${JSON.stringify(expected)}`, CHANGE_MS, async () => {
    const { members } = await witness.status();
    const member = members.find(({ id }) => id === name);
    return expected === null ? member === undefined : member?.voter === expected.voter;
  });
}

async function remove(name: string, through: ClusterNode): Promise<void> {
  const args = ["members", "remove", name, "--http", through.httpAddress];
  const { code, stdout, stderr } = await runSynod(args);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toContain(`${name} is no longer a member`);
}

async function untilLogged(node: ClusterNode, pattern: RegExp): Promise<void> {
  await eventually(`${node.name} logs ${pattern}`, REFUSED_MS, () => pattern.test(node.log));
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}

describe("membership, with clients that write all the while", () => {
  const writers: Writer[] = [];

  beforeAll(async () => {
    const node = cluster.node("n1");
    await withClient(node, (client) => client.query(WRITERS_SCHEMA));
    writers.push(new Writer(1, node), new Writer(2, node));
    for (const writer of writers) writer.start();
  });

  afterAll(async () => {
    await Promise.all(writers.map((writer) => writer.stop()));
  });

  function expectNoErrors(): void {
    expect(writers.flatMap((writer) => writer.errors)).toEqual([]);
  }

  test("a node joins as a learner and is promoted by itself", async () => {
    const n1 = cluster.node("n1");
    const startedMs = performance.now();
    const joined = await cluster.join("n4");
    await untilMember(n1, "n4", { voter: true });
    process.stdout.write(`join to vote: ${(performance.now() - startedMs).toFixed(0)} ms\n`);
    await joined.ready();
    expect(await auditAll([joined], [])).toEqual([]);
    await withClient(joined, async (client) => {
      await client.query("INSERT INTO writes VALUES (1000, 1)");
      const { rows } = await client.query("SELECT * FROM writes WHERE client = 1000");
      expect(rows).toEqual([{ client: 1000, number: 1 }]);
    });
    expectNoErrors();
  });

  test("a removed node is refused by those that stay, and says so", async () => {
    const n1 = cluster.node("n1");
    const n4 = cluster.node("n4");
    await remove("n4", n1);
    await untilMember(n1, "n4", null);
    await eventually("n4 is not ready any more", REFUSED_MS, async () => {
      const { code, body } = await n4.get("/readyz");
      return code === 503 && /not a member|reachable|no leader/.test(body);
    });
    await n4.kill();
    n4.start();
    await untilLogged(n4, /not a member|removed|does not know/);
    await n4.kill();
    expectNoErrors();
  });

  test("synod members remove of somebody unknown is one line and an exit code", async () => {
    const { httpAddress } = cluster.node("n1");
    const { code, stderr } = await runSynod(["members", "remove", "n9", "--http", httpAddress]);
    expect(code).toBe(1);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr).toContain("n9");
  });

  test.each(["bootstrap", "join"])(
    "a wiped node under its old id with --%s is refused until it was removed",
    async (how) => {
      const n1 = cluster.node("n1");
      const n3 = cluster.node("n3");
      await n3.kill();
      rmSync(n3.data, { recursive: true, force: true });
      const members = ["n1", "n2", "n3"].map((name) => `${name}@${cluster.node(name).peerAddress}`);
      n3.startNew(how === "join" ? ["--join", n1.peerAddress] : ["--bootstrap", members.join(",")]);
      expect((await n3.exited).code).toBeGreaterThan(0);
      expect(lastLine(n3.log)).toMatch(
        /^synod: n3 is known with another incarnation.*synod members remove n3|^synod: the name n3 is taken/,
      );
      expect(existsSync(n3.data)).toBe(false);
      await remove("n3", n1);
      n3.startNew(["--join", n1.peerAddress]);
      await untilMember(n1, "n3", { voter: true });
      await n3.ready();
      expectNoErrors();
    },
    2 * CHANGE_MS,
  );

  test("a name that is taken: one line, an exit code, nothing on disk", async () => {
    const elsewhere = join(cluster.directory, "elsewhere");
    mkdirSync(elsewhere);
    const stranger = await ClusterNode.make("n2", elsewhere);
    stranger.startNew(["--join", cluster.node("n1").peerAddress]);
    expect((await stranger.exited).code).toBe(1);
    expect(lastLine(stranger.log)).toMatch(/^synod: the name n2 is taken/);
    expect(existsSync(stranger.data)).toBe(false);
    expectNoErrors();
  });

  test("a node of another cluster is refused, and both sides log the reason", async () => {
    const other = new Cluster({ nodes: 2 });
    const n2 = cluster.node("n2");
    try {
      await other.start();
      const [caller = n2, gone = n2] = other.nodes;
      const reason = `belongs to cluster ${(await caller.status()).cluster}, this is cluster ${(await n2.status()).cluster}`;
      await gone.kill();
      // The address of a dead member is taken over by a node of this cluster.
      await n2.stop();
      n2.start(["--peer", gone.peerAddress]);
      await untilLogged(n2, new RegExp(reason));
      await untilLogged(caller, new RegExp(reason));
    } finally {
      await other.end();
      await n2.stop();
      n2.start(["--peer", n2.peerAddress]);
    }
    await n2.ready();
    expectNoErrors();
    // Two nodes more, and one that starts twice: on a slow machine each takes its time.
  }, 150_000);

  test("through all of it nothing was lost and nothing ran twice", async () => {
    await Promise.all(writers.map((writer) => writer.stop()));
    expectNoErrors();
    expect(await auditAll(cluster.running, writers)).toEqual([]);
    await cluster.commonHash();
  });
});
