import type { Operation } from "../../checkers/history.ts";

/**
 * Several attempts at one thing as the one operation that they are together: it happened if one is
 * acknowledged, may have happened if one is unknown, and did not if all failed.
 */
export function joinAttempts<Input, Output>(
  earlier: Operation<Input, Output> | undefined,
  later: Operation<Input, Output>,
): Operation<Input, Output> {
  if (earlier === undefined) return later;
  const { invokedAt } = earlier;
  if (earlier.outcome === "ok") return earlier;
  if (later.outcome === "failed" && earlier.outcome === "unknown") return earlier;
  return { ...later, invokedAt };
}

/** Items that have the same key, in their order. */
export function groupBy<Key, Item>(
  items: readonly Item[],
  keyOf: (item: Item) => Key,
): ReadonlyMap<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
