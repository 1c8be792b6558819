/**
 * How the nodes of a bootstrap list become a cluster. Nobody is in charge of anybody yet, so every
 * node asks all others again and again, and each answer is safe to repeat:
 *
 * | asked is …                | and the asker is …                | answer |
 * | candidate, same list      | any of the list                   | waiting: for these |
 * | candidate, other list     |                                   | refused |
 * | member                    | in its first membership, same incarnation | formed: cluster, membership |
 * | member                    | anybody else                      | refused |
 *
 * The first of the list founds: once all others have asked it, it knows every incarnation, draws the
 * cluster's id, makes its own identity durable and from then on answers "formed". A crash before
 * that leaves candidates, which start over; a crash after it leaves a member that answers whoever
 * still asks. A node makes its incarnation durable before it first asks, so the founder never writes
 * down one that a crash could change. The founder asks the others as well: were its disk wiped after
 * the founding, they refuse it instead of founding a second cluster.
 */
import { unreachable } from "../base/assert.ts";
import { ByteReader, ByteWriter, MalformedError } from "../base/bytes.ts";
import { decodeMembership } from "../paxos/membership.ts";
import { type Member, type Membership, nodeId } from "../paxos/types.ts";
import { otherIncarnation } from "../transport/admission.ts";
import {
  type Addresses,
  type BootstrapMember,
  type Candidate,
  formatBootstrapMember,
  type Identity,
  type MemberIdentity,
} from "./identity.ts";

export interface FormRequest {
  readonly name: string;
  readonly incarnation: string;
  readonly sql: string;
  readonly peer: string;
  /** The bootstrap list as formatBootstrap writes it. */
  readonly bootstrap: string;
}

/** What lets a node in, after formation and after joining. */
export interface Admission {
  readonly clusterId: string;
  readonly window: number;
  readonly membership: Uint8Array;
}

export type FormAnswer =
  | { readonly kind: "waiting" }
  | { readonly kind: "formed"; readonly admission: Admission }
  | { readonly kind: "refused"; readonly reason: string };

/** One candidate's side of the formation: what it knows of the others. No I/O. */
export class Formation {
  readonly #self: Candidate;
  readonly #members: readonly BootstrapMember[];
  readonly #heard = new Map<string, FormRequest>();

  constructor(self: Candidate, members: readonly BootstrapMember[]) {
    this.#self = self;
    this.#members = members;
  }

  get isFounder(): boolean {
    return this.#members[0]?.name === this.#self.name;
  }

  /** Names of those that have not asked this node yet. */
  get missing(): readonly string[] {
    const others = this.#members.filter((member) => member.name !== this.#self.name);
    return others.filter((member) => !this.#heard.has(member.name)).map((member) => member.name);
  }

  answer(request: FormRequest): FormAnswer {
    const bootstrap = formatBootstrap(this.#members);
    if (request.bootstrap !== bootstrap) {
      return {
        kind: "refused",
        reason: `${this.#self.name} was started with --bootstrap ${bootstrap}, ${request.name} with ${request.bootstrap}: give all nodes the same list`,
      };
    }
    const isListed = this.#members.some((member) => member.name === request.name);
    if (!isListed || request.name === this.#self.name) {
      return {
        kind: "refused",
        reason: `another node calls itself ${request.name}: give each node of the list its own --id`,
      };
    }
    this.#heard.set(request.name, request);
    return { kind: "waiting" };
  }

  /** The first membership, in the order of the list; null while nodes are missing or another one founds. */
  found(): Membership | null {
    if (!this.isFounder || this.missing.length > 0) return null;
    const members = this.#members.map((listed, at): Member => {
      const own = { ...this.#self.addresses, incarnation: this.#self.incarnation };
      const node = this.#heard.get(listed.name) ?? own;
      return {
        id: nodeId(at + 1),
        name: listed.name,
        incarnation: node.incarnation,
        peer: listed.peer,
        sql: node.sql,
        voter: true,
      };
    });
    return { members, nextId: members.length + 1 };
  }
}

/** A member's answer to a node that still forms: also long after, should that node have been away. */
function answerAsMember(identity: MemberIdentity, request: FormRequest): FormAnswer {
  const { clusterId, window, membership } = identity;
  const { members } = decodeMembership(membership);
  const known = members.find((member) => member.name === request.name);
  if (known?.incarnation === request.incarnation) {
    return { kind: "formed", admission: { clusterId, window, membership } };
  }
  if (known !== undefined) return { kind: "refused", reason: otherIncarnation(request.name) };
  return {
    kind: "refused",
    reason: `${identity.name} is already in cluster ${clusterId}, without ${request.name}: start ${request.name} with --join ${identity.addresses.peer}`,
  };
}

/** The identity of a candidate that was let in. Throws MalformedError if it is not in the membership. */
export function memberIdentity(candidate: Candidate, admission: Admission): MemberIdentity {
  const { members } = decodeMembership(admission.membership);
  const own = members.find((member) => member.incarnation === candidate.incarnation);
  if (own?.name !== candidate.name) {
    throw new MalformedError(`the membership does not contain ${candidate.name}`);
  }
  const { name, incarnation, addresses } = candidate;
  return { kind: "member", name, incarnation, addresses, nodeId: own.id, ...admission };
}

export function formRequest(
  candidate: Candidate,
  members: readonly BootstrapMember[],
): FormRequest {
  const { name, incarnation, addresses } = candidate;
  const { sql, peer }: Addresses = addresses;
  return { name, incarnation, sql, peer, bootstrap: formatBootstrap(members) };
}

/** As after --bootstrap; equal lists give equal texts. */
function formatBootstrap(members: readonly BootstrapMember[]): string {
  return members.map(formatBootstrapMember).join(",");
}

export function encodeFormRequest(request: FormRequest): Uint8Array {
  const writer = new ByteWriter().text(request.name).text(request.incarnation);
  return writer.text(request.sql).text(request.peer).text(request.bootstrap).finish();
}

/** Throws MalformedError. */
export function decodeFormRequest(bytes: Uint8Array): FormRequest {
  const reader = new ByteReader(bytes);
  const request = {
    name: reader.text(),
    incarnation: reader.text(),
    sql: reader.text(),
    peer: reader.text(),
    bootstrap: reader.text(),
  };
  reader.end();
  return request;
}

export function encodeFormAnswer(answer: FormAnswer): Uint8Array {
  switch (answer.kind) {
    case "waiting":
      return new ByteWriter().u8(0).finish();
    case "formed":
      return writeAdmission(new ByteWriter().u8(1), answer.admission).finish();
    case "refused":
      return new ByteWriter().u8(2).text(answer.reason).finish();
    default:
      return unreachable(answer);
  }
}

/** Throws MalformedError. */
export function decodeFormAnswer(bytes: Uint8Array): FormAnswer {
  const reader = new ByteReader(bytes);
  const answer = readFormAnswer(reader);
  reader.end();
  return answer;
}

function readFormAnswer(reader: ByteReader): FormAnswer {
  const kind = reader.u8();
  if (kind === 0) return { kind: "waiting" };
  if (kind === 1) return { kind: "formed", admission: readAdmission(reader) };
  if (kind === 2) return { kind: "refused", reason: reader.text() };
  throw new MalformedError(`unknown answer ${kind}`);
}

export function writeAdmission(writer: ByteWriter, admission: Admission): ByteWriter {
  return writer.text(admission.clusterId).u32(admission.window).bytes(admission.membership);
}

export function readAdmission(reader: ByteReader): Admission {
  return { clusterId: reader.text(), window: reader.u32(), membership: reader.bytes().slice() };
}

/** Who answers: a candidate by its formation, a member by its first membership. */
export function answerForm(
  identity: Identity | null,
  formation: Formation | null,
  request: FormRequest,
): FormAnswer {
  if (identity?.kind === "member") return answerAsMember(identity, request);
  if (formation !== null) return formation.answer(request);
  return { kind: "waiting" };
}
