import { describe, expect, it } from "vitest";
import type { FaultySlot, PromiseMessage } from "../../../src/paxos/messages.ts";
import { Promises } from "../../../src/paxos/promises.ts";
import {
  type Entry,
  type Member,
  type Membership,
  nodeId,
  SLOT_ZERO,
  slot,
  type Value,
} from "../../../src/paxos/types.ts";

const MINE = { round: 9, node: nodeId(1) };

function ballot(round: number) {
  return { round, node: nodeId(2) };
}

function batch(text: string): Value {
  return { kind: "batch", payload: new TextEncoder().encode(text) };
}

function entry(at: number, round: number, text = "v"): Entry {
  return { slot: slot(at), ballot: ballot(round), value: batch(text) };
}

function voters(count: number): Membership {
  const members = Array.from({ length: count }, (_, at): Member => {
    const name = `n${at + 1}`;
    const names = { name, incarnation: name, peer: name, sql: name };
    return { id: nodeId(at + 1), ...names, voter: true };
  });
  return { members, nextId: count + 1 };
}

function promise(fields: Partial<PromiseMessage> = {}): PromiseMessage {
  return {
    kind: "promise",
    ballot: MINE,
    attempt: 1,
    part: 0,
    last: true,
    accepted: [],
    chosenIndex: slot(0),
    faulty: [],
    faultyAnywhere: false,
    ...fields,
  };
}

function faulty(at: number, round: number | null): FaultySlot {
  return { slot: slot(at), ballot: round === null ? null : ballot(round) };
}

/** What nodes 1, 2, … answered. */
function gathered(...answers: readonly Partial<PromiseMessage>[]): Promises {
  const promises = new Promises(MINE);
  for (const [at, answer] of answers.entries()) {
    promises.add(nodeId(at + 1), promise(answer), SLOT_ZERO);
  }
  return promises;
}

const THREE = voters(3);
const AT = slot(5);

describe("rule 27: a value is chosen for a slot only if no quorum is without a clean answer", () => {
  it("two intact answers of three suffice", () => {
    expect(gathered({}, {}).isClean(AT, THREE)).toBe(true);
  });

  it("an answer whose record of the slot is damaged does not count as 'nothing accepted'", () => {
    const promises = gathered({}, { faulty: [faulty(5, 3)] });
    expect(promises.covers(THREE)).toBe(true);
    expect(promises.isClean(AT, THREE)).toBe(false);
    expect(promises.isClean(slot(6), THREE)).toBe(true);
  });

  it("a third, intact answer makes the quorum", () => {
    expect(gathered({}, { faulty: [faulty(5, 3)] }, {}).isClean(AT, THREE)).toBe(true);
  });

  it("an intact entry of the damaged record's ballot stands for it: a ballot has one value a slot", () => {
    const promises = gathered({ accepted: [entry(5, 3, "v")] }, { faulty: [faulty(5, 3)] });
    expect(promises.isClean(AT, THREE)).toBe(true);
    expect(promises.entryFor(AT)?.value).toEqual(batch("v"));
  });

  it("an intact entry of a lower ballot does not: the damaged one may have been chosen", () => {
    const promises = gathered({ accepted: [entry(5, 2)] }, { faulty: [faulty(5, 3)] });
    expect(promises.isClean(AT, THREE)).toBe(false);
  });

  it("a damaged record whose ballot is lost never counts", () => {
    const promises = gathered({ accepted: [entry(5, 8)] }, { faulty: [faulty(5, null)] });
    expect(promises.isClean(AT, THREE)).toBe(false);
  });

  it("a log that lost records without a trace is clean for no slot", () => {
    const promises = gathered({ accepted: [entry(5, 3)] }, { faultyAnywhere: true });
    expect(promises.isClean(AT, THREE)).toBe(false);
    expect(promises.isClean(slot(99), THREE)).toBe(false);
  });

  it("a damaged slot counts as one that may hold something: it is not left out of the repair", () => {
    expect(gathered({}, { faulty: [faulty(7, 3)] }).through).toBe(7);
  });
});

/** By the number of voters: how many clean answers meet every quorum of them. */
const ENOUGH = [
  [2, 1],
  [3, 2],
  [4, 2],
  [5, 3],
] as const;

describe.each(ENOUGH)("of %i voters %i clean answers meet every quorum", (count, enough) => {
  const membership = voters(count);

  /** What all voters answered, `clean` of them without damage. */
  function answers(clean: number, damage: Partial<PromiseMessage>): Promises {
    const intact = Array.from({ length: clean }, () => ({}));
    return gathered(...intact, ...Array.from({ length: count - clean }, () => damage));
  }

  it("for a slot of which the others lost the record", () => {
    const damage = { faulty: [faulty(5, 3)] };
    expect(answers(enough, damage).isClean(AT, membership)).toBe(true);
    expect(answers(enough - 1, damage).isClean(AT, membership)).toBe(false);
    expect(answers(enough - 1, damage).isClean(slot(6), membership)).toBe(true);
    expect(answers(enough - 1, damage).vouchesFor(membership)).toBe(true);
  });

  it("for every slot if the others lost records without a trace", () => {
    const damage = { faultyAnywhere: true };
    expect(answers(enough, damage).isClean(AT, membership)).toBe(true);
    expect(answers(enough, damage).vouchesFor(membership)).toBe(true);
    expect(answers(enough - 1, damage).isClean(AT, membership)).toBe(false);
    expect(answers(enough - 1, damage).vouchesFor(membership)).toBe(false);
  });

  it("but a quorum must have promised all the same", () => {
    const quorum = Math.floor(count / 2) + 1;
    const promises = gathered(...Array.from({ length: quorum - 1 }, () => ({})));
    expect(promises.covers(membership)).toBe(false);
  });
});

describe("rule 27: who vouches for a membership", () => {
  it("nobody who does not vote in it", () => {
    const [, second, third] = THREE.members;
    const others: Membership = { members: [second, third].flatMap((m) => m ?? []), nextId: 4 };
    const promises = gathered({}, { faultyAnywhere: true }, { faultyAnywhere: true });
    expect(promises.vouchesFor(others)).toBe(false);
    expect(promises.isClean(AT, others)).toBe(false);
  });

  it("nobody who has not promised in full", () => {
    const promises = gathered({}, { faultyAnywhere: true });
    promises.add(nodeId(3), promise({ last: false }), SLOT_ZERO);
    expect(promises.vouchesFor(THREE)).toBe(false);
    promises.add(nodeId(3), promise({ part: 1 }), SLOT_ZERO);
    expect(promises.vouchesFor(THREE)).toBe(true);
  });
});

describe("rule 5: a promise counts when all parts of one attempt are there", () => {
  it("parts of two attempts are not put together", () => {
    const promises = new Promises(MINE);
    const from = nodeId(2);
    expect(promises.add(from, promise({ part: 0, last: false }), SLOT_ZERO)).toBe(false);
    expect(promises.add(from, promise({ attempt: 2, part: 1 }), SLOT_ZERO)).toBe(false);
    expect(promises.has(from)).toBe(false);
    expect(promises.add(from, promise({ attempt: 2, part: 0, last: false }), SLOT_ZERO)).toBe(true);
  });

  it("one sender counts once", () => {
    const promises = new Promises(MINE);
    promises.add(nodeId(2), promise(), SLOT_ZERO);
    expect(promises.add(nodeId(2), promise(), SLOT_ZERO)).toBe(false);
    expect(promises.covers(THREE)).toBe(false);
  });
});

describe("rule 6: the value of the highest ballot is proposed again", () => {
  it("whoever reported it, in whatever order", () => {
    const promises = gathered(
      { accepted: [entry(5, 3, "older")] },
      { accepted: [entry(5, 4, "newer")] },
      { accepted: [entry(5, 2, "oldest")] },
    );
    expect(promises.entryFor(AT)?.value).toEqual(batch("newer"));
  });
});
