import type { Catalog } from "../sql/catalog/catalog.ts";

const known = new WeakMap<Catalog, ReadonlySet<string>>();

/** The tables that have foreign keys, or to which some refer. */
export function underForeignKeys(catalog: Catalog): ReadonlySet<string> {
  const found = known.get(catalog);
  if (found !== undefined) return found;
  const collected = collect(catalog);
  known.set(catalog, collected);
  return collected;
}

function collect({ relations }: Catalog): ReadonlySet<string> {
  const names = new Set<string>();
  for (const relation of relations.values()) {
    if (relation.kind !== "table") continue;
    for (const constraint of relation.constraints) {
      if (constraint.kind !== "foreignKey") continue;
      names.add(relation.name).add(constraint.foreignTable);
    }
  }
  return names;
}
