/** The HTTP port and `synod status` of a real cluster, with and without a quorum. */
import { describe, expect, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import { eventually } from "../support/cluster/eventually.ts";
import { runSynod } from "../support/cluster/program.ts";

const STATUS_FIELDS = [
  "cluster",
  "node",
  "leader",
  "members",
  "ballot",
  "chosenIndex",
  "appliedIndex",
  "snapshotIndex",
  "truncationFloor",
  "version",
];
const METRICS = [
  "synod_commit_seconds_count",
  "synod_wal_sync_seconds_count",
  "synod_batch_commands_count",
  "synod_apply_lag_slots",
  "synod_leader_changes_total",
  "synod_sessions",
];
/** Comment, or name{labels} value: the Prometheus text format. */
const METRICS_LINE =
  /^(# (HELP|TYPE) \w+ .*|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? (-?[\d.]+(e[+-]?\d+)?|NaN|[+-]Inf))$/;

const cluster = testCluster();

describe("the HTTP port of a cluster", () => {
  test("/healthz and /readyz say yes on every node", async () => {
    for (const node of cluster.nodes) {
      expect(await node.get("/healthz")).toMatchObject({ code: 200, body: "ok\n" });
      expect(await node.get("/readyz")).toMatchObject({ code: 200, body: "ready\n" });
    }
  });

  test("/status has its fields, and all nodes tell of one cluster and one leader", async () => {
    await cluster.leader();
    const statuses = await Promise.all(cluster.nodes.map((node) => node.status()));
    for (const status of statuses) {
      expect(Object.keys(status)).toEqual(STATUS_FIELDS);
      expect(Object.keys(status.node)).toEqual(["id", "incarnation", "role"]);
      expect(status.members.map(({ id, voter }) => ({ id, voter }))).toEqual([
        { id: "n1", voter: true },
        { id: "n2", voter: true },
        { id: "n3", voter: true },
      ]);
      for (const member of status.members) {
        expect(Object.keys(member)).toEqual(["id", "voter", "peer", "sql", "match"]);
      }
      expect(status.appliedIndex).toBeGreaterThan(0);
    }
    expect(new Set(statuses.map((status) => status.cluster)).size).toBe(1);
    expect(statuses.map((status) => status.node.id)).toEqual(["n1", "n2", "n3"]);
    const roles = statuses.map((status) => status.node.role).toSorted();
    expect(roles).toEqual(["follower", "follower", "leader"]);
  });

  test("the leader knows how far every member has come", async () => {
    const leader = await cluster.leader();
    const matching = await eventually("all members match", 10_000, async () => {
      const { members, chosenIndex } = await leader.status();
      return members.every(({ match }) => match === chosenIndex) && members;
    });
    expect(matching).toHaveLength(3);
  });

  test("/metrics parses and has what an operator watches", async () => {
    for (const node of cluster.nodes) {
      const { code, body, contentType } = await node.get("/metrics");
      expect(code).toBe(200);
      expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
      const lines = body.split("\n").filter((line) => line !== "");
      expect(lines.filter((line) => !METRICS_LINE.test(line))).toEqual([]);
      const names = new Set(lines.map((line) => line.split(/[ {]/, 1)[0]));
      expect(METRICS.filter((name) => !names.has(name))).toEqual([]);
    }
  });

  test("synod status prints one line a node", async () => {
    const leader = await cluster.leader();
    const addresses = cluster.nodes.map((node) => node.httpAddress).join(",");
    const { code, stdout } = await runSynod(["status", "--http", addresses]);
    expect(code).toBe(0);
    const [title, heading, ...rows] = stdout.trimEnd().split("\n");
    expect(title).toContain(`leader ${leader.name}`);
    expect(heading).toMatch(/^NODE +ROLE +PEER +SQL/);
    expect(rows.map((row) => row.split(/ +/, 3))).toEqual(
      cluster.nodes.map((node) => [
        node.name,
        node === leader ? "leader" : "follower",
        node.peerAddress,
      ]),
    );
  });

  test("without a quorum /readyz is 503 and names who is missing, /healthz stays 200", async () => {
    const leader = await cluster.leader();
    const [one, other] = await cluster.followers();
    if (one === undefined || other === undefined) throw new Error("two followers were expected");
    await Promise.all([leader.kill(), other.kill()]);
    const reason = await eventually("the survivor is not ready", 10_000, async () => {
      const { code, body } = await one.get("/readyz");
      return code === 503 && body;
    });
    expect(reason).toMatch(/^not ready: only 1 of 3 voting nodes are reachable/);
    expect(reason).toContain(leader.name);
    expect(reason).toContain(other.name);
    expect((await one.get("/healthz")).code).toBe(200);
    expect((await one.status()).leader).toBeNull();
    await cluster.restart(leader, other);
    await one.ready();
  });
});
