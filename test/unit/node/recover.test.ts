import { describe, expect, it } from "vitest";
import { RECORD_TYPES } from "../../../src/node/journal.ts";
import { initialState, replayFrom } from "../../../src/node/recover.ts";
import { nodeId, slot } from "../../../src/paxos/types.ts";
import type { DamagedRecord, WalRecord } from "../../../wal/wal.ts";

const durable = {
  promised: { round: 2, node: nodeId(1) },
  truncationFloor: slot(0),
  memberships: [{ fromSlot: slot(1), membership: { members: [], nextId: 1 } }],
  lostRecords: false,
};

function accepted(at: number, round: number, text = "x"): WalRecord {
  return {
    type: RECORD_TYPES.batch,
    group: 0,
    slot: at,
    ballotRound: round,
    ballotNode: 1,
    payload: new TextEncoder().encode(text),
  };
}

function chosen(index: number, above = 0): WalRecord {
  const payload = new Uint8Array(0);
  const ballot = { ballotRound: above, ballotNode: 0 };
  return { type: RECORD_TYPES.chosen, group: 0, slot: index, ...ballot, payload };
}

function damagedAt(at: number, round: number): DamagedRecord {
  const { payload: _, ...header } = accepted(at, round);
  return { segment: 1, offset: 0, header, reason: "checksum" };
}

function recovery(records: readonly WalRecord[], damaged: readonly DamagedRecord[] = []) {
  return { records, damaged, tornBytes: 0, created: false };
}

/** A batch's payload begins with a timestamp: what these tests put in is never decoded. */
describe("recovery of the core's state", () => {
  it("what was lost without a trace stays lost when the damaged segment is gone", () => {
    const clean = recovery([accepted(1, 3), chosen(1)]);
    const state = initialState({ ...durable, lostRecords: true }, clean, slot(1));
    expect(state.faultyAnywhere).toBe(true);
    expect(state.chosenIndex).toBe(0);
    expect(initialState(durable, clean, slot(1)).faultyAnywhere).toBe(false);
  });

  it("of two records of a slot the one with the higher ballot counts, whichever came last", () => {
    const state = initialState(
      durable,
      recovery([accepted(1, 4, "new"), accepted(1, 3, "old")]),
      slot(0),
    );
    expect(state.entries).toHaveLength(1);
    expect(state.entries[0]?.ballot.round).toBe(4);
  });

  it("rule 3: an accepted record raises the promise to its ballot", () => {
    const state = initialState(durable, recovery([accepted(1, 7)]), slot(0));
    expect(state.promised).toEqual({ round: 7, node: 1 });
  });

  it("the log is chosen as far as the mark says and entries are present", () => {
    const records = [accepted(1, 2), accepted(2, 2), accepted(4, 2), chosen(4)];
    const state = initialState(durable, recovery(records), slot(0));
    expect(state.chosenIndex).toBe(2);
    expect(state.knownChosen).toBe(4);
  });

  it("what the state machine applied was chosen, but the log may hold other values there", () => {
    const state = initialState(durable, recovery([accepted(6, 2), chosen(6)]), slot(7));
    expect(state.chosenIndex).toBe(0);
    expect(state.knownChosen).toBe(7);
  });

  it("a state machine behind the log is replayed up to what is chosen there, in order", () => {
    const records = [accepted(3, 2), accepted(1, 2), accepted(2, 2), accepted(4, 2), chosen(3)];
    const state = initialState(durable, recovery(records), slot(1));
    expect(replayFrom(state, slot(1)).map((entry) => entry.slot)).toEqual([2, 3]);
    expect(replayFrom(state, slot(9))).toEqual([]);
  });

  it("rule 33: a mark from behind a snapshot whose floor was lost says nothing of older entries", () => {
    const records = [accepted(1, 2), accepted(2, 2), chosen(1), accepted(3, 2), chosen(3, 2)];
    expect(initialState(durable, recovery(records), slot(0)).chosenIndex).toBe(1);
    const withFloor = { ...durable, truncationFloor: slot(2) };
    expect(initialState(withFloor, recovery(records), slot(0)).chosenIndex).toBe(3);
  });

  it("rules 26 and 29: a damaged record makes its slot faulty, with the ballot that it still says", () => {
    const state = initialState(durable, recovery([accepted(1, 2)], [damagedAt(2, 5)]), slot(0));
    expect(state.faulty).toEqual([{ slot: 2, ballot: { round: 5, node: 1 } }]);
    expect(state.promised).toEqual({ round: 5, node: 1 });
    expect(state.faultyAnywhere).toBe(false);
  });

  it("an intact record of a higher ballot stands for a damaged one of the same slot", () => {
    const state = initialState(durable, recovery([accepted(2, 6)], [damagedAt(2, 5)]), slot(0));
    expect(state.faulty).toEqual([]);
  });

  it("a lost record that no longer says its slot makes the whole log doubtful", () => {
    const lost = { segment: 1, offset: 0, header: null, reason: "unreadable" };
    expect(initialState(durable, recovery([], [lost]), slot(0)).faultyAnywhere).toBe(true);
  });

  it("a chosen slot whose record is damaged ends what is sure, though an earlier proposal is intact", () => {
    const records = [accepted(1, 2), accepted(2, 2, "lost"), accepted(3, 5), chosen(3)];
    const state = initialState(durable, recovery(records, [damagedAt(2, 5)]), slot(0));
    expect(state.chosenIndex).toBe(1);
    expect(state.knownChosen).toBe(3);
    expect(replayFrom(state, slot(0)).map((entry) => entry.slot)).toEqual([1]);
  });

  it("nothing of the log is sure when a lost record may have been any slot's", () => {
    const lost = { segment: 1, offset: 0, header: null, reason: "unreadable" };
    const records = [accepted(1, 2), accepted(2, 2), chosen(2)];
    const state = initialState(durable, recovery(records, [lost]), slot(0));
    expect(state.chosenIndex).toBe(0);
    expect(state.knownChosen).toBe(2);
  });

  it("nothing at or below the floor comes back", () => {
    const state = initialState(
      { ...durable, truncationFloor: slot(3) },
      recovery([accepted(3, 2), accepted(4, 2)], [damagedAt(2, 2)]),
      slot(3),
    );
    expect(state.entries.map((entry) => entry.slot)).toEqual([4]);
    expect(state.faulty).toEqual([]);
  });
});
