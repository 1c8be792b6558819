/** DECLARE, FETCH, MOVE and CLOSE: cursors are portals, in either protocol. */
import { serialize } from "pg-protocol";
import { expect, it } from "vitest";
import { WireClient } from "./wire-client.ts";

const sync = serialize.sync();
const extended = (text: string): Uint8Array[] => [
  serialize.parse({ name: "", text, types: [] }),
  serialize.bind({ portal: "", statement: "", values: [] }),
  serialize.describe({ type: "P", name: "" }),
  serialize.execute({ portal: "", rows: 0 }),
  sync,
];

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
  expect(await client.ask(...extended("fetch c 1"))).toEqual([
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
  expect(await client.ask(...extended("fetch other"))).toEqual([
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
