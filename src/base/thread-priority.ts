/** What runs in the background may not take the processor from what clients wait for. */
import { constants, setPriority } from "node:os";
import { linkTarget } from "./files-blocking.ts";

/**
 * Gives the calling thread the lowest priority there is, for good. Linux counts priorities by thread
 * (setpriority(2), "C library/kernel differences"); elsewhere, or where that is not allowed, nothing changes.
 */
export function runInBackground(): void {
  const thread = linkTarget("/proc/thread-self")?.split("/").at(-1);
  if (thread === undefined) return;
  try {
    setPriority(Number(thread), constants.priority.PRIORITY_LOW);
  } catch {
    // The copy is made all the same, at the expense of others.
  }
}
