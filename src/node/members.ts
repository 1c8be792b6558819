/**
 * Changes of the membership that somebody asks for: an operator through this node's HTTP port, or a
 * node that wants to join. Only the leader can make them; this node carries the request there and
 * the answer back. What is asked twice by a retry is answered from the membership as it is.
 */
import { unreachable } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import type { MembershipAnswer } from "../paxos/effects.ts";
import type { MembershipChange } from "../paxos/inputs.ts";
import { encodeMembership } from "../paxos/membership.ts";
import { type Membership, type NodeId, nodeId } from "../paxos/types.ts";
import type { MemberReply, MemberRequest } from "../transport/peer-messages.ts";
import type { Transport } from "../transport/transport.ts";
import type { Node } from "./node.ts";

/** What is asked, without the number that ties the answer to it. */
export type MemberQuestion = Omit<MemberRequest, "kind" | "id">;
export type MemberResult = Omit<MemberReply, "kind" | "id">;

interface Waiting {
  readonly settle: (result: MemberResult) => void;
}

/** `nobody`: no leader is known. `silence`: asked, and not answered in time. */
type Attempt = MemberResult | "nobody" | "silence";

export interface MembersParts {
  readonly node: Node;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Random: a late answer to an earlier process of this node must not be taken for one to this. */
  readonly firstId: number;
}

const POLL_MS = 100;
const NO_MEMBER = nodeId(0);
const NOT_LEADING = "this node does not lead";

export class Members {
  readonly #node: Node;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #nextId: number;
  /** Changes handed to the core, and questions sent to the leader, by number. */
  readonly #waiting = new Map<number, Waiting>();

  constructor(parts: MembersParts) {
    this.#node = parts.node;
    this.#transport = parts.transport;
    this.#clock = parts.clock;
    this.#timeoutMs = parts.timeoutMs;
    this.#nextId = parts.firstId;
  }

  /** Asks the leader, wherever it is, and again if it changes, until the time is up. */
  async request(question: MemberQuestion): Promise<MemberResult> {
    const deadlineMs = this.#clock.monotonicMs() + this.#timeoutMs;
    let last = "";
    let mayBeDone = false;
    while (this.#clock.monotonicMs() < deadlineMs) {
      const result = await this.#attempt(question);
      if (typeof result === "string") {
        mayBeDone ||= result === "silence";
      } else if (isPassing(result.reason)) {
        mayBeDone ||= result.reason !== NOT_LEADING;
        last = result.reason;
      } else {
        // The member is gone: by an earlier attempt, whose answer did not get here.
        const isDone = mayBeDone && question.action === "remove" && isNoMember(result, question);
        return isDone ? this.#accepted(NO_MEMBER) : result;
      }
      await this.#pause();
    }
    return refused(last === "" ? this.#node.whatIsMissing() : last);
  }

  /** A follower passes a question on. */
  answer(from: NodeId, message: MemberRequest): void {
    void this.#lead(message).then((result) => {
      this.#transport.send(from, { ...result, kind: "memberReply", id: message.id });
    });
  }

  replied(message: MemberReply): void {
    this.#settle(message.id, message);
  }

  /** The core answers a change. */
  changed(answer: MembershipAnswer): void {
    this.#settle(
      answer.id,
      answer.kind === "refused" ? refused(answer.reason) : this.#accepted(NO_MEMBER),
    );
  }

  async #attempt(question: MemberQuestion): Promise<Attempt> {
    const { leader } = this.#node;
    if (leader === null) return "nobody";
    if (leader === this.#node.self) return this.#lead(question);
    const answer = await this.#await((id) => {
      this.#transport.send(leader, { ...question, kind: "memberRequest", id });
    });
    return answer ?? "silence";
  }

  /** This node leads, or somebody thought so: makes the change. */
  async #lead(question: MemberQuestion): Promise<MemberResult> {
    // What a follower knows of the members may be old.
    if (this.#node.leader !== this.#node.self) return refused(NOT_LEADING);
    const settled = this.#alreadyDone(question);
    if (settled !== null) return settled;
    const change = this.#changeFor(question);
    if (change === null) return noMember(question);
    const result = await this.#await((id) => {
      this.#node.input({ kind: "changeMembership", id, change });
    });
    if (result === null) return refused("the leader did not finish the change in time");
    return result.ok ? this.#accepted(this.#numberOf(question.name)) : result;
  }

  #alreadyDone(question: MemberQuestion): MemberResult | null {
    const member = this.#named(question.name);
    if (member === undefined) return null;
    const isSame = member.incarnation === question.incarnation;
    const isThere = member.peer === question.peer && member.sql === question.sql;
    switch (question.action) {
      case "add":
        return isSame ? this.#accepted(member.id) : null;
      case "setAddresses":
        return isSame && isThere ? this.#accepted(member.id) : null;
      case "promote":
        return member.voter ? this.#accepted(member.id) : null;
      case "remove":
        return null;
      default:
        return unreachable(question.action);
    }
  }

  /** Null: there is no such member. */
  #changeFor(question: MemberQuestion): MembershipChange | null {
    const { name, incarnation, peer, sql } = question;
    if (question.action === "add") {
      return { kind: "addLearner", member: { name, incarnation, peer, sql } };
    }
    const member = this.#named(name);
    if (member === undefined) return null;
    if (question.action !== "setAddresses") return { kind: question.action, id: member.id };
    if (member.incarnation !== incarnation) return null;
    return { kind: "setAddresses", id: member.id, addresses: { peer, sql } };
  }

  /** Null: no answer in time. */
  #await(send: (id: number) => void): Promise<MemberResult | null> {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve) => {
      const settle = (result: MemberResult | null): void => {
        timer.cancel();
        this.#waiting.delete(id);
        resolve(result);
      };
      const timer = this.#clock.after(this.#timeoutMs / 2, () => settle(null));
      this.#waiting.set(id, { settle });
      send(id);
    });
  }

  #settle(id: number, result: MemberResult): void {
    this.#waiting.get(id)?.settle(result);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#clock.after(POLL_MS, resolve));
  }

  #membership(): Membership {
    return this.#node.status.memberships.at(-1)?.membership ?? { members: [], nextId: 1 };
  }

  #named(name: string) {
    return this.#membership().members.find((member) => member.name === name);
  }

  #numberOf(name: string): NodeId {
    return this.#named(name)?.id ?? NO_MEMBER;
  }

  #accepted(memberId: NodeId): MemberResult {
    const membership = encodeMembership(this.#membership());
    return { ok: true, reason: "", memberId, membership };
  }
}

function refused(reason: string): MemberResult {
  return { ok: false, reason, memberId: NO_MEMBER, membership: new Uint8Array(0) };
}

function noMember({ name }: MemberQuestion): MemberResult {
  return refused(`there is no member called ${name}`);
}

function isNoMember(result: MemberResult, question: MemberQuestion): boolean {
  return result.reason === noMember(question).reason;
}

/** Reasons that go away by themselves. */
function isPassing(reason: string): boolean {
  return /does not lead|is under way|stepped down|in time/.test(reason);
}
