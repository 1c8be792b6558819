/**
 * A restart under other addresses is told to the cluster. The others call this node at its old peer
 * address, so it hears nobody and does not learn who leads: it asks the members itself, one after
 * the other, until one has had the change decided.
 */
import type { Logger } from "pino";
import { parseAddress } from "../base/address.ts";
import { MalformedError } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { VERSION } from "../base/version.ts";
import { memberOf } from "../paxos/membership.ts";
import { type Member, type Membership, nodeId } from "../paxos/types.ts";
import type { ExchangeResult, Question } from "../transport/exchange.ts";
import { PROTOCOL_VERSION } from "../transport/hello.ts";
import type { MemberIdentity } from "./identity.ts";
import { decodeJoinAnswer, encodeJoinRequest } from "./join.ts";

export interface AnnouncementParts {
  readonly identity: MemberIdentity;
  /** The newest that this node knows of. */
  readonly newest: () => Membership;
  readonly exchange: (question: Question) => Promise<ExchangeResult>;
  readonly clock: Clock;
  readonly log: Logger;
}

const PAUSE_MS = 1_000;
/** The member that is asked waits for a decision of the log. */
const ANSWER_MS_MAX = 20_000;

export class AddressAnnouncement {
  readonly #parts: AnnouncementParts;
  #stopped = false;

  constructor(parts: AnnouncementParts) {
    this.#parts = parts;
  }

  /** Resolves when the cluster knows where this node is, or this node is no member. Never rejects. */
  async run(): Promise<void> {
    const { clock, log, identity } = this.#parts;
    const { peer, sql } = identity.addresses;
    for (let said = ""; this.#isDue(); ) {
      const reason = await this.#tell();
      if (reason === null) {
        log.info({ peer, sql }, "the cluster knows the new addresses");
        return;
      }
      if (reason !== said) log.warn({ reason }, "the cluster does not know the new addresses yet");
      said = reason;
      await new Promise<void>((resolve) => clock.after(PAUSE_MS, resolve));
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  #isDue(): boolean {
    const { identity, newest } = this.#parts;
    const { peer, sql } = identity.addresses;
    const known = memberOf(newest(), identity.nodeId);
    if (this.#stopped || known === undefined) return false;
    return known.peer !== peer || known.sql !== sql;
  }

  /** Null: done. Else why not, as the last one that was asked said. */
  async #tell(): Promise<string | null> {
    const { identity, newest } = this.#parts;
    let reason = "there is no other member";
    for (const member of newest().members) {
      if (member.id === identity.nodeId || this.#stopped) continue;
      const refusal = await this.#ask(member);
      if (refusal === null) return null;
      reason = `${member.name} at ${member.peer}: ${refusal}`;
    }
    return reason;
  }

  async #ask(member: Member): Promise<string | null> {
    const { identity, exchange } = this.#parts;
    const { name, incarnation, clusterId, addresses } = identity;
    const address = parseAddress(member.peer);
    if (address === null) return "no address";
    const { peer, sql } = addresses;
    const result = await exchange({
      address,
      hello: {
        protocolVersion: PROTOCOL_VERSION,
        purpose: "join",
        clusterId,
        nodeId: identity.nodeId,
        name,
        incarnation,
        target: nodeId(0),
        softwareVersion: VERSION,
      },
      request: encodeJoinRequest({ name, incarnation, peer, sql }),
      timeoutMs: ANSWER_MS_MAX,
    });
    return outcomeOf(result);
  }
}

function outcomeOf(result: ExchangeResult): string | null {
  if (result.kind === "refused") return result.refusal.reason;
  if (result.kind === "failed") return result.reason;
  try {
    const answer = decodeJoinAnswer(result.answer);
    return answer.kind === "joined" ? null : answer.reason;
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return `the answer makes no sense: ${error.message}`;
  }
}
