import { beforeEach, describe, expect, it } from "vitest";
import { Reads } from "../../../src/node/reads.ts";
import { slot } from "../../../src/paxos/types.ts";
import { ManualClock } from "../../support/manual-clock.ts";

describe("linearizable reads", () => {
  let clock: ManualClock;
  let asked: number[];
  let appliedIndex: number;
  let reads: Reads;

  beforeEach(() => {
    clock = new ManualClock();
    asked = [];
    appliedIndex = 10;
    reads = new Reads({
      clock,
      firstId: 1,
      timeoutMs: 1000,
      retryMs: 100,
      ask: (id) => asked.push(id),
      appliedIndex: () => appliedIndex,
      whatIsMissing: () => "two nodes are away",
    });
  });

  it("one question serves all readers that wait when it is sent", async () => {
    const readers = [reads.linearizable(), reads.linearizable()];
    reads.flush();
    expect(asked).toEqual([1]);
    reads.answer({ id: 1, index: slot(10) });
    await Promise.all(readers);
  });

  it("a reader that comes while a question is open waits for the next one", async () => {
    const early = reads.linearizable();
    reads.flush();
    let lateMayRead = false;
    const late = reads.linearizable().then(() => {
      lateMayRead = true;
    });
    reads.answer({ id: 1, index: slot(10) });
    await early;
    expect(lateMayRead).toBe(false);
    reads.flush();
    reads.answer({ id: 2, index: slot(10) });
    await late;
  });

  it("a read waits until its index is applied here", async () => {
    let mayRead = false;
    const read = reads.linearizable().then(() => {
      mayRead = true;
    });
    reads.flush();
    reads.answer({ id: 1, index: slot(12) });
    appliedIndex = 11;
    reads.applied();
    await Promise.resolve();
    expect(mayRead).toBe(false);
    appliedIndex = 12;
    reads.applied();
    await read;
  });

  it("a question that no leader can answer is asked again", () => {
    void reads.linearizable();
    reads.flush();
    reads.answer({ id: 1, index: null });
    reads.tick();
    reads.flush();
    expect(asked).toEqual([1, 2]);
  });

  it("a question without an answer is asked again, and its late answer is ignored", async () => {
    let mayRead = false;
    void reads.linearizable().then(() => {
      mayRead = true;
    });
    reads.flush();
    clock.advance(100);
    reads.tick();
    reads.flush();
    expect(asked).toEqual([1, 2]);
    reads.answer({ id: 1, index: slot(1) });
    await Promise.resolve();
    expect(mayRead).toBe(false);
  });

  it("a read that cannot be confirmed in time fails with 57P03", async () => {
    const read = reads.linearizable();
    reads.flush();
    clock.advance(1000);
    reads.tick();
    reads.tick();
    await expect(read).rejects.toMatchObject({ sqlState: "57P03" });
  });
});
