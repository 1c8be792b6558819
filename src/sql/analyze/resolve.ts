/** Which of several functions or operators of one name is meant (PostgreSQL manual, 10.2, 10.3). */
import { PSEUDO, type Signature } from "../functions/signature.ts";
import { OID } from "../types/oids.ts";
import { typeByOid } from "../types/registry.ts";
import { canCast } from "./casts.ts";

const UNKNOWN = OID.unknown;

export interface Resolution {
  readonly signature: Signature;
  /** The type that each argument is to be converted to. */
  readonly args: readonly number[];
  readonly result: number;
}

export function resolveCall(
  candidates: readonly Signature[],
  types: readonly number[],
): Resolution | "none" | "ambiguous" {
  const possible = candidates
    .map((signature) => specialize(signature, types))
    .filter((resolution) => resolution !== undefined)
    .filter(({ args }) =>
      types.every((type, index) => canCast(type, args[index] ?? PSEUDO.any, "implicit")),
    );
  const [only] = possible;
  if (only === undefined) {
    return "none";
  }
  return possible.length === 1 ? only : narrow(possible, types);
}

/** The signature with its polymorphic types replaced by what the arguments make of them. */
function specialize(signature: Signature, types: readonly number[]): Resolution | undefined {
  const declared = expand(signature, types.length);
  if (declared === undefined) {
    return undefined;
  }
  const element = elementType(declared, types);
  const concrete = (oid: number, given: number): number | undefined => {
    switch (oid) {
      case PSEUDO.any:
        return given === UNKNOWN ? OID.text : given;
      case PSEUDO.anyelement:
      case PSEUDO.anycompatible:
        return element;
      case PSEUDO.anyarray:
      case PSEUDO.anycompatiblearray:
        return element === undefined ? undefined : typeByOid(element)?.arrayOid;
      default:
        return oid;
    }
  };
  const args = declared.map((oid, index) => concrete(oid, types[index] ?? UNKNOWN));
  const result = concrete(signature.result, UNKNOWN);
  const complete = args.filter((oid) => oid !== undefined && oid !== 0);
  if (complete.length !== args.length || result === undefined) {
    return undefined;
  }
  return { signature, args: complete as readonly number[], result };
}

function expand({ args, variadic }: Signature, given: number): readonly number[] | undefined {
  if (!variadic) {
    return args.length === given ? args : undefined;
  }
  const last = args.at(-1);
  if (last === undefined || given < args.length) {
    return undefined;
  }
  return [...args, ...Array.from({ length: given - args.length }, () => last)];
}

/** What anyelement stands for, from arguments that are elements or arrays. */
function elementType(declared: readonly number[], types: readonly number[]): number | undefined {
  let found: number | undefined;
  for (const [index, oid] of declared.entries()) {
    const given = types[index] ?? UNKNOWN;
    const own = given === UNKNOWN ? undefined : elementOf(oid, given);
    if (own === 0) {
      return undefined;
    }
    if (own === undefined) {
      continue;
    }
    if (found !== undefined && found !== own && !canCast(own, found, "implicit")) {
      if (!canCast(found, own, "implicit")) return undefined;
      found = own;
    }
    found ??= own;
  }
  return found ?? (declared.some(isPolymorphic) ? OID.text : undefined);
}

/** 0: an array was needed and none was given. */
function elementOf(declared: number, given: number): number | undefined {
  if (declared === PSEUDO.anyelement || declared === PSEUDO.anycompatible) {
    return given;
  }
  return isPolymorphic(declared) ? (typeByOid(given)?.elementOid ?? 0) : undefined;
}

function isPolymorphic(oid: number): boolean {
  return oid !== PSEUDO.any && Object.values<number>(PSEUDO).includes(oid);
}

function narrow(
  possible: readonly Resolution[],
  types: readonly number[],
): Resolution | "ambiguous" {
  const matching = best(possible, ({ args }) =>
    count(types, (type, index) => type === args[index]),
  );
  // A type that is declared goes before one that a pseudo-type happens to become.
  const exact = best(matching, ({ signature }) =>
    count(signature.args, (oid) => !Object.values<number>(PSEUDO).includes(oid)),
  );
  const [first] = exact;
  if (exact.length === 1 && first !== undefined) {
    return first;
  }
  const preferred = best(exact, ({ args }) =>
    count(types, (type, index) => type === args[index] || isPreferred(args[index], type)),
  );
  const byCategory = unknownsByCategory(preferred, types);
  const [chosen, another] = byCategory;
  if (chosen !== undefined && another === undefined) {
    return chosen;
  }
  return allUnknownsAlike(byCategory, types) ?? "ambiguous";
}

function isPreferred(candidate: number | undefined, given: number): boolean {
  const type = typeByOid(candidate ?? 0);
  const sameCategory = given === UNKNOWN || typeByOid(given)?.category === type?.category;
  return type?.preferred === true && sameCategory && given !== UNKNOWN;
}

/** For unknown literals: string if any candidate takes one there, else the category all share. */
function unknownsByCategory(
  candidates: readonly Resolution[],
  types: readonly number[],
): readonly Resolution[] {
  let left = candidates;
  for (const [index, type] of types.entries()) {
    if (type !== UNKNOWN) {
      continue;
    }
    const categories = new Set(left.map(({ args }) => categoryAt(args, index)));
    const wanted = categories.has("S")
      ? "S"
      : categories.size === 1
        ? [...categories][0]
        : undefined;
    if (wanted === undefined) {
      continue;
    }
    const fitting = left.filter(({ args }) => categoryAt(args, index) === wanted);
    const preferred = fitting.filter(({ args }) => typeByOid(args[index] ?? 0)?.preferred);
    left = preferred.length > 0 ? preferred : fitting;
  }
  return left;
}

function categoryAt(args: readonly number[], index: number): string {
  return typeByOid(args[index] ?? 0)?.category ?? "";
}

/** If all known arguments have one type, the unknown ones are taken to have it as well. */
function allUnknownsAlike(
  candidates: readonly Resolution[],
  types: readonly number[],
): Resolution | undefined {
  const known = new Set(types.filter((type) => type !== UNKNOWN));
  const [type] = known;
  if (known.size !== 1 || type === undefined) {
    return undefined;
  }
  const matching = candidates.filter(({ args }) =>
    args.every((arg) => canCast(type, arg, "implicit")),
  );
  const [chosen, another] =
    matching.length > 1
      ? matching.filter(({ args }) => args.every((arg) => arg === type))
      : matching;
  return another === undefined ? chosen : undefined;
}

function best<T>(items: readonly T[], score: (item: T) => number): readonly T[] {
  const scored = items.map((item) => ({ item, score: score(item) }));
  const highest = Math.max(...scored.map((each) => each.score));
  return scored.filter((each) => each.score === highest).map((each) => each.item);
}

function count<T>(items: readonly T[], holds: (item: T, index: number) => boolean): number {
  return items.filter(holds).length;
}
