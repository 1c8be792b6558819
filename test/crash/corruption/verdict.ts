/**
 * What a damaged cluster owes, and whether it kept it.
 *
 * A cluster whose majority runs must recover when every chosen item has one good copy on a running
 * node, and for every slot a majority of all nodes can vouch (faults rule 27): a node whose record
 * of the slot is damaged vouches if somebody has the value of the same or a higher ballot; one that
 * lost records without knowing whose vouches for no slot. It must not recover when an item has no
 * good copy at all, or no majority runs. In between both are right.
 *
 * One double fault is left out, as docs/wal-format.md says: who loses the last batch and the seal
 * that proved it durable is told by nothing that it was not a torn write.
 */
import { compareBallots } from "../../../src/paxos/ballot.ts";
import { textOf } from "../../support/storage/stored-cluster.ts";
import type { StoredNode } from "../../support/storage/stored-node.ts";
import type { Outcome } from "./experiment.ts";
import { recordPlaces } from "./places.ts";
import { NODES, type Template } from "./template.ts";

export type Expected = "recover" | "refuse" | "either";

const MAJORITY = 2;

/** What the nodes that run can do with what they can read. */
export function expectedOf(template: Template, running: readonly StoredNode[]): Expected {
  if (running.length < MAJORITY) return "refuse";
  const slots = [...template.chosen.keys()];
  if (!slots.every((slot) => hasGoodCopy(template, running, slot))) return "refuse";
  const open = running.flatMap(({ storage: { initial } }) => [
    ...initial.entries.map(({ slot }) => slot),
    ...initial.faulty.map(({ slot }) => slot),
  ]);
  const all = new Set<number>([...slots, ...open]);
  return [...all].every((slot) => isVouchedFor(running, slot)) ? "recover" : "either";
}

function isVouchedFor(running: readonly StoredNode[], slot: number): boolean {
  const states = running.map(({ storage }) => storage.initial);
  const best = states
    .flatMap(({ entries }) => entries.filter((entry) => entry.slot === slot))
    .toSorted((left, right) => compareBallots(right.ballot, left.ballot))[0];
  const vouching = states.filter(({ faulty, faultyAnywhere }) => {
    if (faultyAnywhere) return false;
    const fault = faulty.find((candidate) => candidate.slot === slot);
    if (fault === undefined) return true;
    const { ballot } = fault;
    return ballot !== null && best !== undefined && compareBallots(best.ballot, ballot) >= 0;
  });
  return vouching.length >= MAJORITY;
}

function hasGoodCopy(template: Template, running: readonly StoredNode[], slot: number): boolean {
  return running.some(({ storage: { initial } }) => {
    if (initial.truncationFloor >= slot) return true;
    const entry = initial.entries.find((candidate) => candidate.slot === slot);
    return entry !== undefined && textOf(entry) === template.chosen.get(slot);
  });
}

/** What is wrong with an outcome; empty: nothing. */
export function complaintsOf(outcome: Outcome, expected: Expected): readonly string[] {
  const complaints = [...outcome.violations];
  if (expected === "recover" && !outcome.recovered) {
    complaints.push(`did not recover within ${outcome.rounds} rounds`);
  }
  if (expected === "refuse" && outcome.recovered) complaints.push("recovered out of nothing");
  return complaints;
}

/** Whatever a node held it still has, or says to be damaged; and its promise stands. Else: in words. */
export function forgotten(template: Template, node: StoredNode): readonly string[] {
  const { initial } = node.storage;
  if (initial.faultyAnywhere) return [];
  const told = new Set<number>(initial.faulty.map(({ slot }) => slot));
  for (const { slot } of initial.entries) told.add(slot);
  const files = template.disks.get(node.id) ?? new Map<string, Uint8Array>();
  const silent = recordPlaces(files)
    .map(({ slot }) => slot)
    .filter((slot) => slot > initial.truncationFloor && !told.has(slot));
  const complaints =
    silent.length > 0 ? [`n${node.id} has forgotten slot ${silent.join()} without a word`] : [];
  const promised = template.promised.get(node.id);
  if (promised !== undefined && compareBallots(initial.promised, promised) < 0) {
    complaints.push(`n${node.id} has forgotten its promise`);
  }
  return complaints;
}

/** Nodes whose damage, or whose refusal to start, was told in words. */
export function isLoud(outcome: Outcome): boolean {
  return (
    outcome.refusals.size > 0 ||
    outcome.running.length < NODES.length ||
    outcome.running.some(({ complaints }) => complaints.length > 0)
  );
}
