import { describe, expect, it, vi } from "vitest";
import type { Members } from "../../../src/node/members.ts";
import { MembershipWatch } from "../../../src/node/membership-watch.ts";
import type { Node } from "../../../src/node/node.ts";
import { encodeMembership } from "../../../src/paxos/membership.ts";
import { type GoverningMembership, type Member, nodeId, slot } from "../../../src/paxos/types.ts";
import type { Peer, Transport } from "../../../src/transport/transport.ts";

function member(id: number): Member {
  const address = `127.0.0.1:${7000 + id}`;
  const names = { name: `n${id}`, incarnation: `i${id}`, peer: address, sql: address };
  return { id: nodeId(id), ...names, voter: true };
}

function governing(fromSlot: number, ids: readonly number[], nextId: number): GoverningMembership {
  return { fromSlot: slot(fromSlot), membership: { members: ids.map(member), nextId } };
}

function watch(self: number, letInBy: readonly number[]) {
  const state = { memberships: [] as GoverningMembership[], chosenIndex: 0 };
  const told: number[][] = [];
  const error = vi.fn<() => void>();
  const membership = encodeMembership({ members: letInBy.map(member), nextId: self + 1 });
  const subject = new MembershipWatch({
    identity: {
      ...member(self),
      kind: "member",
      nodeId: nodeId(self),
      addresses: { peer: "", sql: "", http: null },
      clusterId: "c",
      window: 4,
      membership,
    },
    node: {
      get status() {
        return state;
      },
    } as unknown as Node,
    transport: {
      setPeers: (peers: readonly Peer[]) => told.push(peers.map(({ id }) => id)),
    } as unknown as Transport,
    members: {} as Members,
    log: { error, info: vi.fn<() => void>(), warn: vi.fn<() => void>() } as never,
  });
  return { subject, state, told, error };
}

describe("membership watch", () => {
  it("rule 35: a node that is being removed stays a peer until its successor is in force", () => {
    const { subject, state, told } = watch(1, [1, 2, 3]);
    state.memberships = [governing(1, [1, 2, 3], 4), governing(14, [1, 2], 4)];
    state.chosenIndex = 10;
    subject.refresh();
    state.chosenIndex = 13;
    subject.refresh();
    expect(told).toEqual([
      [1, 2, 3],
      [1, 2],
    ]);
  });

  it("a node that passes memberships from before its time keeps those that let it in", () => {
    const { subject, state, told, error } = watch(6, [4, 5, 6]);
    state.memberships = [governing(1, [1, 2, 3], 4)];
    subject.refresh();
    expect(told).toEqual([[1, 2, 3, 4, 5, 6]]);
    expect(error).not.toHaveBeenCalled();
  });

  it("a node that finds itself removed says so once", () => {
    const { subject, state, error } = watch(3, [1, 2, 3]);
    state.memberships = [governing(1, [1, 2], 4)];
    subject.refresh();
    subject.refresh();
    expect(error).toHaveBeenCalledTimes(1);
  });
});
