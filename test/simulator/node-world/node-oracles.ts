/**
 * What must hold at every moment over all whole nodes. Letters are those of faults.md, section 2.
 *
 * | A | two nodes that apply a slot apply the same                                          |
 * | P | a machine takes slots in order, without gaps, and never loses what it made durable   |
 * | H | equal running digests at equal slots                                                |
 * | M | what a node told others to be promised or accepted outlives its crashes             |
 * | B | a ballot and slot have one value, whoever sends it                                   |
 */
import { crc32 } from "../../../src/base/checksum.ts";
import type { AppliedEntry, ApplyReport } from "../../../src/machine/state-machine.ts";
import {
  BALLOT_ZERO,
  type Ballot,
  compareBallots,
  formatBallot,
} from "../../../src/paxos/ballot.ts";
import type { InitialState } from "../../../src/paxos/log.ts";
import type { Message } from "../../../src/paxos/messages.ts";
import type { PeerMessage } from "../../../src/transport/peer-messages.ts";
import { Violation } from "../../support/violation.ts";

interface Claims {
  promised: Ballot;
  /** By slot. */
  readonly accepted: Map<number, Ballot>;
}

export class NodeOracles {
  /** What each slot is, by whoever applied it first. */
  readonly #log = new Map<number, { readonly value: number; readonly by: number }>();
  readonly #digests = new Map<number, { readonly digest: string; readonly by: number }>();
  readonly #claims = new Map<number, Claims>();
  readonly #values = new Map<string, number>();
  #highest = 0;

  /** The highest slot that was applied anywhere. */
  get highest(): number {
    return this.#highest;
  }

  applying(host: number, entries: readonly AppliedEntry[]): void {
    for (const { slot, timestampMicros, commands } of entries) {
      let value = crc32(new TextEncoder().encode(`${timestampMicros} ${commands.length}`));
      for (const command of commands) value = crc32(command, value);
      const known = this.#log.get(slot);
      if (known === undefined) this.#log.set(slot, { value, by: host });
      else if (known.value !== value) {
        throw new Violation(
          "A: one value a slot",
          `host ${known.by} applied ${known.value} at slot ${slot}`,
          `host ${host} applies ${value}`,
        );
      }
      this.#highest = Math.max(this.#highest, slot);
    }
  }

  applied(host: number, { appliedIndex, digest }: ApplyReport): void {
    if (digest === "") return;
    const known = this.#digests.get(appliedIndex);
    if (known === undefined) this.#digests.set(appliedIndex, { digest, by: host });
    else if (known.digest !== digest) {
      throw new Violation(
        "H: equal digests at equal slots",
        `host ${known.by} had ${known.digest} at slot ${appliedIndex}`,
        `host ${host} has ${digest}`,
      );
    }
  }

  /** `chosenIndex`: up to where the sender knows what is chosen; that needs no vote, and is not stored again. */
  sent(host: number, message: PeerMessage, chosenIndex: () => number): void {
    switch (message.kind) {
      case "accept":
        return this.#oneValue(host, message);
      case "prepare":
      case "promise":
        return this.#promised(host, message.ballot);
      case "accepted":
        return this.#accepted(
          host,
          message.ballot,
          message.slots.filter((slot) => slot > chosenIndex()),
        );
      default:
        return;
    }
  }

  /** A node starts from this. `rotten`: its log was damaged by the disk, so entries may be lost. */
  started(host: number, initial: InitialState, rotten: boolean): void {
    const claims = this.#claimsOf(host);
    if (compareBallots(initial.promised, claims.promised) < 0) {
      throw new Violation(
        "M: a promise outlives a crash",
        `host ${host} told of ${formatBallot(claims.promised)}`,
        `and starts with ${formatBallot(initial.promised)}`,
      );
    }
    const held = new Map(initial.entries.map((entry) => [entry.slot as number, entry.ballot]));
    for (const [slot, ballot] of claims.accepted) {
      if (slot <= initial.truncationFloor) claims.accepted.delete(slot);
      else if (!rotten && compareBallots(held.get(slot) ?? BALLOT_ZERO, ballot) < 0) {
        const has = held.get(slot);
        throw new Violation(
          "M: what was accepted outlives a crash",
          `host ${host} told of slot ${slot} under ${formatBallot(ballot)}`,
          `and starts with ${has === undefined ? "nothing" : formatBallot(has)}`,
        );
      }
    }
    // What chosen entries took the place of need not be there any more.
    if (rotten) claims.accepted.clear();
  }

  #oneValue(host: number, { slot, ballot, value }: Extract<Message, { kind: "accept" }>): void {
    const key = `${slot}@${formatBallot(ballot)}`;
    const crc = crc32(value.payload, value.kind.length);
    const known = this.#values.get(key) ?? crc;
    this.#values.set(key, known);
    if (known === crc) return;
    throw new Violation(
      "B: one value a ballot and slot",
      `slot ${slot} under ${formatBallot(ballot)} was ${known}`,
      `host ${host} sends ${crc}`,
    );
  }

  #promised(host: number, ballot: Ballot): void {
    const claims = this.#claimsOf(host);
    if (compareBallots(ballot, claims.promised) > 0) claims.promised = ballot;
  }

  #accepted(host: number, ballot: Ballot, slots: readonly number[]): void {
    const claims = this.#claimsOf(host);
    if (compareBallots(ballot, claims.promised) < 0) {
      throw new Violation(
        "M: nothing is accepted below a promise",
        `host ${host} promised ${formatBallot(claims.promised)}`,
        `and accepts ${formatBallot(ballot)} in ${slots.join()}`,
      );
    }
    claims.promised = ballot;
    for (const slot of slots) claims.accepted.set(slot, ballot);
  }

  #claimsOf(host: number): Claims {
    const claims = this.#claims.get(host) ?? { promised: BALLOT_ZERO, accepted: new Map() };
    this.#claims.set(host, claims);
    return claims;
  }
}
