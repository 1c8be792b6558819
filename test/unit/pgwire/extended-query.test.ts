/** Prepared statements and portals in the extended protocol. */
import { serialize } from "pg-protocol";
import { describe, expect, it } from "vitest";
import { bind, execute, parse, sync } from "./extended-messages.ts";
import { WireClient } from "./wire-client.ts";

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
