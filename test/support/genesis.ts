/** First memberships for tests: n1, n2, … all with a vote. */
import { type Membership, nodeId } from "../../src/paxos/types.ts";

export function memberNamed(name: string) {
  return { name, incarnation: name, peer: name, sql: name };
}

export function genesisOf(voters: number): Membership {
  const members = Array.from({ length: voters }, (_, at) => ({
    ...memberNamed(`n${at + 1}`),
    id: nodeId(at + 1),
    voter: true,
  }));
  return { members, nextId: voters + 1 };
}
