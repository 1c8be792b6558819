/** What runs in the background may not take the processor from what clients wait for. */
import { readlinkSync } from "node:fs";
import { constants, setPriority } from "node:os";

/**
 * Gives the calling thread the lowest priority there is, for good. Linux counts priorities by thread
 * (setpriority(2), "C library/kernel differences"); elsewhere, or where that is not allowed, nothing changes.
 */
export function runInBackground(): void {
  if (process.platform !== "linux") return;
  try {
    const thread = readlinkSync("/proc/thread-self").split("/").at(-1);
    setPriority(Number(thread), constants.priority.PRIORITY_LOW);
  } catch {
    // Without it the copy is made all the same, at the expense of others.
  }
}
