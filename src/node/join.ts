/**
 * How one more node gets into a running cluster: it asks any member over the peer port, which has
 * its addition decided through the log. Asking again with the same name and incarnation gives the
 * same answer, so a joiner that crashed or lost the answer simply asks again.
 */
import { unreachable } from "../base/assert.ts";
import { ByteReader, ByteWriter, MalformedError } from "../base/bytes.ts";
import type { Hello } from "../transport/hello.ts";
import { type Admission, readAdmission, writeAdmission } from "./formation.ts";

export interface JoinRequest {
  readonly name: string;
  readonly incarnation: string;
  readonly peer: string;
  readonly sql: string;
}

export type JoinAnswer =
  /** It is a learner-only member now; the membership contains it. */
  | { readonly kind: "joined"; readonly admission: Admission }
  /** It will not be let in: another node has its name, say. Nothing was changed. */
  | { readonly kind: "refused"; readonly reason: string }
  /** Not now: no leader, another change under way, outcome not known. Ask again. */
  | { readonly kind: "later"; readonly reason: string };

/**
 * What a member does with a join request. A hello with a number is from a member that tells where it
 * is now (address-announcement.ts).
 */
export type JoinHandler = (request: JoinRequest, hello: Hello) => Promise<JoinAnswer>;

export function encodeJoinRequest(request: JoinRequest): Uint8Array {
  const writer = new ByteWriter().text(request.name).text(request.incarnation);
  return writer.text(request.peer).text(request.sql).finish();
}

/** Throws MalformedError. */
export function decodeJoinRequest(bytes: Uint8Array): JoinRequest {
  const reader = new ByteReader(bytes);
  const request = {
    name: reader.text(),
    incarnation: reader.text(),
    peer: reader.text(),
    sql: reader.text(),
  };
  reader.end();
  return request;
}

export function encodeJoinAnswer(answer: JoinAnswer): Uint8Array {
  switch (answer.kind) {
    case "joined":
      return writeAdmission(new ByteWriter().u8(1), answer.admission).finish();
    case "refused":
      return new ByteWriter().u8(2).text(answer.reason).finish();
    case "later":
      return new ByteWriter().u8(3).text(answer.reason).finish();
    default:
      return unreachable(answer);
  }
}

/** Throws MalformedError. */
export function decodeJoinAnswer(bytes: Uint8Array): JoinAnswer {
  const reader = new ByteReader(bytes);
  const answer = readJoinAnswer(reader);
  reader.end();
  return answer;
}

function readJoinAnswer(reader: ByteReader): JoinAnswer {
  const kind = reader.u8();
  if (kind === 1) return { kind: "joined", admission: readAdmission(reader) };
  if (kind === 2) return { kind: "refused", reason: reader.text() };
  if (kind === 3) return { kind: "later", reason: reader.text() };
  throw new MalformedError(`unknown answer ${kind}`);
}
