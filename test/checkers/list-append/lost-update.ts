import type { Appends, KeyHistory, Read } from "./appends.ts";
import type { Anomaly } from "./levels.ts";
import { listText } from "./transaction.ts";
import { simpleAnomaly, transactionText, type VersionOrder } from "./version-order.ts";

/** Two transactions read the same version of a key and both appended to it: one did not see the other. */
export function reportLostUpdates(
  appends: Appends,
  { key, reads, usable }: VersionOrder,
  report: (anomaly: Anomaly) => void,
): void {
  if (!usable) return;
  const updaterOf = new Map<number, number>();
  for (const read of reads) {
    if (!isUpdate(appends, key, read)) continue;
    const { transaction, list } = read;
    const other = updaterOf.get(list.length);
    if (other === undefined) {
      updaterOf.set(list.length, transaction);
    } else if (other !== transaction) {
      report(
        simpleAnomaly(
          "lost-update",
          `both read ${key.key} as ${listText(list)} and then appended to it\n` +
            `  ${transactionText(appends, other)}\n  ${transactionText(appends, transaction)}`,
        ),
      );
    }
  }
}

/** The read is of what others wrote, and the transaction appends to the key afterwards. */
function isUpdate(appends: Appends, key: KeyHistory, { transaction, step }: Read): boolean {
  const { input } = appends.transaction(transaction);
  const appendsToKey = (at: number): boolean => {
    const asked = input[at];
    return asked?.kind === "append" && asked.key === key.key;
  };
  for (let before = 0; before < step; before += 1) if (appendsToKey(before)) return false;
  for (let after = step + 1; after < input.length; after += 1) if (appendsToKey(after)) return true;
  return false;
}
