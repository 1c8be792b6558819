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

let clock: ManualClock;
let sent: Uint8Array[];
let leader: boolean;
let proposals: Proposals;

beforeEach(() => {
  clock = new ManualClock();
  sent = [];
  leader = true;
  proposals = new Proposals({
    clock,
    node: 1,
    nonce: NONCE,
    timeoutMs: 1000,
    retryMs: 100,
    propose: (commands) => sent.push(...commands),
    hasLeader: () => leader,
    whatIsMissing: () => "two nodes are away",
    onLatency: () => undefined,
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

  it("a session that was closed is opened anew, and later commands go under the new one", async () => {
    openSession();
    const lost = proposals.submit(write);
    proposals.flush();
    sent.length = 0;
    settle(1, { kind: "unknown" });
    await expect(lost).rejects.toMatchObject({ sqlState: "40003" });
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
