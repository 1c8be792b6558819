/** The server over real sockets, with the clients that people use: node-postgres and psql. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { promisify } from "node:util";
import pg from "pg";
import { serialize } from "pg-protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PgServer, type PgServerOptions } from "../../../src/pgwire/server.ts";
import { FakeDatabase } from "./fake-database.ts";
import { tellBytes } from "./wire-client.ts";

let database: FakeDatabase;
let server: PgServer;
let port: number;
let counts: { opened: number; closed: number; errors: string[]; faults: unknown[] };

function options(overrides: Partial<PgServerOptions> = {}): PgServerOptions {
  return {
    database,
    host: "127.0.0.1",
    port: 0,
    maxConnections: 5,
    log: {
      clientError: () => undefined,
      fault: (error) => counts.faults.push(error),
    },
    metrics: {
      sessionOpened: () => {
        counts.opened += 1;
      },
      sessionClosed: () => {
        counts.closed += 1;
      },
      errorSent: (sqlState) => counts.errors.push(sqlState),
    },
    ...overrides,
  };
}

beforeEach(async () => {
  database = new FakeDatabase();
  counts = { opened: 0, closed: 0, errors: [], faults: [] };
  server = new PgServer(options());
  ({ port } = await server.listen());
});

afterEach(async () => {
  await server.close(1000);
});

async function pgClient(): Promise<pg.Client> {
  const client = new pg.Client({ host: "127.0.0.1", port, user: "synod", database: "shop" });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** Polls until the condition holds. */
async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500 && !condition(); turn += 1) {
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
  expect(condition()).toBe(true);
}

async function rawSocket(): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  socket.on("error", () => undefined);
  await new Promise((resolve) => {
    socket.once("connect", resolve);
  });
  return socket;
}

/** All bytes until the server closes. */
async function readToEnd(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "end");
  return Buffer.concat(chunks);
}

describe("node-postgres", () => {
  it("queries, prepares and gets its types back", async () => {
    const client = await pgClient();
    const simple = await client.query("rows 3");
    expect(simple.rows).toEqual([1, 2, 3].map((number) => ({ number, label: "x" })));
    const echo = { name: "e", text: "echo int4 text jsonb _int4 timestamptz bytea bool" };
    const at = new Date("2024-05-06T07:08:09.123Z");
    const values = [7, "", { b: 1, a: [null] }, [1, null, 3], at, Buffer.from([0, 255]), true];
    for (let round = 0; round < 2; round += 1) {
      const { rows } = await client.query({ ...echo, values, rowMode: "array" });
      expect(rows).toEqual([values]);
    }
    await client.end();
  });

  it("gets an error with its fields and goes on", async () => {
    const client = await pgClient();
    await expect(client.query("fail 23505")).rejects.toMatchObject({
      code: "23505",
      detail: "why",
      hint: "how",
      position: "3",
    });
    await expect(client.query("echo int4", ["x"])).rejects.toMatchObject({ code: "22P02" });
    expect((await client.query("rows 1")).rowCount).toBe(1);
    await client.end();
    expect(counts.errors).toEqual(["23505", "22P02"]);
  });

  it("reads a large result that never lies in memory as a whole", async () => {
    database.labelLength = 2000;
    const client = await pgClient();
    const { rows } = await client.query("rows 20000");
    expect(rows).toHaveLength(20_000);
    await client.end();
  });

  it("beyond the allowed number is refused with 53300 until another has gone", async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, pgClient));
    await expect(pgClient()).rejects.toMatchObject({ code: "53300" });
    await clients[0]?.end();
    await until(() => counts.closed === 1);
    const late = await pgClient();
    await Promise.all([...clients.slice(1), late].map((client) => client.end()));
    await until(() => counts.closed === 6);
  });
});

describe("psql", () => {
  it("shows rows, errors and notices", async () => {
    const url = `postgresql://synod@127.0.0.1:${port}/shop?sslmode=prefer&gssencmode=disable`;
    const args = `-XAt~${url}~-c~rows 2~-c~notice look out~-c~fail 42P01~-c~rows 1`;
    const run = promisify(execFile);
    const { stdout, stderr } = await run("psql", args.split("~"));
    expect(stdout.split("\n")).toEqual(["1|x", "2|x", "NOTICE", "1|x", ""]);
    expect(stderr).toContain("NOTICE:  look out");
    expect(stderr).toContain("ERROR:  refused");
  });
});

describe("the server", () => {
  it("that cannot have its port rejects with the system's error", async () => {
    const second = new PgServer(options({ port }));
    await expect(second.listen()).rejects.toMatchObject({ code: "EADDRINUSE" });
  });

  it("tells idle clients 57P01 and waits for the busy one", async () => {
    const idle = await pgClient();
    const busy = await pgClient();
    const lost: string[] = [];
    idle.on("error", (error: Error & { code?: string }) => lost.push(error.code ?? error.message));
    const answer = busy.query("wait").catch((error: unknown) => error);
    await until(() => database.sessions[1]?.waiting === true);
    const closed = server.close(5000);
    await until(() => lost.length > 0);
    expect(lost[0]).toBe("57P01");
    database.sessions[1]?.cancel();
    expect(await answer).toMatchObject({ code: "57014" });
    await closed;
    expect(counts.closed).toBe(2);
  });

  it("cuts off what still runs after the deadline", async () => {
    const busy = await pgClient();
    const answer = busy.query("wait").catch((error: unknown) => error);
    await until(() => database.session.waiting);
    await server.close(50);
    expect(await answer).toBeInstanceOf(Error);
    expect(database.session.closed).toBe(true);
  });

  it("stops reading while a statement runs and too much waits", async () => {
    const socket = await rawSocket();
    socket.write(serialize.startup({ user: "synod", database: "shop" }));
    socket.write(serialize.query("wait"));
    await until(() => database.sessions[0]?.waiting === true);
    const flood = Buffer.concat(Array.from({ length: 100_000 }, () => serialize.query("X")));
    for (let part = 0; part < 100; part += 1) socket.write(flood);
    await until(() => socket.writableLength > 0);
    const before = process.memoryUsage().rss;
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
    expect(socket.writableLength).toBeGreaterThan(flood.length);
    expect(process.memoryUsage().rss - before).toBeLessThan(32 * 1024 * 1024);
    socket.destroy();
    // A socket that is not read does not tell that its client has gone: the statement's end does.
    database.session.cancel();
    await until(() => counts.closed === 1);
  });

  it("frees the cursor of a client that is killed while rows wait for it", async () => {
    database.labelLength = 10_000;
    const socket = await rawSocket();
    socket.write(serialize.startup({ user: "synod", database: "shop" }));
    socket.write(serialize.query("rows 1000000"));
    await until(() => database.sessions.length === 1 && database.session.rowsPulled > 100);
    socket.pause();
    const other = await pgClient();
    socket.resetAndDestroy();
    await until(() => database.session.closed);
    expect(database.session.openSources).toBe(0);
    expect((await other.query("rows 1")).rowCount).toBe(1);
    await other.end();
  });

  it("answers what a client sent before it said good-bye and hung up", async () => {
    const socket = await rawSocket();
    const startup = serialize.startup({ user: "synod", database: "shop" });
    socket.end(Buffer.concat([startup, serialize.query("rows 1"), serialize.end()]));
    const lines = tellBytes(await readToEnd(socket));
    expect(lines.slice(-3)).toEqual(["dataRow 1|x", "commandComplete SELECT 1", "readyForQuery I"]);
  });

  it("gives its last message to a client that goes on sending", async () => {
    const socket = await rawSocket();
    socket.write(serialize.startup({ user: "synod", database: "shop" }));
    socket.write(Buffer.concat([Buffer.from("G\0\0\0\x04"), Buffer.alloc(200_000)]));
    const lines = tellBytes(await readToEnd(socket));
    expect(lines.at(-1)).toBe("FATAL 08P01 invalid frontend message type 71");
  });
});
