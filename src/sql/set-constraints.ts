/**
 * SET CONSTRAINTS, as far as it changes nothing. SQLite can put off the checks of all foreign keys of a
 * connection and no others, also of those that are NOT DEFERRABLE; and it cannot bring forward a check
 * that was put off. So a constraint is checked when its table's definition says, and a client that asks
 * for that has it; one that asks for something else is refused, and not told that it has it.
 *
 * | foreign key                    | DEFERRED | IMMEDIATE |
 * | NOT DEFERRABLE, by its name    | 42809    | accepted  |
 * | DEFERRABLE INITIALLY IMMEDIATE | 0A000    | accepted  |
 * | DEFERRABLE INITIALLY DEFERRED  | accepted | 0A000     |
 */
import type { ConstraintsSetStmt } from "libpg-query";
import type { Catalog, Constraint } from "./catalog/catalog.ts";
import { notSupported, SqlError } from "./errors.ts";
import { relationName } from "./schema/relation-name.ts";
import type { NoEffectTranslation } from "./translation.ts";

/** Throws SqlError 42704 for a name that no constraint has, 42809 and 0A000 as the table says. */
export function setConstraints(
  { constraints: names, deferred = false }: ConstraintsSetStmt,
  catalog: Catalog,
): NoEffectTranslation {
  const all = [...catalog.relations.values()].flatMap((relation) =>
    relation.kind === "table" ? relation.constraints : [],
  );
  const meant = names === undefined ? all.filter(isDeferrable) : [];
  for (const name of names ?? []) {
    if ("RangeVar" in name) meant.push(...named(relationName(name.RangeVar), all, deferred));
  }
  for (const constraint of meant) refuseChange(constraint, deferred);
  const common = { parameterTypes: [], columns: null, tagCounts: false } as const;
  return { kind: "noEffect", onlyInBlock: "warned", tag: "SET CONSTRAINTS", ...common };
}

function named(name: string, all: readonly Constraint[], deferred: boolean): readonly Constraint[] {
  const found = all.filter((constraint) => constraint.name === name);
  if (found.length === 0) throw new SqlError("42704", `constraint "${name}" does not exist`);
  if (deferred && !found.every(isDeferrable)) {
    throw new SqlError("42809", `constraint "${name}" is not deferrable`);
  }
  return found.filter(isDeferrable);
}

function isDeferrable(constraint: Constraint): boolean {
  return constraint.kind === "foreignKey" && constraint.deferrable;
}

function refuseChange(constraint: Constraint, deferred: boolean): void {
  const { name } = constraint;
  const isDeferred = constraint.kind === "foreignKey" && constraint.initiallyDeferred;
  if (isDeferred === deferred) return;
  throw deferred
    ? notSupported(`SET CONSTRAINTS … DEFERRED for "${name}", which is INITIALLY IMMEDIATE,`, {
        hint: "Declare it DEFERRABLE INITIALLY DEFERRED: then it is checked at COMMIT.",
      })
    : notSupported(`SET CONSTRAINTS … IMMEDIATE for "${name}", which is INITIALLY DEFERRED,`, {
        hint: "It is checked at COMMIT.",
      });
}
