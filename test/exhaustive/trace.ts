/** A counterexample as people read it: one event a line, from the first state to the broken invariant. */
import { formatBallot } from "../../src/paxos/ballot.ts";
import type { PersistRecord } from "../../src/paxos/effects.ts";
import type { Message } from "../../src/paxos/messages.ts";
import type { Entry } from "../../src/paxos/types.ts";
import type { Disk } from "./disk.ts";
import type { Counterexample, TraceStep } from "./explorer.ts";
import { valueText } from "./facts.ts";
import type { Locals } from "./locals.ts";
import { forPeople } from "./world.ts";

export function traceText({ broken, steps, locals }: Counterexample): string {
  const lines = steps.map((step, place) => {
    const number = String(place + 1).padStart(3);
    return `${number}  n${step.node}  ${eventText(step, locals)}${effectsText(step, locals)}`;
  });
  return forPeople([...lines, `     broken: ${broken}`].join("\n"));
}

function eventText({ move }: TraceStep, locals: Locals): string {
  const { event, step } = move;
  const after = locals.at(step.local);
  switch (event.kind) {
    case "deliver": {
      const { from, message } = locals.messages.at(event.message);
      return `gets from ${from}: ${messageText(message)}`;
    }
    case "sync":
      return "ends a sync";
    case "campaign":
      return `campaigns under ${formatBallot(after.replica.status().ballot)}`;
    case "propose":
      return "is given a command";
    case "change":
      return "is asked to change the membership";
    case "crash":
      return `crashes and restarts; durable: ${diskText(event.disk)}`;
    case "rot":
      return `restarts with one record rotten; durable: ${diskText(event.disk)}`;
  }
}

function effectsText({ move: { step } }: TraceStep, locals: Locals): string {
  const { disk } = locals.at(step.local);
  const parts: string[] = [];
  const pending = disk.pending.flatMap(({ records }) => records).map(recordText);
  if (pending.length > 0) parts.push(`not durable yet: ${pending.join(", ")}`);
  const sent = step.sends.map((number) => locals.messages.at(number));
  const texts = new Set(sent.map(({ message }) => messageText(message)));
  for (const text of texts) {
    const to = sent.filter(({ message }) => messageText(message) === text).map((each) => each.to);
    parts.push(`sends to ${to.join("+")}: ${text}`);
  }
  for (const number of step.takes) {
    const { slot, value } = locals.proposals.at(number);
    parts.push(`takes ${value} as chosen in slot ${slot}`);
  }
  return parts.map((part) => `\n${" ".repeat(13)}${part}`).join("");
}

function messageText(message: Message): string {
  const ballot = "ballot" in message ? ` ${formatBallot(message.ballot)}` : "";
  switch (message.kind) {
    case "promise": {
      const faulty = message.faulty.map(
        (fault) =>
          ` faulty: ${fault.slot}@${fault.ballot === null ? "?" : formatBallot(fault.ballot)}`,
      );
      const anywhere = message.faultyAnywhere ? " faulty: anywhere" : "";
      return `promise${ballot} [${message.accepted.map(entryText).join()}] chosen to ${message.chosenIndex}${faulty.join("")}${anywhere}`;
    }
    case "accept":
      return `accept ${entryText(message)} chosen to ${message.chosenIndex}`;
    case "accepted":
      return `accepted${ballot} in ${message.slots.join()}`;
    case "fetched":
      return `fetched [${message.entries.map(entryText).join()}]`;
    case "rejected":
      return `rejected${ballot}, promised ${formatBallot(message.promised)}`;
    default:
      return `${message.kind}${ballot}${"chosenIndex" in message ? ` to ${message.chosenIndex}` : ""}`;
  }
}

function recordText(record: PersistRecord): string {
  switch (record.kind) {
    case "accepted":
      return `accepted ${entryText(record.entry)}`;
    case "promised":
      return `promised ${formatBallot(record.ballot)}`;
    case "chosen":
      return `chosen to ${record.index}`;
    default:
      return record.kind;
  }
}

function diskText(disk: Disk): string {
  const entries = disk.accepted.map((entry) =>
    entry === disk.rotten?.entry
      ? `${entryText(entry)} (rotten, ${disk.rotten.tells})`
      : entryText(entry),
  );
  return `promised ${formatBallot(disk.promised)}, accepted [${entries.join(", ")}], chosen to ${disk.chosenMark}`;
}

function entryText({ slot, ballot, value }: Entry | Extract<Message, { kind: "accept" }>): string {
  return `${slot}@${formatBallot(ballot)} ${valueText(value)}`;
}
