/** Memberships as bytes, and the changes that may be made to them. */
import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { type Member, type Membership, type NodeId, nodeId, type Slot, slot } from "./types.ts";

const FORMAT_VERSION = 1;

export function encodeMembership(membership: Membership): Uint8Array {
  const writer = new ByteWriter().u8(FORMAT_VERSION).u32(membership.nextId);
  writer.u16(membership.members.length);
  for (const member of membership.members) {
    writer.u32(member.id).text(member.name).text(member.incarnation);
    writer
      .text(member.peer)
      .text(member.sql)
      .u8(member.voter ? 1 : 0);
  }
  return writer.finish();
}

/** Throws MalformedError on bytes that encodeMembership did not write. */
export function decodeMembership(bytes: Uint8Array): Membership {
  const reader = new ByteReader(bytes);
  reader.u8();
  const nextId = reader.u32();
  const members: Member[] = [];
  for (let left = reader.u16(); left > 0; left -= 1) {
    members.push({
      id: nodeId(reader.u32()),
      name: reader.text(),
      incarnation: reader.text(),
      peer: reader.text(),
      sql: reader.text(),
      voter: reader.u8() === 1,
    });
  }
  reader.end();
  return { members, nextId };
}

/** What a slot of kind "membership" holds. */
export interface MembershipEntry {
  /**
   * The first slot of the membership from which this one was made. If another is the newest when
   * the slot is chosen, the entry changes nothing: a leader may have to bring back what an earlier
   * one proposed, and a member number must not be given twice.
   */
  readonly basedOn: Slot;
  readonly membership: Membership;
}

export function encodeMembershipEntry(entry: MembershipEntry): Uint8Array {
  return new ByteWriter().u64(entry.basedOn).bytes(encodeMembership(entry.membership)).finish();
}

/** Throws MalformedError on bytes that encodeMembershipEntry did not write. */
export function decodeMembershipEntry(bytes: Uint8Array): MembershipEntry {
  const reader = new ByteReader(bytes);
  const basedOn = slot(reader.u64());
  const membership = decodeMembership(reader.bytes());
  reader.end();
  return { basedOn, membership };
}

export function memberOf(membership: Membership, id: NodeId): Member | undefined {
  return membership.members.find((member) => member.id === id);
}

/** By membership, which never changes: quorums are counted with every step. */
const voters = new WeakMap<Membership, readonly NodeId[]>();

export function votersOf(membership: Membership): readonly NodeId[] {
  const known = voters.get(membership);
  if (known !== undefined) return known;
  const found = membership.members.filter((member) => member.voter).map((member) => member.id);
  voters.set(membership, found);
  return found;
}

/** A learner-only member is appended under the next free number. */
export function withLearner(
  membership: Membership,
  learner: Pick<Member, "name" | "incarnation" | "peer" | "sql">,
): Membership {
  const member: Member = { ...learner, id: nodeId(membership.nextId), voter: false };
  return { members: [...membership.members, member], nextId: membership.nextId + 1 };
}

/** `id` gets a vote; no change if it is not a member. */
export function withVoter(membership: Membership, id: NodeId): Membership {
  const members = membership.members.map((member) =>
    member.id === id ? { ...member, voter: true } : member,
  );
  return { ...membership, members };
}

/** `id` is no longer a member. Its number is not given again. */
export function without(membership: Membership, id: NodeId): Membership {
  return { ...membership, members: membership.members.filter((member) => member.id !== id) };
}

/** `id` is reached under other addresses. */
export function withAddresses(
  membership: Membership,
  id: NodeId,
  addresses: Pick<Member, "peer" | "sql">,
): Membership {
  const members = membership.members.map((member) =>
    member.id === id ? { ...member, ...addresses } : member,
  );
  return { ...membership, members };
}
