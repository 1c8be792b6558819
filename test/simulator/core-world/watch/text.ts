/** Messages and entries on one line, for traces. */
import { formatBallot } from "../../../../src/paxos/ballot.ts";
import type { Message } from "../../../../src/paxos/messages.ts";
import type { Entry } from "../../../../src/paxos/types.ts";

export function describeEntry(entry: Entry): string {
  return `${entry.slot}@${formatBallot(entry.ballot)} ${entry.value.kind}`;
}

export function describeMessage(message: Message): string {
  const parts = Object.entries(message).flatMap(([name, value]) => {
    if (name === "kind" || name === "commands") return [];
    return [`${name}=${describeField(value)}`];
  });
  return `${message.kind} ${parts.join(" ")}`;
}

function describeField(field: unknown): string {
  if (Array.isArray(field)) return `[${field.map(describeField).join()}]`;
  if (typeof field !== "object" || field === null) return String(field);
  if ("round" in field && "node" in field) return `${String(field.round)}.${String(field.node)}`;
  if ("slot" in field && "ballot" in field) {
    return `${String(field.slot)}@${describeField(field.ballot)}`;
  }
  return "kind" in field ? String(field.kind) : "";
}
