/** All mutants, in the order of their numbers, and what cannot be planted yet. */
import { CORE_MUTANTS } from "./core-mutants.ts";
import { DISK_MUTANTS } from "./disk-mutants.ts";
import type { Mutant, NotApplicable } from "./mutant.ts";
import { NODE_MUTANTS } from "./node-mutants.ts";
import { TRANSACTION_MUTANTS } from "./transaction-mutants.ts";

export const MUTANTS: readonly Mutant[] = [
  ...CORE_MUTANTS,
  ...NODE_MUTANTS,
  ...DISK_MUTANTS,
  ...TRANSACTION_MUTANTS,
].toSorted((left, right) => compareIds(left.id, right.id));

export const NOT_APPLICABLE: readonly NotApplicable[] = [
  {
    id: "m17",
    what: "a lease that lasts longer than its grantors'",
    why: "there are no leases: every read asks a quorum",
  },
  {
    id: "m18",
    what: "a lease that is checked before the read only",
    why: "there are no leases: every read asks a quorum",
  },
  {
    id: "m42",
    what: "a digest that differs from the others' is ignored",
    why: "nodes keep digests but do not compare them yet; the worlds' oracle H does",
  },
];

export function mutantNamed(id: string): Mutant {
  const found = MUTANTS.find((mutant) => mutant.id === id);
  if (found === undefined) throw new Error(`there is no mutant ${id}`);
  return found;
}

export function compareIds(left: string, right: string): number {
  return numberOf(left) - numberOf(right) || left.localeCompare(right);
}

function numberOf(id: string): number {
  return Number(/\d+/.exec(id)?.[0] ?? 0);
}
