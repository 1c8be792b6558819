/** Errors in the extended protocol: what is skipped, and what a block that has failed lets run. */
import { serialize } from "pg-protocol";
import { describe, expect, it } from "vitest";
import { bind, execute, parse, sync } from "./extended-messages.ts";
import { WireClient } from "./wire-client.ts";

const text = (value: string): Uint8Array => Buffer.from(value);

describe("an error", () => {
  it.each([
    [
      "unknown statement",
      bind({ statement: "no" }),
      '26000 prepared statement "no" does not exist',
    ],
    ["unknown portal", execute("no"), '34000 portal "no" does not exist'],
    [
      "too few parameters",
      bind({ statement: "s" }),
      '08P01 bind message supplies 0 parameters, but prepared statement "s" requires 2',
    ],
    [
      "a parameter that is no integer",
      bind({ statement: "s", parameters: [text("x"), null] }),
      '22P02 invalid input syntax for type integer: "x"',
    ],
    [
      "a binary parameter that is too short",
      bind({ statement: "s", parameterFormats: [1], parameters: [text("x"), null] }),
      "08P01 insufficient data left in message",
    ],
    [
      "formats that do not match the parameters",
      bind({ statement: "s", parameterFormats: [0, 0, 0], parameters: [null, null] }),
      "08P01 bind message has 3 parameter formats but 2 parameters",
    ],
    [
      "formats that do not match the columns",
      bind({ statement: "s", parameters: [null, null], resultFormats: [0, 0, 0] }),
      "08P01 bind message has 3 result formats but query has 2 columns",
    ],
    [
      "an unknown format",
      bind({ statement: "s", parameterFormats: [7], parameters: [null, null] }),
      "22023 unsupported format code: 7",
    ],
  ])("%s skips everything up to Sync and is told to the session", async (_what, bytes, error) => {
    const client = await WireClient.started();
    await client.ask(parse("s", "echo int4 text"), sync);
    const lines = await client.ask(bytes, execute(), serialize.query("X"), parse("t", "X"), sync);
    expect(lines).toEqual([`ERROR ${error}`, "readyForQuery I"]);
    expect(client.database.session.failures).toEqual([error.slice(0, 5)]);
    expect((await client.ask(serialize.query("X"))).at(-1)).toBe("readyForQuery I");
  });

  it.each([
    ["in Parse", [parse("", "unparsable")], "42601 syntax error"],
    ["in Bind", [bind({ statement: "no" })], '26000 prepared statement "no" does not exist'],
    [
      "in Describe",
      [serialize.describe({ type: "S", name: "no" })],
      '26000 prepared statement "no" does not exist',
    ],
    ["in Execute", [execute("no")], '34000 portal "no" does not exist'],
    [
      "behind another Flush",
      [serialize.flush(), execute("no")],
      '34000 portal "no" does not exist',
    ],
    [
      "before much that is skipped",
      [execute("no"), ...Array.from({ length: 99 }, () => execute())],
      '34000 portal "no" does not exist',
    ],
  ])("%s is sent without a Sync, with Flush or without", async (_what, messages, error) => {
    for (const behind of [[], [serialize.flush()]]) {
      const client = await WireClient.started();
      expect(await client.ask(Buffer.concat([...messages, ...behind]))).toEqual([`ERROR ${error}`]);
      expect(await client.ask(serialize.flush())).toEqual([]);
      expect(await client.ask(sync)).toEqual(["readyForQuery I"]);
    }
  });

  it("leaves together with what was said before it and the ReadyForQuery of a Sync that is here", async () => {
    const client = await WireClient.started();
    const before = client.writes;
    const all = [parse("", "X"), bind({}), execute("no"), serialize.flush(), execute(), sync];
    expect(await client.ask(Buffer.concat(all))).toEqual([
      "parseComplete",
      "bindComplete",
      'ERROR 34000 portal "no" does not exist',
      "readyForQuery I",
    ]);
    expect(client.writes - before).toBe(1);
  });

  it("waits for a client that does not read, as anything does", async () => {
    const client = await WireClient.started();
    client.reading = false;
    await client.send(execute("no"));
    await client.send(sync);
    expect(client.lines()).toEqual(['ERROR 34000 portal "no" does not exist']);
    client.resumeReading();
    expect(await client.ask()).toEqual(["readyForQuery I"]);
  });

  it("of the session itself is not told to it again", async () => {
    const client = await WireClient.started();
    const lines = await client.ask(parse("", "unparsable"), execute(), sync);
    expect(lines).toEqual(["ERROR 42601 syntax error", "readyForQuery I"]);
    expect(client.database.session.failures).toEqual([]);
  });
});

describe("in a block that has failed", () => {
  const aborted = "ERROR 25P02 current transaction is aborted";
  const describing = (type: "S" | "P", name: string): Uint8Array =>
    serialize.describe({ type, name });

  /** With the portals rows (begun), late (not begun), back and empty. */
  async function failed(): Promise<WireClient> {
    const client = await WireClient.started();
    await client.ask(parse("rows", "rows 5"), parse("echo", "echo int4"), parse("x", "X"), sync);
    await client.ask(parse("back", "rollback"), parse("empty", ""), parse("to", "rollback-to 0"));
    await client.ask(serialize.query("begin; savepoint 0"));
    for (const name of ["rows", "back", "empty"]) {
      await client.ask(bind({ portal: name, statement: name }), sync);
    }
    await client.ask(bind({ portal: "late", statement: "rows" }), execute("rows", 1), sync);
    expect(await client.ask(serialize.query("fail 22012"))).toContain("readyForQuery E");
    return client;
  }

  it.each([
    ["Parse of a query", [parse("", "rows 1")]],
    ["Parse of EXECUTE", [parse("", "execute rows")]],
    ["Bind of a query", [bind({ statement: "rows" })]],
    ["Bind of a command", [bind({ statement: "x" })]],
    ["Bind of nothing", [bind({ statement: "empty" })]],
    ["Bind of a value that is none", [bind({ statement: "echo", parameters: [text("x")] })]],
    ["Bind to a name that is taken", [bind({ portal: "rows", statement: "x" })]],
    ["Describe of a query", [describing("S", "rows")]],
    ["Describe of a portal with rows", [describing("P", "late")]],
    ["Execute that would go on", [execute("rows", 1)]],
    ["Execute that would begin", [execute("late", 1)]],
    ["Execute of a ROLLBACK that was bound before", [execute("back")]],
  ])("%s: 25P02", async (_what, messages) => {
    const client = await failed();
    const [error, ready] = await client.ask(...messages, sync);
    expect(error).toContain(aborted);
    expect(ready).toBe("readyForQuery E");
  });

  it.each([
    ["Parse of ROLLBACK", [parse("", "rollback")], ["parseComplete"]],
    ["Parse of nothing", [parse("", "")], ["parseComplete"]],
    ["Describe of a command", [describing("S", "x")], ["parameterDescription ", "noData"]],
    ["Describe of a ROLLBACK", [describing("P", "back")], ["noData"]],
    ["Execute of nothing", [execute("empty")], ["emptyQuery"]],
    ["Close", [serialize.close({ type: "P", name: "rows" })], ["closeComplete"]],
    [
      "an unknown statement",
      [bind({ statement: "no" })],
      ['ERROR 26000 prepared statement "no" does not exist'],
    ],
    [
      "a wrong count",
      [bind({ statement: "echo" })],
      ['ERROR 08P01 bind message supplies 0 parameters, but prepared statement "echo" requires 1'],
    ],
  ])("%s: as ever", async (_what, messages, answer) => {
    const client = await failed();
    expect(await client.ask(...messages, sync)).toEqual([...answer, "readyForQuery E"]);
  });

  it("a ROLLBACK TO brings the portals back that were opened before its savepoint", async () => {
    const client = await WireClient.started();
    await client.ask(parse("rows", "rows 5"), parse("to", "rollback-to 0"), sync);
    await client.ask(serialize.query("begin"));
    await client.ask(bind({ portal: "p", statement: "rows" }), execute("p", 1), sync);
    await client.ask(serialize.query("savepoint 0; fail 22012"));
    expect(await client.ask(execute("p", 1), sync)).toContain("readyForQuery E");
    expect(await client.ask(bind({ statement: "to" }), execute(), execute("p", 1), sync)).toEqual([
      "bindComplete",
      "commandComplete rollback-to 0",
      "dataRow 2|x",
      "portalSuspended",
      "readyForQuery T",
    ]);
  });
});
