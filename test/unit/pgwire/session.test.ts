import { serialize } from "pg-protocol";
import { describe, expect, it } from "vitest";
import type { Clock } from "../../../src/base/clock.ts";
import { CancelRegistry } from "../../../src/pgwire/cancel-registry.ts";
import { SqlError } from "../../../src/sql/errors.ts";
import { FakeDatabase } from "./fake-database.ts";
import { settle, WireClient } from "./wire-client.ts";

const startup = serialize.startup({ user: "synod", database: "shop" });

describe("startup", () => {
  it("is answered with parameters, key and readiness", async () => {
    const client = new WireClient();
    expect(await client.ask(startup)).toEqual([
      "authenticationOk",
      "parameterStatus server_version=15.0",
      "parameterStatus client_encoding=UTF8",
      "backendKeyData",
      "readyForQuery I",
    ]);
    expect(client.database.session.request).toMatchObject({
      user: "synod",
      database: "shop",
      processId: 1,
      remoteAddress: "10.0.0.1",
    });
  });

  it("works byte by byte behind an SSLRequest", async () => {
    const client = new WireClient();
    await client.send(...Array.from(serialize.requestSsl(), (byte) => Uint8Array.of(byte)));
    expect(Buffer.from(client.bytes()).toString()).toBe("N");
    const lines = await client.ask(...Array.from(startup, (byte) => Uint8Array.of(byte)));
    expect(lines.at(-1)).toBe("readyForQuery I");
  });

  it("bytes behind an SSLRequest that came before our answer close the connection", async () => {
    const client = new WireClient();
    await client.send(Buffer.concat([serialize.requestSsl(), startup]));
    expect(client.bytes()).toHaveLength(0);
    expect(client.ended).toBe(true);
  });

  it("endless SSLRequests are refused", async () => {
    const client = new WireClient();
    for (let count = 0; count < 2; count += 1) await client.send(serialize.requestSsl());
    expect(Buffer.from(client.bytes()).toString()).toBe("NN");
    await client.send(serialize.requestSsl());
    await client.done;
    expect(client.lines().at(-1)).toContain("FATAL 0A000 unsupported frontend protocol 1234.5679");
  });

  it("a database that refuses is heard as FATAL, and the place is free again", async () => {
    const database = new FakeDatabase();
    database.refusal = new SqlError("3D000", 'database "shop" does not exist');
    const client = new WireClient(database);
    expect(await client.ask(startup)).toEqual(['FATAL 3D000 database "shop" does not exist']);
    expect([client.ended, client.opened]).toEqual([true, 0]);
  });

  it("a client that says nothing is let go after ten seconds", async () => {
    const timers: (() => void)[] = [];
    const clock: Clock = {
      monotonicMs: () => 0,
      wallMicros: () => 0,
      after: (delayMs, action) => {
        if (delayMs === 10_000) timers.push(action);
        return { cancel: () => undefined };
      },
    };
    const client = new WireClient(new FakeDatabase(), new CancelRegistry(), clock);
    await settle();
    for (const timer of timers) timer();
    await client.done;
    expect(client.lines()).toEqual(["FATAL 57014 canceling authentication due to timeout"]);
  });
});

describe("simple query", () => {
  it("several statements give their results and one readiness", async () => {
    const client = await WireClient.started();
    expect(await client.ask(serialize.query("rows 2; CREATE TABLE; notice hear"))).toEqual([
      "rowDescription number:text,label:text",
      "dataRow 1|x",
      "dataRow 2|x",
      "commandComplete SELECT 2",
      "commandComplete CREATE TABLE",
      "notice hear",
      "commandComplete NOTICE",
      "readyForQuery I",
    ]);
  });

  it("a text without a statement is an empty query", async () => {
    const client = await WireClient.started();
    expect(await client.ask(serialize.query(" ; "))).toEqual(["emptyQuery", "readyForQuery I"]);
  });

  it("an error ends the query string, and the state of the transaction is told", async () => {
    const client = await WireClient.started();
    expect(await client.ask(serialize.query("begin; fail 22012; rows 1"))).toEqual([
      "commandComplete BEGIN",
      "ERROR 22012 refused",
      "readyForQuery E",
    ]);
    expect(await client.ask(serialize.query("rollback"))).toEqual([
      "commandComplete ROLLBACK",
      "readyForQuery I",
    ]);
  });

  it("a changed parameter is told before the readiness, an unchanged one is not", async () => {
    const client = await WireClient.started();
    expect(await client.ask(serialize.query("set TimeZone UTC"))).toEqual([
      "commandComplete SET",
      "parameterStatus TimeZone=UTC",
      "readyForQuery I",
    ]);
    expect(await client.ask(serialize.query("set TimeZone UTC"))).toEqual([
      "commandComplete SET",
      "readyForQuery I",
    ]);
  });

  it("a fault of ours is logged and answered without its words", async () => {
    const client = await WireClient.started();
    expect(await client.ask(serialize.query("fault"))).toEqual([
      "ERROR XX000 internal error",
      "readyForQuery I",
    ]);
    expect(client.faults.logged).toEqual([new TypeError("secret internals")]);
  });

  it("57P01 from the database ends the connection", async () => {
    const client = await WireClient.started();
    expect(await client.ask(serialize.query("fail 57P01"))).toEqual(["FATAL 57P01 refused"]);
    expect([client.ended, client.database.session.closed]).toEqual([true, true]);
  });
});

describe("messages out of place", () => {
  it("copy messages are ignored, a function call is refused, both leave the session usable", async () => {
    const client = await WireClient.started();
    const copies = [serialize.copyData(Buffer.from("x")), serialize.copyDone()];
    expect(await client.ask(...copies, serialize.copyFail("x"))).toEqual([]);
    const call = Uint8Array.of(0x46, 0, 0, 0, 8, 0, 0, 0, 1);
    expect(await client.ask(call)).toEqual([
      "ERROR 0A000 the function call protocol is not supported",
      "readyForQuery I",
    ]);
    expect((await client.ask(serialize.query("X"))).at(-1)).toBe("readyForQuery I");
  });

  it("a password that nobody asked for ends the connection", async () => {
    const client = await WireClient.started();
    expect(await client.ask(serialize.password("secret"))).toEqual([
      "FATAL 08P01 invalid frontend message type 112",
    ]);
    expect(client.ended).toBe(true);
  });

  it("Terminate ends the session without a word", async () => {
    const client = await WireClient.started();
    expect(await client.ask(serialize.end())).toEqual([]);
    expect([client.ended, client.database.session.closed, client.opened]).toEqual([true, true, 0]);
  });
});

describe("a result larger than memory should hold", () => {
  it("is pulled no further than a slow client reads, and then to its end", async () => {
    const database = new FakeDatabase();
    database.labelLength = 1000;
    const client = await WireClient.started(database);
    client.reading = false;
    await client.send(serialize.query("rows 20000"));
    expect(database.session.rowsPulled).toBeLessThan(300);
    client.resumeReading();
    for (let turn = 0; turn < 500 && !client.lines().includes("readyForQuery I"); turn += 1) {
      await settle();
    }
    expect(database.session.rowsPulled).toBe(20_000);
    expect(database.session.openSources).toBe(0);
  });

  it("is closed when the client vanishes in the middle", async () => {
    const database = new FakeDatabase();
    database.labelLength = 1000;
    const client = await WireClient.started(database);
    client.reading = false;
    await client.send(serialize.query("rows 20000"));
    await client.vanish();
    expect(database.session).toMatchObject({ openSources: 0, closed: true });
    expect([client.ended, client.opened, client.faults.logged]).toEqual([true, 0, []]);
  });
});

describe("cancel and shutdown", () => {
  it("a statement is cancelled by the right key only", async () => {
    const client = await WireClient.started();
    await client.send(serialize.query("wait"));
    const { cancelKeys } = client;
    const stranger = new WireClient(client.database, cancelKeys);
    await stranger.send(serialize.cancel(1, 12345));
    expect([stranger.ended, client.database.session.cancels]).toEqual([true, 0]);
    expect(stranger.bytes()).toHaveLength(0);
  });

  it("the key from BackendKeyData cancels, and an idle session is left alone", async () => {
    const client = new WireClient();
    await client.send(startup);
    const bytes = Buffer.from(client.bytes());
    const at = bytes.indexOf("K\0\0\0\f");
    const cancel = serialize.cancel(bytes.readInt32BE(at + 5), bytes.readInt32BE(at + 9));
    await new WireClient(client.database, client.cancelKeys).send(cancel);
    expect(client.database.session.cancels).toBe(0);
    await client.send(serialize.query("wait"));
    await new WireClient(client.database, client.cancelKeys).send(cancel);
    expect(client.lines()).toEqual([
      "ERROR 57014 canceling statement due to user request",
      "readyForQuery I",
    ]);
  });

  it("an idle client is told of the shutdown at once, a busy one after its statement", async () => {
    const idle = await WireClient.started();
    const busy = await WireClient.started();
    await busy.send(serialize.query("wait"));
    idle.session.shutdown();
    busy.session.shutdown();
    await settle();
    const farewell = "FATAL 57P01 terminating connection due to administrator command";
    expect(idle.lines()).toEqual([farewell]);
    expect([idle.ended, busy.ended]).toEqual([true, false]);
    busy.database.session.cancel();
    await busy.done;
    expect(busy.lines()).toEqual([
      "ERROR 57014 canceling statement due to user request",
      "readyForQuery I",
      farewell,
    ]);
  });

  it("a statement that ran is not followed by 57P01 before its ReadyForQuery", async () => {
    const client = await WireClient.started();
    await client.send(serialize.parse({ text: "X" }), serialize.bind({}), serialize.execute({}));
    client.session.shutdown();
    await settle();
    expect([client.lines(), client.ended]).toEqual([[], false]);
    await client.send(serialize.sync());
    await client.done;
    expect(client.lines()).toEqual([
      "parseComplete",
      "bindComplete",
      "commandComplete X",
      "readyForQuery I",
      "FATAL 57P01 terminating connection due to administrator command",
    ]);
  });

  it("a statement that comes together with the shutdown does not run", async () => {
    const client = await WireClient.started();
    await client.send(serialize.parse({ text: "X" }), serialize.bind({}));
    client.session.receive(serialize.execute({}));
    client.session.shutdown();
    await client.done;
    expect(client.lines()).toEqual([
      "parseComplete",
      "bindComplete",
      "FATAL 57P01 terminating connection due to administrator command",
    ]);
  });

  it("a client that vanishes while its statement runs is cancelled and freed", async () => {
    const client = await WireClient.started();
    await client.send(serialize.query("wait"));
    await client.vanish();
    expect(client.database.session).toMatchObject({ closed: true });
    expect([client.ended, client.opened]).toEqual([true, 0]);
  });
});
