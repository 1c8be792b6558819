import { beforeEach, describe, expect, it } from "vitest";
import { decodeCommand } from "../../../src/machine/command.ts";
import type { Outcome } from "../../../src/machine/state-machine.ts";
import { Proposals, type Unsent } from "../../../src/node/proposals.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const NONCE = "this process";
const SESSION = 5120;
const DONE: Outcome = { kind: "done", results: [] };

const write: Unsent = (identity) => ({
  kind: "createDatabase",
  identity,
  name: "shop",
  missingOk: false,
});

const LARGE_NAME = "x".repeat(1_560_000);

const large: Unsent = (identity) => ({
  kind: "createDatabase",
  identity,
  name: LARGE_NAME,
  missingOk: false,
});

/** More statements than a command can count. */
const impossible: Unsent = (identity) => ({
  kind: "statements",
  identity,
  database: 1,
  catalogVersion: 1,
  catalogVersionAfter: 1,
  seed: new Uint8Array(16),
  statements: Array.from({ length: 70_000 }, () => ({
    kind: "write",
    steps: [],
    returnsRows: false,
    rebuildsTables: false,
  })),
});

let clock: ManualClock;
let sent: Uint8Array[];
/** How many commands each message to the leader held. */
let messages: number[];
let leader: boolean;
let lost: number;
let proposals: Proposals;

beforeEach(() => {
  clock = new ManualClock();
  sent = [];
  messages = [];
  leader = true;
  lost = 0;
  proposals = new Proposals({
    clock,
    node: 1,
    nonce: NONCE,
    timeoutMs: 1000,
    retryMs: 100,
    pendingBytesMax: 20_000_000,
    propose: (given) => {
      sent.push(...given);
      messages.push(given.length);
    },
    hasLeader: () => leader,
    whatIsMissing: () => "two nodes are away",
    onLatency: () => undefined,
    onSessionLost: () => {
      lost += 1;
    },
  });
});

function commands() {
  return sent.splice(0).map(decodeCommand);
}

function openSession(): void {
  proposals.flush();
  expect(commands()).toMatchObject([{ kind: "openSession", node: 1, nonce: NONCE }]);
  const outcome: Outcome = { kind: "sessionOpened", session: SESSION };
  proposals.settle({ slot: 5, session: 0, sequence: 0, nonce: NONCE, outcome });
}

function settle(sequence: number, outcome: Outcome = DONE): void {
  proposals.settle({ slot: 9, session: SESSION, sequence, nonce: "", outcome });
}

describe("proposals are sent until they are settled", () => {
  it("a command submitted before the session is open is sent once it is", async () => {
    const outcome = proposals.submit(write);
    openSession();
    proposals.flush();
    expect(commands()).toMatchObject([{ identity: { session: SESSION, sequence: 1 } }]);
    settle(1);
    expect(await outcome).toEqual(DONE);
  });

  it("another process's session is not taken for this one's", () => {
    proposals.flush();
    const outcome: Outcome = { kind: "sessionOpened", session: 7 };
    proposals.settle({ slot: 5, session: 0, sequence: 0, nonce: "another", outcome });
    void proposals.submit(write).catch(() => undefined);
    sent.length = 0;
    proposals.flush();
    expect(sent).toEqual([]);
  });

  it("rule 19: a command of which nothing is heard is sent again under the same identity", () => {
    openSession();
    void proposals.submit(write);
    proposals.flush();
    const [first] = sent.splice(0);
    clock.advance(99);
    proposals.flush();
    expect(sent).toEqual([]);
    clock.advance(1);
    proposals.flush();
    expect(sent).toEqual([first]);
  });

  it("the pauses between two sendings of a command grow", () => {
    openSession();
    void proposals.submit(write).catch(() => undefined);
    const sentAt: number[] = [];
    for (let now = 0; now < 900; now += 10) {
      proposals.flush();
      if (sent.splice(0).length > 0) sentAt.push(now);
      clock.advance(10);
    }
    expect(sentAt).toEqual([0, 100, 300, 700]);
  });

  it("a new leader is sent everything at once", () => {
    openSession();
    void proposals.submit(write);
    void proposals.submit(write);
    proposals.flush();
    const before = sent.splice(0);
    proposals.leaderChanged();
    proposals.flush();
    expect(sent).toEqual(before);
  });

  it("settledBelow names the oldest command that is still open", () => {
    openSession();
    void proposals.submit(write);
    void proposals.submit(write);
    settle(1);
    void proposals.submit(write);
    proposals.flush();
    expect(commands()).toMatchObject([
      { identity: { sequence: 2, settledBelow: 1 } },
      { identity: { sequence: 3, settledBelow: 2 } },
    ]);
  });
});

describe("proposals whose outcome does not come", () => {
  it("a command that no leader ever got fails with 57P03 and says what is missing", async () => {
    openSession();
    leader = false;
    const outcome = proposals.submit(write);
    proposals.flush();
    clock.advance(1000);
    proposals.expire();
    await expect(outcome).rejects.toMatchObject({
      sqlState: "57P03",
      message: "the statement was not run: two nodes are away",
    });
  });

  it("a command that a leader got and nobody answered fails with 40003", async () => {
    openSession();
    const outcome = proposals.submit(write);
    proposals.flush();
    leader = false;
    clock.advance(1000);
    proposals.expire();
    await expect(outcome).rejects.toMatchObject({ sqlState: "40003" });
  });

  it("a large command has time by its size, and is not sent again before it can have arrived", async () => {
    openSession();
    const outcome = proposals.submit(large);
    const small = proposals.submit(write);
    proposals.flush();
    sent.length = 0;
    clock.advance(1000);
    proposals.flush();
    expect(sent.map(({ length }) => length)).toEqual([expect.any(Number)]);
    proposals.expire();
    await expect(small).rejects.toMatchObject({ sqlState: "40003" });
    clock.advance(5900);
    proposals.expire();
    expect(proposals.isIdle).toBe(false);
    clock.advance(100);
    proposals.expire();
    await expect(outcome).rejects.toMatchObject({ sqlState: "40003" });
  });

  it("what took long when it was tried may take three times as long once more, if it was handed over", async () => {
    openSession();
    const outcome = proposals.submit(write, null, 2_000);
    proposals.flush();
    clock.advance(6_900);
    proposals.expire();
    expect(proposals.isIdle).toBe(false);
    clock.advance(100);
    proposals.expire();
    await expect(outcome).rejects.toMatchObject({ sqlState: "40003" });
    leader = false;
    const waiting = proposals.submit(write, null, 2_000);
    clock.advance(1_000);
    proposals.expire();
    await expect(waiting).rejects.toMatchObject({ sqlState: "57P03" });
  });

  it("an outcome that comes after the client was told unknown changes nothing", async () => {
    openSession();
    const outcome = proposals.submit(write);
    proposals.flush();
    clock.advance(1000);
    proposals.expire();
    await expect(outcome).rejects.toMatchObject({ sqlState: "40003" });
    settle(1);
    expect(proposals.isIdle).toBe(true);
  });

  it("a command that waits for the session is given up as well", async () => {
    leader = false;
    const outcome = proposals.submit(write);
    clock.advance(1000);
    proposals.expire();
    await expect(outcome).rejects.toMatchObject({ sqlState: "57P03" });
  });

  it("the machine's 'unknown' becomes 40003", async () => {
    openSession();
    const outcome = proposals.submit(write);
    proposals.flush();
    settle(1, { kind: "unknown" });
    await expect(outcome).rejects.toMatchObject({ sqlState: "40003" });
  });

  it("a node that stops tells apart what was proposed and what was not", async () => {
    openSession();
    const proposed = proposals.submit(write);
    proposals.flush();
    const waiting = proposals.submit(write);
    proposals.stop();
    await expect(proposed).rejects.toMatchObject({ sqlState: "40003" });
    await expect(waiting).rejects.toMatchObject({ sqlState: "57P01" });
    await expect(proposals.submit(write)).rejects.toMatchObject({ sqlState: "57P01" });
  });
});

describe("a session that is closed", () => {
  it("a session that was closed is opened anew, and later commands go under the new one", async () => {
    openSession();
    const unknown = proposals.submit(write);
    proposals.flush();
    sent.length = 0;
    settle(1, { kind: "unknown" });
    await expect(unknown).rejects.toMatchObject({ sqlState: "40003" });
    const next = proposals.submit(write);
    clock.advance(100);
    proposals.flush();
    expect(commands()).toMatchObject([{ kind: "openSession", nonce: NONCE }]);
    const outcome: Outcome = { kind: "sessionOpened", session: 9216 };
    proposals.settle({ slot: 9, session: 0, sequence: 0, nonce: NONCE, outcome });
    proposals.flush();
    expect(commands()).toMatchObject([{ identity: { session: 9216, sequence: 2 } }]);
    proposals.settle({ slot: 10, session: 9216, sequence: 2, nonce: "", outcome: DONE });
    expect(await next).toEqual(DONE);
  });

  it("the leader has closed the session: what waits goes under the next one", async () => {
    openSession();
    const missed = proposals.submit(write);
    proposals.flush();
    proposals.snapshotInstalled();
    const proposed = proposals.submit(write);
    proposals.flush();
    sent.length = 0;
    const closed = (node: number, upTo: number): void =>
      proposals.settle({
        slot: 9,
        session: 0,
        sequence: 0,
        nonce: "",
        outcome: { kind: "sessionClosed", node, upTo },
      });
    closed(2, SESSION);
    closed(1, SESSION - 1);
    expect(lost).toBe(0);
    closed(1, SESSION);
    await expect(missed).rejects.toMatchObject({ sqlState: "40003" });
    proposals.flush();
    expect(commands()).toMatchObject([{ kind: "openSession", nonce: NONCE }]);
    const outcome: Outcome = { kind: "sessionOpened", session: 9216 };
    proposals.settle({ slot: 10, session: 0, sequence: 0, nonce: NONCE, outcome });
    expect(lost).toBe(1);
    proposals.flush();
    expect(commands()).toMatchObject([{ identity: { session: 9216, sequence: 3 } }]);
    proposals.settle({ slot: 9, session: SESSION, sequence: 2, nonce: "", outcome: DONE });
    proposals.settle({ slot: 11, session: 9216, sequence: 3, nonce: "", outcome: DONE });
    expect(await proposed).toEqual(DONE);
  });

  it("another session than before: the one before is lost", async () => {
    openSession();
    const unknown = proposals.submit(write);
    proposals.flush();
    settle(1, { kind: "unknown" });
    await expect(unknown).rejects.toMatchObject({ sqlState: "40003" });
    const opened = (session: number): void => {
      const outcome: Outcome = { kind: "sessionOpened", session };
      proposals.settle({ slot: 9, session: 0, sequence: 0, nonce: NONCE, outcome });
    };
    opened(SESSION);
    expect(lost).toBe(0);
    const again = proposals.submit(write);
    proposals.flush();
    settle(2, { kind: "unknown" });
    await expect(again).rejects.toMatchObject({ sqlState: "40003" });
    opened(9216);
    expect(lost).toBe(1);
  });
});

describe("what waits for the log is bounded", () => {
  it("what is handed to the leader at once is cut into parts that fit a message", () => {
    openSession();
    for (let left = 5; left > 0; left -= 1) void proposals.submit(large).catch(() => undefined);
    for (let left = 5000; left > 0; left -= 1) void proposals.submit(write).catch(() => undefined);
    proposals.flush();
    expect(messages.at(-1)).toBeGreaterThan(0);
    expect(messages.reduce((sum, count) => sum + count, 0)).toBe(1 + 5005);
    expect(Math.max(...messages)).toBe(4096);
    expect(messages.slice(1, 4)).toEqual([2, 2, 4096]);
  });

  it("what cannot be written down is refused, whether the session is open or not", async () => {
    const early = proposals.submit(impossible);
    openSession();
    await expect(early).rejects.toThrow("u16 out of range");
    await expect(proposals.submit(impossible)).rejects.toThrow("u16 out of range");
    expect(proposals.isIdle).toBe(true);
  });

  it("beyond a bound of waiting bytes new commands are refused with 53200", async () => {
    openSession();
    leader = false;
    for (let left = 13; left > 0; left -= 1) void proposals.submit(large).catch(() => undefined);
    await expect(proposals.submit(write)).rejects.toMatchObject({ sqlState: "53200" });
    clock.advance(1000);
    proposals.expire();
    leader = true;
    void proposals.submit(write).catch(() => undefined);
    sent.length = 0;
    proposals.flush();
    expect(sent).toHaveLength(1);
  });
});
