/**
 * Goal: no bytes bring the server down, hang it or make it keep memory. Method: seeded mutations of
 * real conversations and plain garbage, each on a client of its own; the client must end with an
 * error or go on working, and nothing may be logged as a fault of ours.
 */
import * as fc from "fast-check";
import { serialize } from "pg-protocol";
import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../../src/base/random.ts";
import { tellBytes, WireClient } from "./wire-client.ts";

const startup = serialize.startup({ user: "synod", database: "shop" });

const conversation = Buffer.concat([
  serialize.query("rows 3; begin"),
  serialize.parse({ name: "s", text: "echo int4 text numeric _int4 jsonb", types: [23] }),
  serialize.bind({ statement: "s", portal: "p", values: ["1", null, "1.5", "{1}", "{}"] }),
  serialize.describe({ type: "P", name: "p" }),
  serialize.execute({ portal: "p", rows: 1 }),
  serialize.close({ type: "S", name: "s" }),
  serialize.sync(),
  serialize.copyData(Buffer.from("data")),
  serialize.query("rollback"),
]);

const LENGTHS = [0, 3, 4, 5, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

/** A few bytes changed, a stretch cut out or doubled, or a length replaced. */
function mutate(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const copy = Buffer.from(bytes);
  const at = random.below(copy.length);
  switch (random.below(4)) {
    case 0:
      for (let count = 0; count < 3; count += 1) copy[random.below(copy.length)] = random.u32();
      return copy;
    case 1:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + random.below(20))]);
    case 2:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(Math.max(0, at - 30))]);
    default:
      copy.writeUInt32BE(LENGTHS[random.below(LENGTHS.length)] ?? 0, Math.min(at, copy.length - 4));
      return copy;
  }
}

/** Whether the client ended with FATAL or plainly, or still answers a query after a Sync. */
async function survives(client: WireClient): Promise<boolean> {
  client.lines();
  if (client.ended) return true;
  client.session.inputEnded();
  await client.done;
  return client.opened === 0;
}

describe("mutated conversations", () => {
  it("end with an error of ours or go on, and free what they held", async () => {
    for (let seed = 0; seed < 400; seed += 1) {
      const client = await WireClient.started();
      const bytes = mutate(conversation, new SeededRandom(seed));
      await client.send(bytes);
      const survived = await survives(client);
      const { session } = client.database;
      expect({ seed, survived, faults: client.faults.logged, ...state(session) }).toEqual({
        seed,
        survived: true,
        faults: [],
        closed: true,
        openSources: 0,
      });
    }
  });

  it("of the startup are refused or accepted, never a fault", async () => {
    for (let seed = 0; seed < 300; seed += 1) {
      const client = new WireClient();
      await client.send(mutate(startup, new SeededRandom(seed, 1)));
      expect([seed, await survives(client), client.faults.logged]).toEqual([seed, true, []]);
    }
  });
});

function state(session: { readonly closed: boolean; readonly openSources: number }) {
  return { closed: session.closed, openSources: session.openSources };
}

describe("plain garbage", () => {
  it("in front of and behind the startup ends the connection or is waited for", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, started) => {
        const client = started ? await WireClient.started() : new WireClient();
        await client.send(bytes);
        expect(await survives(client)).toBe(true);
        expect(client.faults.logged).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it.each(LENGTHS)(
    "a message of announced length %i cannot hurt the next client",
    async (length) => {
      for (const type of ["Q", "P", "B", "D", "E", "C", "S", "d", "F", "X"]) {
        const client = await WireClient.started();
        const bytes = Buffer.alloc(64);
        bytes.write(type);
        bytes.writeUInt32BE(length, 1);
        await client.send(bytes);
        expect(await survives(client)).toBe(true);
        expect(client.faults.logged).toEqual([]);
      }
    },
  );
});

describe("memory", () => {
  it("does not grow under thousands of broken clients", async () => {
    const random = new SeededRandom(7);
    const round = async (): Promise<void> => {
      for (let count = 0; count < 150; count += 1) {
        const client = await WireClient.started();
        await client.send(random.bytes(2000), Buffer.from("Q\0\x10\0\0"));
        await survives(client);
      }
    };
    await round();
    globalThis.gc?.();
    const before = process.memoryUsage();
    await round();
    await round();
    globalThis.gc?.();
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(16 * 1024 * 1024);
    expect(after.rss - before.rss).toBeLessThan(64 * 1024 * 1024);
  });

  it("is bounded for a client that parses without end", async () => {
    const client = await WireClient.started();
    let lines: readonly string[] = [];
    for (let part = 0; part < 11; part += 1) {
      const parses = Array.from({ length: 1000 }, (_, at) =>
        serialize.parse({ name: `s${part * 1000 + at}`, text: "X", types: [] }),
      );
      client.session.receive(Buffer.concat([...parses, serialize.sync()]));
      while (!lines.some((line) => line.startsWith("readyForQuery"))) {
        await client.send();
        lines = [...lines, ...tellBytes(client.bytes())];
      }
      if (part < 10) lines = [];
    }
    expect(lines).toContain("ERROR 54000 too many prepared statements: the limit is 10000");
  });
});
