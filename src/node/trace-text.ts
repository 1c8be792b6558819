import { unreachable } from "../base/assert.ts";
import { formatBallot } from "../paxos/ballot.ts";
import type { TraceFact } from "../paxos/effects.ts";

/** A fact of the core in words for the log. `proposer` is the name of the ballot's node. */
export function traceText(fact: TraceFact, proposer: string): string {
  const ballot = `ballot ${formatBallot(fact.ballot)}`;
  switch (fact.kind) {
    case "campaigning":
      return `asks to lead under ${ballot}`;
    case "elected":
      return `leads under ${ballot}${fact.openSlots > 0 ? `; repairs ${fact.openSlots} open slots` : ""}`;
    case "steppedDown":
      return `leads no longer: ${fact.reason}`;
    case "following":
      return `follows ${proposer} (${ballot})`;
    case "leaderLost":
      return `hears nothing of ${proposer} any more (${ballot})`;
    default:
      return unreachable(fact);
  }
}

/** Whether this node has another leader, or none, since this fact. */
export function changesLeader(fact: TraceFact): boolean {
  return fact.kind === "elected" || fact.kind === "following" || fact.kind === "leaderLost";
}
