import { serialize } from "pg-protocol";
import { describe, expect, it } from "vitest";
import { WireClient } from "./wire-client.ts";

const parse = (name: string, text: string): Uint8Array =>
  serialize.parse({ name, text, types: [] });
const sync = serialize.sync();
const execute = (portal = "", rows = 0): Uint8Array => serialize.execute({ portal, rows });

const int16 = (value: number): Buffer => Buffer.from([(value >> 8) & 0xff, value & 0xff]);

/** A Bind with every field free. */
function bind(fields: {
  readonly portal?: string;
  readonly statement?: string;
  readonly parameterFormats?: readonly number[];
  readonly parameters?: readonly (Uint8Array | null)[];
  readonly resultFormats?: readonly number[];
}): Uint8Array {
  const list = (codes: readonly number[] = []): Buffer[] => [
    int16(codes.length),
    ...codes.map(int16),
  ];
  const values = (fields.parameters ?? []).flatMap((value) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(value === null ? -1 : value.length);
    return value === null ? [length] : [length, value];
  });
  const body = Buffer.concat([
    Buffer.from(`${fields.portal ?? ""}\0${fields.statement ?? ""}\0`),
    ...list(fields.parameterFormats),
    int16(fields.parameters?.length ?? 0),
    ...values,
    ...list(fields.resultFormats),
  ]);
  const head = Buffer.alloc(5);
  head.write("B");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const text = (value: string): Uint8Array => Buffer.from(value);

describe("prepared statements", () => {
  it("go from Parse to rows in one pipeline, described before they run", async () => {
    const client = await WireClient.started();
    const lines = await client.ask(
      parse("s", "echo int4 text"),
      serialize.describe({ type: "S", name: "s" }),
      bind({ statement: "s", parameters: [text("42"), null] }),
      serialize.describe({ type: "P", name: "" }),
      execute(),
      sync,
    );
    expect(lines).toEqual([
      "parseComplete",
      "parameterDescription 23,25",
      "rowDescription p1:text,p2:text",
      "bindComplete",
      "rowDescription p1:text,p2:text",
      "dataRow 42|NULL",
      "commandComplete SELECT 1",
      "readyForQuery I",
    ]);
    expect(client.database.session.syncs).toBe(1);
  });

  it("without rows are described as NoData, the empty one is answered as empty", async () => {
    const client = await WireClient.started();
    const lines = await client.ask(
      parse("", ""),
      bind({}),
      serialize.describe({ type: "P", name: "" }),
      execute(),
      sync,
    );
    expect(lines).toEqual([
      "parseComplete",
      "bindComplete",
      "noData",
      "emptyQuery",
      "readyForQuery I",
    ]);
  });

  it("of one name are refused twice, after Close taken again", async () => {
    const client = await WireClient.started();
    await client.ask(parse("s", "X"), sync);
    expect(await client.ask(parse("s", "Y"), sync)).toEqual([
      'ERROR 42P05 prepared statement "s" already exists',
      "readyForQuery I",
    ]);
    expect(
      await client.ask(serialize.close({ type: "S", name: "s" }), parse("s", "Y"), sync),
    ).toEqual(["closeComplete", "parseComplete", "readyForQuery I"]);
  });

  it("are forgotten by DEALLOCATE, in either protocol", async () => {
    const client = await WireClient.started();
    await client.ask(parse("s", "X"), parse("t", "Y"), parse("u", "Z"), sync);
    expect(await client.ask(serialize.query("deallocate s"))).toEqual([
      "commandComplete DEALLOCATE",
      "readyForQuery I",
    ]);
    expect(await client.ask(parse("", "deallocate all"), bind({}), execute(), sync)).toEqual([
      "parseComplete",
      "bindComplete",
      "commandComplete DEALLOCATE",
      "readyForQuery I",
    ]);
    for (const name of ["s", "t", "u"]) {
      expect(await client.ask(bind({ statement: name }), sync)).toEqual([
        `ERROR 26000 prepared statement "${name}" does not exist`,
        "readyForQuery I",
      ]);
    }
  });

  it("that do not exist: DEALLOCATE is 26000 and fails the transaction, in either protocol", async () => {
    const client = await WireClient.started();
    const unknown = 'ERROR 26000 prepared statement "s" does not exist';
    await client.ask(serialize.query("begin"));
    expect(await client.ask(serialize.query("deallocate s; X"))).toEqual([
      unknown,
      "readyForQuery E",
    ]);
    await client.ask(serialize.query("rollback; begin"));
    expect(await client.ask(parse("", "deallocate s"), bind({}), execute(), sync)).toEqual([
      "parseComplete",
      "bindComplete",
      unknown,
      "readyForQuery E",
    ]);
  });

  it("nothing is sent before Sync, Flush or a lot of rows", async () => {
    const client = await WireClient.started();
    expect(await client.ask(parse("", "X"))).toEqual([]);
    expect(await client.ask(serialize.flush())).toEqual(["parseComplete"]);
  });
});

describe("the name of a prepared statement", () => {
  it("empty: it goes with a simple query and a Parse that fails, not with DEALLOCATE ALL", async () => {
    const client = await WireClient.started();
    const unnamed = [bind({}), execute(), sync];
    await client.ask(parse("", "X"), parse("all", "deallocate all"), sync);
    await client.ask(bind({ statement: "all" }), execute(), sync);
    expect(await client.ask(...unnamed)).toContain("commandComplete X");
    const gone = ["ERROR 26000 unnamed prepared statement does not exist", "readyForQuery I"];
    await client.ask(parse("", "unparsable"), sync);
    expect(await client.ask(...unnamed)).toEqual(gone);
    await client.ask(parse("", "X"), sync);
    await client.ask(serialize.query("Y"));
    expect(await client.ask(...unnamed)).toEqual(gone);
  });

  it("is of no matter where the text cannot be parsed", async () => {
    const client = await WireClient.started();
    expect(await client.ask(parse("s", "X"), parse("s", "unparsable"), sync)).toEqual([
      "parseComplete",
      "ERROR 42601 syntax error",
      "readyForQuery I",
    ]);
  });
});

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

describe("portals", () => {
  it("stop at the row limit and go on where they stopped", async () => {
    const client = await WireClient.started();
    await client.ask(serialize.query("begin"));
    await client.ask(parse("", "rows 5"), bind({ portal: "p" }), sync);
    expect(await client.ask(execute("p", 2), serialize.flush())).toEqual([
      "dataRow 1|x",
      "dataRow 2|x",
      "portalSuspended",
    ]);
    expect(await client.ask(execute("p", 2), sync)).toEqual([
      "dataRow 3|x",
      "dataRow 4|x",
      "portalSuspended",
      "readyForQuery T",
    ]);
    expect(await client.ask(execute("p", 0), execute("p", 0), sync)).toEqual([
      "dataRow 5|x",
      "commandComplete SELECT 1",
      "commandComplete SELECT 0",
      "readyForQuery T",
    ]);
    expect(client.database.session.openSources).toBe(0);
  });

  it("end with the transaction, also a suspended one", async () => {
    const client = await WireClient.started();
    await client.ask(serialize.query("begin"));
    await client.ask(parse("", "rows 5"), bind({ portal: "p" }), execute("p", 1), sync);
    expect(client.database.session.openSources).toBe(1);
    await client.ask(serialize.query("commit"));
    expect(client.database.session.openSources).toBe(0);
    expect(await client.ask(execute("p"), sync)).toEqual([
      'ERROR 34000 portal "p" does not exist',
      "readyForQuery I",
    ]);
  });

  it("that meet an error while they go on: it is sent, and told to the session", async () => {
    const client = await WireClient.started();
    await client.ask(serialize.query("begin; declare c 3 22012"));
    await client.ask(parse("", "fetch c"), bind({}), execute("", 2), serialize.flush());
    expect(await client.ask(execute("", 2), serialize.flush())).toEqual(["ERROR 22012 refused"]);
    expect(await client.ask(sync)).toEqual(["readyForQuery E"]);
    expect(client.database.session.failures).toEqual(["22012"]);
  });

  it("the unnamed one ends with a simple query", async () => {
    const client = await WireClient.started();
    await client.ask(serialize.query("begin"));
    await client.ask(parse("", "rows 5"), bind({}), execute("", 1), sync);
    await client.ask(serialize.query("X"));
    expect(client.database.session.openSources).toBe(0);
    expect(await client.ask(execute("", 1), sync)).toEqual([
      'ERROR 34000 portal "" does not exist',
      "readyForQuery E",
    ]);
  });

  it("end at Sync outside of a transaction", async () => {
    const client = await WireClient.started();
    await client.ask(parse("", "rows 5"), bind({ portal: "p" }), execute("p", 1), sync);
    expect(client.database.session.openSources).toBe(0);
    expect((await client.ask(execute("p"), sync))[0]).toContain("34000");
  });

  it("that ran a command cannot run again, and names cannot be bound twice", async () => {
    const client = await WireClient.started();
    const lines = await client.ask(parse("", "X"), bind({}), execute(), execute(), sync);
    expect(lines.at(-2)).toBe('ERROR 55000 portal "" cannot be run');
    const twice = await client.ask(
      parse("", "X"),
      bind({ portal: "p" }),
      bind({ portal: "p" }),
      sync,
    );
    expect(twice.at(-2)).toBe('ERROR 42P03 cursor "p" already exists');
  });

  it("a binary column beside a text column keeps each its format", async () => {
    const client = await WireClient.started();
    await client.send(
      parse("", "echo int8 text"),
      bind({
        parameterFormats: [1, 0],
        parameters: [Buffer.from("7fffffffffffffff", "hex"), text("")],
        resultFormats: [1, 0],
      }),
      execute(),
      sync,
    );
    const hex = Buffer.from(client.bytes()).toString("hex");
    expect(hex).toContain("44000000160002000000087fffffffffffffff00000000");
  });
});
