/** Goal: who waits hears at once that something is chosen; nobody never hears of it. */
import { beforeEach, expect, test } from "vitest";
import { ChosenMessages } from "../../../src/node/chosen-messages.ts";
import type { Ballot } from "../../../src/paxos/ballot.ts";
import type { Message } from "../../../src/paxos/messages.ts";
import { type NodeId, slot } from "../../../src/paxos/types.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const ballot: Ballot = { round: 1, node: 1 as NodeId };
const peers = [2 as NodeId, 3 as NodeId];

function chosen(index: number): Message {
  return { kind: "chosen", ballot, chosenIndex: slot(index) };
}

function accept(at: number): Message {
  const value = { kind: "noop", payload: new Uint8Array(0) } as const;
  return { kind: "accept", ballot, slot: slot(at), value, chosenIndex: slot(at - 1) };
}

let clock: ManualClock;
let sent: string[];
let messages: ChosenMessages;

beforeEach(() => {
  clock = new ManualClock();
  sent = [];
  messages = new ChosenMessages(clock, (to, message) => {
    const what = message.kind === "chosen" ? `chosen ${message.chosenIndex}` : message.kind;
    sent.push(`${what} to ${to.join()}`);
  });
});

test("alone it is sent after a moment, once, and says the newest", () => {
  messages.send(peers, chosen(5));
  messages.send(peers, chosen(6));
  expect(sent).toEqual([]);
  clock.advance(5);
  expect(sent).toEqual(["chosen 6 to 2,3"]);
  clock.advance(50);
  expect(sent).toHaveLength(1);
});

test("an accept to all of them says it as well", () => {
  messages.send(peers, chosen(5));
  messages.send([1 as NodeId, ...peers], accept(6));
  clock.advance(50);
  expect(sent).toEqual(["accept to 1,2,3"]);
});

test("an accept that is sent again to one of them does not", () => {
  messages.send(peers, chosen(5));
  messages.send([3 as NodeId], accept(6));
  clock.advance(50);
  expect(sent).toEqual(["accept to 3", "chosen 5 to 2,3"]);
});

test("where clients of another node wait nothing is held back", () => {
  messages.received({ kind: "propose", commands: [] });
  messages.send(peers, chosen(5));
  expect(sent).toEqual(["chosen 5 to 2,3"]);
  clock.advance(1_001);
  messages.send(peers, chosen(6));
  expect(sent).toHaveLength(1);
});

test("who asks which slot a read must see hears first what is chosen", () => {
  messages.send(peers, chosen(5));
  messages.send([2 as NodeId], { kind: "readIndexReply", id: 1, index: slot(5) });
  expect(sent).toEqual(["chosen 5 to 2,3", "readIndexReply to 2"]);
  messages.send(peers, chosen(6));
  clock.advance(5);
  expect(sent.at(-1)).toBe("chosen 6 to 2,3");
});

test("a node that stops sends nothing more", () => {
  messages.send(peers, chosen(5));
  messages.stop();
  clock.advance(50);
  expect(sent).toEqual([]);
});
