import { expect, test } from "vitest";
import type { CommandStatement } from "../../../src/machine/command.ts";
import { Stop } from "../../../src/machine/stop.ts";
import { HotStatements } from "../../../src/node/hot-statements.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const row = (id: bigint): CommandStatement => ({
  kind: "read",
  steps: [{ sql: "SELECT v FROM t WHERE id = ?1", parameters: [id] }],
  returnsRows: true,
  rebuildsTables: false,
});

/** Lets `who` come to the statement and notes when it is its turn. */
async function come(
  hot: HotStatements,
  who: object,
  turns: object[],
  { id = 1n, stop = new Stop() } = {},
): Promise<void> {
  await hot.enter(row(id), who, stop);
  turns.push(who);
}

async function settled(): Promise<void> {
  for (let left = 10; left > 0; left -= 1) await Promise.resolve();
}

const [ann, bob, cid] = [{ name: "ann" }, { name: "bob" }, { name: "cid" }];

test("nobody waits for a statement over which nobody failed", async () => {
  const hot = new HotStatements(new ManualClock());
  const turns: object[] = [];
  hot.conflicted(row(2n));
  for (const who of [ann, bob]) void come(hot, who, turns);
  await settled();
  expect(turns).toEqual([ann, bob]);
});

test("at a hot statement each waits for the end of the one before, in the order in which they came", async () => {
  const hot = new HotStatements(new ManualClock());
  const turns: object[] = [];
  hot.conflicted(row(1n));
  for (const who of [ann, bob, cid]) void come(hot, who, turns);
  await settled();
  expect(turns).toEqual([ann]);
  await hot.enter(row(1n), ann, new Stop());
  hot.leave(ann);
  await settled();
  expect(turns).toEqual([ann, bob]);
  hot.leave(bob);
  await settled();
  expect(turns).toEqual([ann, bob, cid]);
});

test("whoever thinks too long, or gives up while it waits, keeps nobody", async () => {
  const clock = new ManualClock();
  const hot = new HotStatements(clock);
  const turns: object[] = [];
  hot.conflicted(row(1n));
  for (const who of [ann, bob, cid]) void come(hot, who, turns);
  await settled();
  hot.leave(bob);
  await settled();
  expect(turns).toEqual([ann, bob]);
  clock.advance(200);
  await settled();
  expect(turns).toEqual([ann, bob, cid]);
});

test("a statement cools down when nobody fails over it any more", async () => {
  const clock = new ManualClock();
  const hot = new HotStatements(clock);
  const turns: object[] = [];
  hot.conflicted(row(1n));
  clock.advance(2_001);
  for (const who of [ann, bob]) void come(hot, who, turns);
  await settled();
  expect(turns).toEqual([ann, bob]);
});

test("who gives up a statement, again and again, leaves no place in the line behind", async () => {
  const clock = new ManualClock();
  const hot = new HotStatements(clock);
  const turns: object[] = [];
  hot.conflicted(row(1n));
  void come(hot, ann, turns);
  for (let times = 8; times > 0; times -= 1) {
    const stop = new Stop();
    const given = come(hot, bob, [], { stop });
    stop.ask();
    await given;
  }
  void come(hot, cid, turns);
  hot.leave(ann);
  await settled();
  expect(turns).toEqual([ann, cid]);
});
