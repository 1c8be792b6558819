/** Messages and entries on one line, for traces. */
import { formatBallot } from "../../src/paxos/ballot.ts";
import type { Message } from "../../src/paxos/messages.ts";
import type { Entry } from "../../src/paxos/types.ts";

export function describeEntry(entry: Entry): string {
  return `${entry.slot}@${formatBallot(entry.ballot)} ${entry.value.kind}`;
}

export function describeMessage(message: Message): string {
  switch (message.kind) {
    case "probe":
    case "handOver":
      return `${message.kind} ${formatBallot(message.ballot)}`;
    case "probeReply":
      return `probeReply ${formatBallot(message.ballot)} ${message.granted} ${message.chosenIndex}`;
    case "prepare":
      return `prepare ${formatBallot(message.ballot)} from ${message.from}`;
    case "promise":
      return `promise ${formatBallot(message.ballot)} [${message.accepted.map(describeEntry).join()}] ${message.chosenIndex}`;
    case "accept":
      return `accept ${formatBallot(message.ballot)} ${message.slot} ${message.value.kind} ${message.chosenIndex}`;
    case "accepted":
      return `accepted ${formatBallot(message.ballot)} ${message.slots.join()}`;
    case "rejected":
      return `rejected ${formatBallot(message.ballot)} for ${formatBallot(message.promised)}`;
    case "chosen":
      return `chosen ${formatBallot(message.ballot)} ${message.chosenIndex}`;
    case "heartbeat":
      return `heartbeat ${formatBallot(message.ballot)} ${message.chosenIndex} #${message.sequence}`;
    case "heartbeatAck":
      return `heartbeatAck ${formatBallot(message.ballot)} ${message.chosenIndex} #${message.sequence}`;
    case "propose":
      return `propose ${message.commands.length}`;
    case "readIndex":
      return `readIndex ${message.id}`;
    case "readIndexReply":
      return `readIndexReply ${message.id} ${message.index ?? "none"}`;
    case "fetch":
      return `fetch ${message.from}`;
    case "fetched":
      return `fetched ${message.from} [${message.entries.map(describeEntry).join()}] ${message.chosenIndex}/${message.truncationFloor}`;
  }
}
