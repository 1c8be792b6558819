/** DECLARE, FETCH, MOVE and CLOSE: cursors are portals, in either protocol. */
import { serialize } from "pg-protocol";
import { describe, expect, it } from "vitest";
import { FETCHED_ROWS_KEPT_MAX, PORTALS_PER_CLIENT_MAX } from "../../../src/pgwire/limits.ts";
import { execute, extended, parse, sync } from "./extended-messages.ts";
import { WireClient } from "./wire-client.ts";

async function withCursor(rows: number): Promise<WireClient> {
  const client = await WireClient.started();
  await client.ask(serialize.query("begin"));
  expect(await client.ask(serialize.query(`declare c ${rows}`))).toEqual([
    "commandComplete DECLARE CURSOR",
    "readyForQuery T",
  ]);
  return client;
}

it("FETCH and MOVE go on where the one before ended, and behind the last row there is nothing", async () => {
  const client = await withCursor(5);
  expect(await client.ask(serialize.query("fetch c 2"))).toEqual([
    "rowDescription number:text,label:text",
    "dataRow 1|x",
    "dataRow 2|x",
    "commandComplete FETCH 2",
    "readyForQuery T",
  ]);
  expect(await client.ask(serialize.query("move c 1; fetch c; fetch c 1; move c"))).toEqual([
    "commandComplete MOVE 1",
    "rowDescription number:text,label:text",
    "dataRow 4|x",
    "dataRow 5|x",
    "commandComplete FETCH 2",
    "rowDescription number:text,label:text",
    "commandComplete FETCH 0",
    "commandComplete MOVE 0",
    "readyForQuery T",
  ]);
  expect(client.database.session.openSources).toBe(0);
});

it("a prepared FETCH is described with the cursor's columns", async () => {
  const client = await withCursor(3);
  expect(await client.ask(...extended("fetch c 1"), sync)).toEqual([
    "parseComplete",
    "bindComplete",
    "rowDescription number:text,label:text",
    "dataRow 1|x",
    "commandComplete FETCH 1",
    "readyForQuery T",
  ]);
  const portal = serialize.describe({ type: "P", name: "c" });
  expect(await client.ask(portal, sync)).toEqual([
    "rowDescription number:text,label:text",
    "readyForQuery T",
  ]);
});

it("a prepared FETCH from no cursor has no columns, and fails when it runs", async () => {
  const client = await withCursor(1);
  expect(await client.ask(...extended("fetch other"), sync)).toEqual([
    "parseComplete",
    "bindComplete",
    "noData",
    'ERROR 34000 cursor "other" does not exist',
    "readyForQuery E",
  ]);
});

it.each([
  ["close c", ["commandComplete CLOSE CURSOR", "readyForQuery T"]],
  ["close", ["commandComplete CLOSE CURSOR ALL", "readyForQuery T"]],
  ["rollback", ["commandComplete ROLLBACK", "readyForQuery I"]],
])("%s frees a cursor", async (text, answer) => {
  const client = await withCursor(3);
  expect(client.database.session.openSources).toBe(1);
  expect(await client.ask(serialize.query(text))).toEqual(answer);
  expect(client.database.session.openSources).toBe(0);
  await client.ask(serialize.query("rollback; begin"));
  expect(await client.ask(serialize.query("fetch c"))).toEqual([
    'ERROR 34000 cursor "c" does not exist',
    "readyForQuery E",
  ]);
});

it("a name that is taken: 42P03, and the new rows are freed", async () => {
  const client = await withCursor(3);
  expect(await client.ask(serialize.query("declare c 9"))).toEqual([
    'ERROR 42P03 cursor "c" already exists',
    "readyForQuery E",
  ]);
  expect(client.database.session.openSources).toBe(1);
});

it("10,000 portals are as many as a client may have: 54000 for one more, whose rows are freed", async () => {
  const client = await withCursor(1);
  const more = Array.from({ length: PORTALS_PER_CLIENT_MAX }, (_, at) => `declare c${at} 1`);
  const lines = await client.ask(serialize.query(more.join(";")));
  expect(lines.slice(-2)).toEqual([
    "ERROR 54000 too many portals: the limit is 10000",
    "readyForQuery E",
  ]);
  expect(client.database.session.openSources).toBe(PORTALS_PER_CLIENT_MAX);
});

describe("a FETCH of which an Execute takes a part", () => {
  const bound = (portal: string) => serialize.bind({ portal, statement: "", values: [] });

  /** Two of the five rows of a FETCH were taken, of a cursor for seven. */
  async function begun(text = "fetch c 5", rows = 7): Promise<WireClient> {
    const client = await withCursor(rows);
    expect(await client.ask(parse("", text), bound("f"), execute("f", 2), sync)).toEqual([
      "parseComplete",
      "bindComplete",
      "dataRow 1|x",
      "dataRow 2|x",
      "portalSuspended",
      "readyForQuery T",
    ]);
    return client;
  }

  it("is suspended, and goes on", async () => {
    const client = await begun();
    expect(await client.ask(execute("f", 2), execute("f", 9), execute("f", 1), sync)).toEqual([
      "dataRow 3|x",
      "dataRow 4|x",
      "portalSuspended",
      "dataRow 5|x",
      "commandComplete FETCH 1",
      "commandComplete FETCH 0",
      "readyForQuery T",
    ]);
    expect(await client.ask(serialize.query("fetch c"))).toContain("commandComplete FETCH 2");
    expect(client.database.session.openSources).toBe(0);
  });

  it.each([
    ["FETCH", [serialize.query("fetch c 1")], "dataRow 6|x"],
    ["MOVE", [serialize.query("move c 9")], "commandComplete MOVE 2"],
    ["Execute of the cursor", [execute("c", 1), sync], "dataRow 6|x"],
    ["CLOSE", [serialize.query("close c")], "commandComplete CLOSE CURSOR"],
    ["Close", [serialize.close({ type: "P", name: "c" }), sync], "closeComplete"],
  ])("has moved its cursor past all its rows for %s, and still gives them", async (...given) => {
    const [, messages, answer] = given;
    const client = await begun();
    expect(await client.ask(...messages)).toContain(answer);
    expect(await client.ask(execute("f", 2), execute("f", 0), sync)).toEqual([
      "dataRow 3|x",
      "dataRow 4|x",
      "portalSuspended",
      "dataRow 5|x",
      "commandComplete FETCH 1",
      "readyForQuery T",
    ]);
  });

  it("leaves its cursor behind all its rows when it is closed", async () => {
    const client = await begun();
    await client.ask(serialize.close({ type: "P", name: "f" }), sync);
    expect(await client.ask(serialize.query("fetch c 1"))).toContain("dataRow 6|x");
  });

  it("closed, with all rows of a cursor: CLOSE reads none of them", async () => {
    const client = await begun("fetch c", 5000);
    await client.ask(serialize.close({ type: "P", name: "f" }), sync);
    expect(await client.ask(serialize.query("close c"))).toContain("commandComplete CLOSE CURSOR");
    expect(client.database.session.rowsPulled).toBe(2);
    expect(client.database.session.openSources).toBe(0);
  });

  it(`leaves more than ${FETCHED_ROWS_KEPT_MAX} rows: 54000 when its cursor is used`, async () => {
    const client = await begun("fetch c", FETCHED_ROWS_KEPT_MAX + 3);
    const [error, ready] = await client.ask(serialize.query("fetch c 1"));
    expect(error).toBe("ERROR 54000 too many rows of a FETCH are left: the limit is 10000");
    expect(ready).toBe("readyForQuery E");
    expect(client.database.session.failures).toEqual(["54000"]);
  });

  it("cannot go on when ROLLBACK TO has closed its cursor", async () => {
    const client = await WireClient.started();
    await client.ask(serialize.query("begin"));
    await client.ask(parse("", "fetch c 5"), bound("f"), sync);
    await client.ask(serialize.query("savepoint 0; declare c 7"));
    expect(await client.ask(execute("f", 1), sync)).toContain("portalSuspended");
    await client.ask(serialize.query("rollback-to 0"));
    expect(await client.ask(execute("f", 1), sync)).toEqual([
      'ERROR 55000 portal "c" cannot be run',
      "readyForQuery E",
    ]);
    expect(client.database.session.failures).toEqual(["55000"]);
  });

  it("can be fetched from itself", async () => {
    const client = await begun();
    expect(await client.ask(serialize.query("fetch f 1"))).toEqual([
      "rowDescription number:text,label:text",
      "dataRow 3|x",
      "commandComplete FETCH 1",
      "readyForQuery T",
    ]);
  });
});

it("a portal is closed by CLOSE before it ran, but nothing can be fetched from it", async () => {
  const client = await WireClient.started();
  await client.ask(serialize.query("begin; savepoint 0"));
  const parsed = parse("s", "rows 3");
  await client.ask(parsed, serialize.bind({ portal: "p", statement: "s", values: [] }), sync);
  expect((await client.ask(serialize.query("close p")))[0]).toBe("commandComplete CLOSE CURSOR");
  await client.ask(serialize.bind({ portal: "p", statement: "s", values: [] }), sync);
  expect(await client.ask(serialize.query("fetch p 1"))).toEqual([
    "ERROR 0A000 FETCH or MOVE from a portal before its first Execute is not supported",
    "readyForQuery E",
  ]);
});

describe("ROLLBACK TO", () => {
  const gone = (name: string): string => `ERROR 34000 cursor "${name}" does not exist`;
  const errorsOf = async (client: WireClient, text: string): Promise<string[]> => {
    const lines = await client.ask(serialize.query(text));
    return lines.filter((line) => line.startsWith("ERROR"));
  };

  it("closes the cursors that were opened behind its savepoint, and no other", async () => {
    const client = await withCursor(3);
    await client.ask(serialize.query("savepoint 0; declare d 3; savepoint 1; declare e 3"));
    expect(client.database.session.openSources).toBe(3);
    await client.ask(serialize.query("rollback-to 1"));
    expect(client.database.session.openSources).toBe(2);
    expect(await errorsOf(client, "fetch d 1; fetch c 1; fetch e 1")).toEqual([gone("e")]);
    await client.ask(serialize.query("rollback-to 0"));
    expect(client.database.session.openSources).toBe(1);
    expect(await errorsOf(client, "fetch c 1; fetch d 1")).toEqual([gone("d")]);
  });

  it("closes a cursor that took the name of an older one behind the savepoint", async () => {
    const client = await withCursor(3);
    await client.ask(serialize.query("savepoint 0; close c; declare c 9; rollback-to 0"));
    expect(client.database.session.openSources).toBe(0);
    expect(await errorsOf(client, "fetch c 1")).toEqual([gone("c")]);
  });

  it("closes what was opened since, when it is said again", async () => {
    const client = await withCursor(3);
    await client.ask(serialize.query("savepoint 0; declare d 3; rollback-to 0; declare d 5"));
    expect(client.database.session.openSources).toBe(2);
    await client.ask(serialize.query("rollback-to 0"));
    expect(await errorsOf(client, "fetch c 1; fetch d 1")).toEqual([gone("d")]);
  });

  it("counts from a savepoint that took the level of one that was released", async () => {
    const client = await withCursor(3);
    await client.ask(serialize.query("savepoint 0; declare d 3; savepoint 0; declare e 3"));
    await client.ask(serialize.query("rollback-to 0"));
    expect(await errorsOf(client, "fetch d 1; fetch e 1")).toEqual([gone("e")]);
  });

  it("closes portals that were bound behind it, begun or not", async () => {
    const client = await WireClient.started();
    const bound = (portal: string) => serialize.bind({ portal, statement: "s", values: [] });
    const executed = (portal: string) => execute(portal, 1);
    const parsed = parse("s", "rows 3");
    await client.ask(serialize.query("begin"));
    await client.ask(parsed, bound("before"), executed("before"), sync);
    await client.ask(serialize.query("savepoint 0"));
    await client.ask(bound("begun"), executed("begun"), bound("waits"), sync);
    await client.ask(serialize.query("rollback-to 0"));
    expect(client.database.session.openSources).toBe(1);
    expect(await client.ask(executed("before"), executed("begun"), sync)).toEqual([
      "dataRow 2|x",
      "portalSuspended",
      'ERROR 34000 portal "begun" does not exist',
      "readyForQuery E",
    ]);
    await client.ask(serialize.query("rollback-to 0"));
    expect(await client.ask(executed("waits"), sync)).toEqual([
      'ERROR 34000 portal "waits" does not exist',
      "readyForQuery E",
    ]);
  });

  it("by the extended protocol closes the portal that it ran in as well", async () => {
    const client = await withCursor(3);
    await client.ask(serialize.query("savepoint 0; declare d 3"));
    expect(await client.ask(...extended("rollback-to 0"), sync)).toEqual([
      "parseComplete",
      "bindComplete",
      "noData",
      "commandComplete rollback-to 0",
      "readyForQuery T",
    ]);
    expect(await errorsOf(client, "fetch c 1; fetch d 1")).toEqual([gone("d")]);
  });

  it("leaves a cursor that has met an error, but nothing can be fetched from it", async () => {
    const client = await WireClient.started();
    await client.ask(serialize.query("begin; declare c 3 22012; savepoint 0"));
    expect(await errorsOf(client, "fetch c")).toEqual(["ERROR 22012 refused"]);
    await client.ask(serialize.query("rollback-to 0"));
    expect(await errorsOf(client, "fetch c 1")).toEqual(['ERROR 55000 portal "c" cannot be run']);
    expect(client.database.session.openSources).toBe(0);
    await client.ask(serialize.query("rollback-to 0"));
    expect(await errorsOf(client, "close c")).toEqual([]);
  });
});
