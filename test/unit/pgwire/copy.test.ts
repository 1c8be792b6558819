/** COPY on the wire: copy-in and copy-out in both protocols, and what may go wrong on the way. */
import { serialize } from "pg-protocol";
import { describe, expect, it } from "vitest";
import { execute, extended, sync } from "./extended-messages.ts";
import { FakeDatabase } from "./fake-database.ts";
import { settle, WireClient } from "./wire-client.ts";

const data = (text: string): Uint8Array => serialize.copyData(Buffer.from(text));
const done = serialize.copyDone();
const query = (text: string): Uint8Array => serialize.query(text);

const PREPARED = ["parseComplete", "bindComplete", "noData"];

describe("copy-in in the simple protocol", () => {
  it("asks for the data, hands it on and tells the tag", async () => {
    const client = await WireClient.started();
    expect(await client.ask(query("copyin 2"))).toEqual(["copyInResponse 2"]);
    expect(await client.ask(data("1\ta\n"), data("2\t"), data("b\n"))).toEqual([]);
    expect(await client.ask(done)).toEqual(["commandComplete COPY 7", "readyForQuery I"]);
    const [copy = []] = client.database.session.copies;
    expect(copy.join("")).toBe("1\ta\n2\tb\nfinished");
  });

  it("goes on with the query's next statement", async () => {
    const client = await WireClient.started();
    await client.ask(query("copyin 1; SELECT 1; copyin 1"));
    expect(await client.ask(done)).toEqual([
      "commandComplete COPY 7",
      "commandComplete SELECT 1",
      "copyInResponse 1",
    ]);
    expect(await client.ask(done)).toEqual(["commandComplete COPY 7", "readyForQuery I"]);
  });

  it("ignores Flush and Sync", async () => {
    const client = await WireClient.started();
    await client.ask(query("copyin 1"));
    expect(await client.ask(serialize.flush(), sync, data("x\n"))).toEqual([]);
    expect(await client.ask(done)).toEqual(["commandComplete COPY 7", "readyForQuery I"]);
  });

  it("ends with CopyFail's reason, and nothing takes effect", async () => {
    const client = await WireClient.started();
    await client.ask(query("begin"));
    await client.ask(query("copyin 1"));
    expect(await client.ask(data("x\n"), serialize.copyFail("no more"))).toEqual([
      "ERROR 57014 COPY from stdin failed: no more COPY t, after 1 pieces",
      "readyForQuery E",
    ]);
    expect(client.database.session.copies).toEqual([["x\n", "aborted"]]);
    expect(client.database.session.failures).toEqual(["57014"]);
  });

  it("tells of bad data although CopyFail comes with it", async () => {
    const client = await WireClient.started();
    await client.ask(query("copyin 1"));
    expect(await client.ask(data("bad\n"), serialize.copyFail("no more"))).toEqual([
      "ERROR 22P04 bad data COPY t, line 1",
      "readyForQuery I",
    ]);
  });

  it("tells where bad data is, and skips what still comes", async () => {
    const client = await WireClient.started();
    await client.ask(query("copyin 1"));
    expect(await client.ask(data("bad\n"))).toEqual([
      "ERROR 22P04 bad data COPY t, line 1",
      "readyForQuery I",
    ]);
    expect(await client.ask(data("more\n"), done, query("SELECT 1"))).toEqual([
      "commandComplete SELECT 1",
      "readyForQuery I",
    ]);
    expect(client.database.session.copies).toEqual([["aborted"]]);
  });

  it("refuses a message that has no place there", async () => {
    const client = await WireClient.started();
    await client.ask(query("copyin 1"));
    expect(await client.ask(data("x\n"), query("SELECT 1"))).toEqual([
      "ERROR 08P01 unexpected message type 0x51 during COPY from stdin COPY t, after 1 pieces",
      "readyForQuery I",
    ]);
    expect(await client.ask(done, query("SELECT 2"))).toEqual([
      "commandComplete SELECT 2",
      "readyForQuery I",
    ]);
  });

  it("hands large data on in steps, so that no more waits than one", async () => {
    const client = await WireClient.started();
    await client.ask(query("copyin 1"));
    const line = `${"x".repeat(999)}\n`;
    for (let count = 0; count < 200; count += 1) client.session.receive(data(line));
    await settle();
    await client.ask(done);
    const [copy = []] = client.database.session.copies;
    expect(copy.slice(0, -1).join("")).toBe(line.repeat(200));
    expect(Math.max(...copy.map(({ length }) => length))).toBeLessThan(64 * 1024 + 1000);
  });
});

describe("copy-in that does not come to its end", () => {
  it.each(["the connection is lost", "Terminate"])("gives it up when %s", async (how) => {
    const client = await WireClient.started();
    await client.ask(query("copyin 1"));
    await client.ask(data("x\n"));
    if (how === "Terminate") await client.send(serialize.end());
    else await client.vanish();
    await client.done;
    expect(client.database.session.copies).toEqual([["x\n", "aborted"]]);
    expect(client.database.session.closed).toBe(true);
    expect(client.faults.logged).toEqual([]);
  });

  it("can be cancelled while it waits for the client", async () => {
    const client = new WireClient();
    await client.send(serialize.startup({ user: "synod", database: "shop" }));
    const bytes = Buffer.from(client.bytes());
    const at = bytes.indexOf("K\0\0\0\f");
    const cancel = serialize.cancel(bytes.readInt32BE(at + 5), bytes.readInt32BE(at + 9));
    await client.ask(query("copyin 1"));
    await new WireClient(client.database, client.cancelKeys).send(cancel);
    expect(client.database.session.cancels).toBe(1);
    await client.ask(done);
    await new WireClient(client.database, client.cancelKeys).send(cancel);
    expect(client.database.session.cancels).toBe(1);
  });

  it("ends with FATAL 57P01 when the server stops", async () => {
    const client = await WireClient.started();
    await client.ask(query("copyin 1"));
    client.session.shutdown();
    await settle();
    expect(client.lines()).toEqual([
      "FATAL 57P01 terminating connection due to administrator command",
    ]);
    expect(client.database.session.copies).toEqual([["aborted"]]);
  });
});

describe("copy-in in the extended protocol", () => {
  it("ignores the Sync that libpq sends with Execute, and ends at the one behind the data", async () => {
    const client = await WireClient.started();
    expect(await client.ask(...extended("copyin 3"), sync)).toEqual([
      ...PREPARED,
      "copyInResponse 3",
    ]);
    expect(await client.ask(data("x\n"), done)).toEqual([]);
    expect(await client.ask(sync)).toEqual(["commandComplete COPY 7", "readyForQuery I"]);
    expect(client.database.session.syncs).toBe(1);
  });

  it("skips everything after an error up to Sync", async () => {
    const client = await WireClient.started();
    await client.ask(...extended("copyin 1"), sync);
    expect(await client.ask(data("bad\n"))).toEqual(["ERROR 22P04 bad data COPY t, line 1"]);
    expect(await client.ask(data("x\n"), done, ...extended("SELECT 1"))).toEqual([]);
    expect(await client.ask(sync)).toEqual(["readyForQuery I"]);
    expect(client.database.session.failures).toEqual(["22P04"]);
  });

  it("runs a portal once", async () => {
    const client = await WireClient.started();
    await client.ask(...extended("copyin 1"));
    expect(await client.ask(done, execute())).toEqual([
      "commandComplete COPY 7",
      'ERROR 55000 portal "" cannot be run',
    ]);
    expect(await client.ask(sync)).toEqual(["readyForQuery I"]);
  });
});

describe("copy-out", () => {
  const LINES = [
    "copyOutResponse 2",
    'copyData "number,label\\n"',
    'copyData "1,\\"x\\"\\n"',
    'copyData "2,\\"x\\"\\n"',
    "copyDone",
    "commandComplete COPY 2",
  ];

  it("sends a line a message, in the simple protocol", async () => {
    const client = await WireClient.started();
    expect(await client.ask(query("copyout 2"))).toEqual([...LINES, "readyForQuery I"]);
    expect(client.database.session.openSources).toBe(0);
  });

  it("does the same in the extended protocol", async () => {
    const client = await WireClient.started();
    const lines = await client.ask(...extended("copyout 2"), sync);
    expect(lines).toEqual([...PREPARED, ...LINES, "readyForQuery I"]);
  });

  it("takes no more rows than the client takes lines", async () => {
    const database = new FakeDatabase();
    database.labelLength = 1000;
    const client = await WireClient.started(database);
    client.reading = false;
    await client.send(query("copyout 100000"));
    expect(client.database.session.rowsPulled).toBeLessThan(2000);
    await client.vanish();
    expect(client.database.session.openSources).toBe(0);
  });
});
