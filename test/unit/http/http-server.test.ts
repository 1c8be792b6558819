import { connect } from "node:net";
import { pino } from "pino";
import { afterEach, describe, expect, test } from "vitest";
import { HttpServer } from "../../../src/http/http-server.ts";
import { PrometheusMetrics } from "../../../src/http/metrics.ts";
import type { AdminResult, NodeStatus, Readiness } from "../../../src/node/status.ts";

const status: NodeStatus = {
  cluster: "c",
  node: { id: "n1", incarnation: "i1", role: "leader" },
  leader: { id: "n1" },
  members: [{ id: "n1", voter: true, peer: "127.0.0.1:7001", sql: "127.0.0.1:5432", match: 9 }],
  ballot: "7.1",
  chosenIndex: 12,
  appliedIndex: 9,
  snapshotIndex: 5,
  truncationFloor: 4,
  version: "0.1.0",
};

let server: HttpServer | null = null;

afterEach(async () => {
  await server?.close();
  server = null;
});

class FakeNode {
  ready: Readiness = { ready: true, reason: "" };
  readonly asked: string[] = [];
  status = () => status;
  readiness = () => this.ready;
  peerConnections = () => [{ name: "n2", connected: true, queuedBytes: 7, dropped: 3 }];
  removeMember = (name: string) => this.#answer(`remove ${name}`);
  promoteMember = (name: string) => this.#answer(`promote ${name}`);
  takeSnapshot = () => this.#answer("snapshot");
  contentHash = () => Promise.resolve({ appliedIndex: 12, hash: "abc" });

  async #answer(request: string): Promise<AdminResult> {
    this.asked.push(request);
    return { ok: !request.endsWith("n9"), message: request };
  }
}

async function serve(timeouts = { headersMs: 5_000, requestMs: 10_000 }) {
  const node = new FakeNode();
  const metrics = new PrometheusMetrics();
  const served = { source: node, administration: node, metrics };
  const log = pino({ level: "silent" });
  server = await HttpServer.open({ host: "127.0.0.1", port: 0 }, served, log, timeouts);
  const { address } = server;
  const request = (path: string, options?: RequestInit) =>
    fetch(`http://${address}${path}`, options);
  return { node, metrics, address, request };
}

const ADMIN = { method: "POST", headers: { "x-synod-admin": "1" } };

describe("HTTP port", () => {
  test("/healthz answers while the process lives", async () => {
    const { request } = await serve();
    const response = await request("/healthz");
    expect([response.status, await response.text()]).toEqual([200, "ok\n"]);
  });

  test("/readyz answers 503 with the reason when the node is not ready", async () => {
    const { node, request } = await serve();
    expect((await request("/readyz")).status).toBe(200);
    node.ready = { ready: false, reason: "no quorum: n2 and n3 are not reached" };
    const response = await request("/readyz");
    expect(response.status).toBe(503);
    expect(await response.text()).toBe("not ready: no quorum: n2 and n3 are not reached\n");
  });

  test("/status is the node's status, whatever the query", async () => {
    const { request } = await serve();
    const response = await request("/status?pretty");
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual(status);
  });

  test("/metrics has what was observed and the gauges of this moment", async () => {
    const { metrics, request } = await serve();
    metrics.observeCommit(0.003);
    metrics.observeSync(0.001);
    metrics.observeBatch(5);
    metrics.countLeaderChange();
    metrics.setSessions(2);
    metrics.countError("23505");
    const lines = (await (await request("/metrics")).text()).split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([
        'synod_commit_seconds_bucket{le="0.005"} 1',
        "synod_wal_sync_seconds_count 1",
        "synod_batch_commands_sum 5",
        "synod_leader_changes_total 1",
        "synod_sessions 2",
        'synod_errors_total{sqlstate="23505"} 1',
        "synod_apply_lag_slots 3",
        'synod_role{role="leader"} 1',
        'synod_role{role="follower"} 0',
        'synod_peer_dropped_messages{peer="n2"} 3',
      ]),
    );
    expect(lines.some((line) => line.startsWith("process_cpu_seconds_total"))).toBe(true);
  });

  test("HEAD answers the headers of GET; other methods get 405 with what is allowed", async () => {
    const { request } = await serve();
    const head = await request("/status", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    expect(Number(head.headers.get("content-length"))).toBeGreaterThan(100);
    const put = await request("/status", { method: "PUT" });
    expect([put.status, put.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  test("an unknown path gets 404 with what there is", async () => {
    const { request } = await serve();
    const response = await request("/statuz");
    expect(response.status).toBe(404);
    expect(await response.text()).toContain("/status");
  });
});

describe("administration over HTTP", () => {
  test("members are removed and promoted, a snapshot is taken", async () => {
    const { node, request } = await serve();
    const change = (action: string, id: string) =>
      request("/admin/members", { ...ADMIN, body: JSON.stringify({ action, id }) });
    expect(await (await change("remove", "n2")).json()).toEqual({ ok: true, message: "remove n2" });
    expect((await change("promote", "n4")).status).toBe(200);
    expect((await change("remove", "n9")).status).toBe(409);
    expect((await request("/admin/snapshot", ADMIN)).status).toBe(200);
    expect(node.asked).toEqual(["remove n2", "promote n4", "remove n9", "snapshot"]);
  });

  test.each(["", "{", "[]", '{"action":"destroy","id":"n1"}', '{"action":"remove","id":1}'])(
    "a body of %j is refused and nothing is done",
    async (body) => {
      const { node, request } = await serve();
      expect((await request("/admin/members", { ...ADMIN, body })).status).toBe(400);
      expect(node.asked).toEqual([]);
    },
  );

  test("the content hash is for administrators only", async () => {
    const { request } = await serve();
    expect((await request("/admin/content-hash")).status).toBe(403);
    const response = await request("/admin/content-hash", { headers: ADMIN.headers });
    expect(await response.json()).toEqual({ appliedIndex: 12, hash: "abc" });
  });

  test("without the header, as from a form on a web page, nothing is done", async () => {
    const { node, request } = await serve();
    const response = await request("/admin/snapshot", { method: "POST" });
    expect([response.status, await response.text()]).toEqual([
      403,
      "administration needs the header x-synod-admin\n",
    ]);
    expect(node.asked).toEqual([]);
  });

  test("under another host name, as from a page that points its name here, nothing is done", async () => {
    const { node, address } = await serve();
    const answer = await raw(
      address,
      "POST /admin/snapshot HTTP/1.1\r\nHost: evil.example:8001\r\nX-Synod-Admin: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    expect(answer).toContain("403 Forbidden");
    expect(node.asked).toEqual([]);
  });

  test("a body above the bound is refused", async () => {
    const { node, request } = await serve();
    const body = JSON.stringify({ action: "remove", id: "x".repeat(100_000) });
    expect((await request("/admin/members", { ...ADMIN, body })).status).toBe(413);
    expect(node.asked).toEqual([]);
  });
});

describe("HTTP port under bad input", () => {
  test("garbage ends that connection and nothing else", async () => {
    const { address, request } = await serve();
    expect(await raw(address, "\u0000\u0001garbage\r\n\r\n")).toContain("400 Bad Request");
    expect((await request("/healthz")).status).toBe(200);
  });

  test("a client that never finishes its headers is cut off", async () => {
    const { address, request } = await serve({ headersMs: 200, requestMs: 400 });
    const cut = raw(address, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    expect((await request("/healthz")).status).toBe(200);
    expect(await cut).toContain("408 Request Timeout");
  });
});

/** Everything that the server sends on a connection that carries `text`, until it ends it. */
function raw(address: string, text: string): Promise<string> {
  const [host = "", port = ""] = address.split(":");
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect({ host, port: Number(port) }, () => socket.write(text));
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(answer));
  });
}
