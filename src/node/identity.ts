/**
 * Who a node is, for ever: what must survive for it to be the same member after a restart. Stored in
 * two checksummed copies (wal/metadata.ts); both bad means that the node must not start.
 *
 * Layout: version (u8), stage (u8: 0 candidate, 1 member), name, incarnation, sql, peer, http
 * (texts; http empty for none), then
 *   candidate: origin (u8: 0 bootstrap, 1 join), texts: bootstrap members "name@address" or seeds
 *   member:    cluster id (text), number (u32), window (u32), membership (bytes)
 */
import { ByteReader, ByteWriter, MalformedError } from "../base/bytes.ts";
import { type NodeId, nodeId } from "../paxos/types.ts";

const FORMAT_VERSION = 1;

/** Where a node listens, as host:port. */
export interface Addresses {
  readonly sql: string;
  readonly peer: string;
  /** Null: no HTTP port. */
  readonly http: string | null;
}

export interface BootstrapMember {
  readonly name: string;
  readonly peer: string;
}

/** How a node that has no cluster yet gets one. */
export type Origin =
  | { readonly kind: "bootstrap"; readonly members: readonly BootstrapMember[] }
  | { readonly kind: "join"; readonly seeds: readonly string[] };

/** Has a name and an incarnation that others may have heard of, and no cluster yet. */
export interface Candidate {
  readonly kind: "candidate";
  readonly name: string;
  /** Drawn once a data directory; tells a wiped node from the one that voted. */
  readonly incarnation: string;
  readonly addresses: Addresses;
  readonly origin: Origin;
}

export interface MemberIdentity {
  readonly kind: "member";
  readonly name: string;
  readonly incarnation: string;
  readonly addresses: Addresses;
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** α of the cluster: how many slots may be open; the same on every node, for ever. */
  readonly window: number;
  /** The encoded membership that it entered with: at formation the first of all. The log has the later ones. */
  readonly membership: Uint8Array;
}

export type Identity = Candidate | MemberIdentity;

/** Where the identity is kept; `store` returns when it is durable. */
export interface IdentityStore {
  readonly current: Identity | null;
  store(identity: Identity): Promise<void>;
}

export function encodeIdentity(identity: Identity): Uint8Array {
  const writer = new ByteWriter().u8(FORMAT_VERSION).u8(identity.kind === "member" ? 1 : 0);
  writer.text(identity.name).text(identity.incarnation);
  const { addresses } = identity;
  writer
    .text(addresses.sql)
    .text(addresses.peer)
    .text(addresses.http ?? "");
  if (identity.kind === "member") {
    writer.text(identity.clusterId).u32(identity.nodeId).u32(identity.window);
    return writer.bytes(identity.membership).finish();
  }
  const texts = originTexts(identity.origin);
  writer.u8(identity.origin.kind === "join" ? 1 : 0).u16(texts.length);
  for (const text of texts) writer.text(text);
  return writer.finish();
}

/** Throws MalformedError on bytes that encodeIdentity did not write. */
export function decodeIdentity(bytes: Uint8Array): Identity {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== FORMAT_VERSION) {
    throw new MalformedError(
      `identity has format ${version}, this release reads ${FORMAT_VERSION}`,
    );
  }
  const isMember = reader.u8() === 1;
  const name = reader.text();
  const incarnation = reader.text();
  const sql = reader.text();
  const peer = reader.text();
  const http = reader.text();
  const addresses = { sql, peer, http: http === "" ? null : http };
  const common = { name, incarnation, addresses };
  const identity: Identity = isMember
    ? { kind: "member", ...common, ...readMembership(reader) }
    : { kind: "candidate", ...common, origin: readOrigin(reader) };
  reader.end();
  return identity;
}

function readMembership(reader: ByteReader) {
  return {
    clusterId: reader.text(),
    nodeId: nodeId(reader.u32()),
    window: reader.u32(),
    membership: reader.bytes().slice(),
  };
}

function readOrigin(reader: ByteReader): Origin {
  const joins = reader.u8() === 1;
  const texts: string[] = [];
  for (let left = reader.u16(); left > 0; left -= 1) texts.push(reader.text());
  if (joins) return { kind: "join", seeds: texts };
  return { kind: "bootstrap", members: texts.map(readBootstrapMember) };
}

function readBootstrapMember(text: string): BootstrapMember {
  const at = text.indexOf("@");
  if (at < 1) throw new MalformedError(`"${text}" is no bootstrap member`);
  return { name: text.slice(0, at), peer: text.slice(at + 1) };
}

function originTexts(origin: Origin): readonly string[] {
  return origin.kind === "join" ? origin.seeds : origin.members.map(formatBootstrapMember);
}

/** As in --bootstrap: name@host:port. */
export function formatBootstrapMember(member: BootstrapMember): string {
  return `${member.name}@${member.peer}`;
}
