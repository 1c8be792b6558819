import fc from "fast-check";
import { nodeId, slot } from "../../../../src/paxos/types.ts";
import type { PeerMessage } from "../../../../src/transport/peer-messages.ts";

const counter = fc.maxSafeNat();
const slots = counter.map(slot);
const nodes = fc.nat({ max: 0xffffffff }).map(nodeId);
const ballot = fc.record({ round: counter, node: nodes });
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  // Above the size from which payloads are referred to and not copied.
  fc.uint8Array({ minLength: 2048, maxLength: 2100 }),
);
const u32 = fc.nat({ max: 0xffffffff });
const text = fc.string({ unit: "grapheme", maxLength: 20 });
const value = fc.oneof(
  fc.constant({ kind: "noop" as const, payload: new Uint8Array(0) }),
  fc.record({ kind: fc.constantFrom("batch" as const, "membership" as const), payload: bytes }),
);
const entry = fc.record({ slot: slots, ballot, value });
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const kind = <K extends string>(name: K) => fc.constant(name);
const list = <T>(arbitrary: fc.Arbitrary<T>) => fc.array(arbitrary, { maxLength: 4 });

/** One arbitrary for every kind of message; the compiler insists that none is missing. */
export const messageArbitraries: {
  readonly [K in PeerMessage["kind"]]: fc.Arbitrary<Extract<PeerMessage, { kind: K }>>;
} = {
  probe: fc.record({ kind: kind("probe"), ballot }),
  probeReply: fc.record({
    kind: kind("probeReply"),
    ballot,
    granted: fc.boolean(),
    promised: ballot,
    chosenIndex: slots,
    leader: optional(nodes),
  }),
  prepare: fc.record({ kind: kind("prepare"), ballot, from: slots, attempt: counter }),
  promise: fc.record({
    kind: kind("promise"),
    ballot,
    attempt: counter,
    part: u32,
    last: fc.boolean(),
    accepted: list(entry),
    chosenIndex: slots,
    faulty: list(fc.record({ slot: slots, ballot: optional(ballot) })),
    faultyAnywhere: fc.boolean(),
  }),
  accept: fc.record({ kind: kind("accept"), ballot, slot: slots, value, chosenIndex: slots }),
  accepted: fc.record({ kind: kind("accepted"), ballot, slots: list(slots) }),
  rejected: fc.record({ kind: kind("rejected"), ballot, promised: ballot }),
  chosen: fc.record({ kind: kind("chosen"), ballot, chosenIndex: slots }),
  heartbeat: fc.record({
    kind: kind("heartbeat"),
    ballot,
    chosenIndex: slots,
    sequence: counter,
  }),
  heartbeatAck: fc.record({
    kind: kind("heartbeatAck"),
    ballot,
    sequence: counter,
    chosenIndex: slots,
    appliedIndex: slots,
  }),
  propose: fc.record({ kind: kind("propose"), commands: list(bytes) }),
  readIndex: fc.record({ kind: kind("readIndex"), id: counter }),
  readIndexReply: fc.record({ kind: kind("readIndexReply"), id: counter, index: optional(slots) }),
  fetch: fc.record({ kind: kind("fetch"), from: slots }),
  fetched: fc.record({
    kind: kind("fetched"),
    from: slots,
    entries: list(entry),
    chosenIndex: slots,
    truncationFloor: slots,
  }),
  handOver: fc.record({ kind: kind("handOver"), ballot }),
  snapshotOffer: fc.record({ kind: kind("snapshotOffer"), slot: slots }),
  snapshotManifestRequest: fc.record({ kind: kind("snapshotManifestRequest") }),
  snapshotManifest: fc.record({
    kind: kind("snapshotManifest"),
    slot: slots,
    bytes: optional(bytes),
  }),
  snapshotChunkRequest: fc.record({
    kind: kind("snapshotChunkRequest"),
    slot: slots,
    file: u32,
    chunk: u32,
  }),
  snapshotChunk: fc.record({
    kind: kind("snapshotChunk"),
    slot: slots,
    file: u32,
    chunk: u32,
    bytes: optional(bytes),
  }),
  memberRequest: fc.record({
    kind: kind("memberRequest"),
    id: counter,
    action: fc.constantFrom("add", "remove", "promote", "setAddresses"),
    name: text,
    incarnation: text,
    peer: text,
    sql: text,
  }),
  memberReply: fc.record({
    kind: kind("memberReply"),
    id: counter,
    ok: fc.boolean(),
    reason: text,
    memberId: nodes,
    membership: bytes,
  }),
  digest: fc.record({ kind: kind("digest"), slot: slots, digest: text }),
};

export const anyMessage: fc.Arbitrary<PeerMessage> = fc.oneof(
  ...(Object.values(messageArbitraries) as fc.Arbitrary<PeerMessage>[]),
);
