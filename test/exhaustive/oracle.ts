/**
 * The omniscient judge: sees every durable vote that was ever cast and every proposal on its way.
 * Counts quorums by itself, by the membership that governs the slot according to what was chosen.
 */
import { compareBallots, formatBallot } from "../../src/paxos/ballot.ts";
import { decodeMembershipEntry, votersOf } from "../../src/paxos/membership.ts";
import {
  type GoverningMembership,
  type Membership,
  type NodeId,
  slot as toSlot,
} from "../../src/paxos/types.ts";
import type { Proposal, Proposals } from "./facts.ts";
import type { LocalStep } from "./locals.ts";
import type { SiteFacts } from "./sites.ts";
import { idOf } from "./world.ts";

export interface Verdict {
  readonly broken: string | null;
  /** By slot: the proposal of the lowest ballot that a quorum voted for. */
  readonly chosen: ReadonlyMap<number, Proposal>;
  /** Null: what governs that slot is not settled yet. */
  readonly governing: (slot: number) => Membership | null;
}

interface Ballots {
  readonly proposal: Proposal;
  readonly voters: NodeId[];
}

export interface OracleBounds {
  readonly genesis: Membership;
  readonly window: number;
  /** Only two values chosen in one slot are reported. */
  readonly agreementOnly: boolean;
}

export class Oracle {
  readonly #proposals: Proposals;
  readonly #genesis: Membership;
  readonly #window: number;
  readonly #agreementOnly: boolean;

  constructor(proposals: Proposals, bounds: OracleBounds) {
    this.#proposals = proposals;
    this.#genesis = bounds.genesis;
    this.#window = bounds.window;
    this.#agreementOnly = bounds.agreementOnly;
  }

  /** `sites`: by node, in order. */
  judge(sites: readonly SiteFacts[]): Verdict {
    const found = new Map<number, Ballots>();
    sites.forEach(({ votes, accepts }, index) => {
      for (const number of accepts) this.#ballots(found, number);
      for (const number of votes) this.#ballots(found, number).voters.push(idOf(index + 1));
    });
    const all = [...found.values()].toSorted(
      (left, right) =>
        left.proposal.slot - right.proposal.slot ||
        compareBallots(left.proposal.ballot, right.proposal.ballot),
    );
    const chosen = new Map<number, Proposal>();
    const memberships: GoverningMembership[] = [{ fromSlot: toSlot(1), membership: this.#genesis }];
    const settled = { through: 0 };
    const governing = (slot: number): Membership | null =>
      slot > settled.through + this.#window
        ? null
        : (memberships.findLast(({ fromSlot }) => fromSlot <= slot)?.membership ?? null);
    let broken = this.#agreementOnly ? null : twoValuesUnderOneBallot(all);
    for (const slot of new Set(all.map(({ proposal }) => proposal.slot))) {
      const membership = governing(slot);
      if (membership === null) break;
      const here = all.filter(({ proposal }) => proposal.slot === slot);
      const winners = here.filter(({ voters }) => isQuorum(membership, voters));
      const [first] = winners;
      if (first === undefined) continue;
      chosen.set(slot, first.proposal);
      broken ??= twoChosen(winners);
      if (!this.#agreementOnly) broken ??= notChoosableOnly(first, here);
      if (slot !== settled.through + 1) continue;
      settled.through = slot;
      noteMembership(first.proposal, memberships, this.#window);
    }
    return { broken, chosen, governing };
  }

  /** What a step did must agree with what was chosen once it was done. */
  judgeStep(step: LocalStep, by: NodeId, { chosen, governing }: Verdict): string | null {
    if (this.#agreementOnly) return null;
    for (const number of step.takes) {
      const proposal = this.#proposals.at(number);
      if (chosen.get(proposal.slot)?.value === proposal.value) continue;
      return `chosen means durable at a quorum: ${describe(proposal)} was taken as chosen`;
    }
    for (const number of step.below) {
      const proposal = this.#proposals.at(number);
      if (chosen.get(proposal.slot)?.value === proposal.value) continue;
      return `nothing is accepted below a promise: ${describe(proposal)}`;
    }
    for (const number of step.opens) {
      const proposal = this.#proposals.at(number);
      const membership = governing(proposal.slot);
      if (membership === null)
        return `a slot is opened beyond what is settled: ${describe(proposal)}`;
      if (isQuorum(membership, [by, ...step.promisers])) continue;
      return `a slot is opened only with promises of a quorum of its own membership: ${describe(proposal)}`;
    }
    return null;
  }

  #ballots(found: Map<number, Ballots>, number: number): Ballots {
    const known = found.get(number);
    if (known !== undefined) return known;
    const made = { proposal: this.#proposals.at(number), voters: [] };
    found.set(number, made);
    return made;
  }
}

/** A majority of the voters; counted here once more, so that a mistake in the core stays visible. */
function isQuorum(membership: Membership, nodes: readonly NodeId[]): boolean {
  const voters = votersOf(membership);
  return 2 * voters.filter((id) => nodes.includes(id)).length > voters.length;
}

/** `all` is sorted by slot and ballot. */
function twoValuesUnderOneBallot(all: readonly Ballots[]): string | null {
  for (const [place, { proposal }] of all.entries()) {
    const next = all[place + 1]?.proposal;
    if (next === undefined || next.slot !== proposal.slot) continue;
    if (compareBallots(next.ballot, proposal.ballot) !== 0) continue;
    return `one value a ballot and slot: ${describe(proposal)} and ${describe(next)}`;
  }
  return null;
}

function twoChosen(winners: readonly Ballots[]): string | null {
  const [first] = winners;
  const other = winners.find(({ proposal }) => proposal.value !== first?.proposal.value);
  if (first === undefined || other === undefined) return null;
  return `one value a slot: ${describe(first.proposal)} and ${describe(other.proposal)} were both accepted by a quorum`;
}

/** What is proposed above a chosen ballot is what was chosen. */
function notChoosableOnly(first: Ballots, here: readonly Ballots[]): string | null {
  const other = here.find(
    ({ proposal }) =>
      proposal.value !== first.proposal.value &&
      compareBallots(proposal.ballot, first.proposal.ballot) > 0,
  );
  if (other === undefined) return null;
  return `what was chosen stays so: ${describe(first.proposal)} was chosen, ${describe(other.proposal)} was proposed`;
}

function noteMembership(
  { slot, entry }: Proposal,
  memberships: GoverningMembership[],
  window: number,
): void {
  if (entry.value.kind !== "membership") return;
  const { basedOn, membership } = decodeMembershipEntry(entry.value.payload);
  if (basedOn !== memberships.at(-1)?.fromSlot) return;
  memberships.push({ fromSlot: toSlot(slot + window), membership });
}

function describe({ slot, ballot, value }: Proposal): string {
  return `${value} in slot ${slot} under ${formatBallot(ballot)}`;
}
