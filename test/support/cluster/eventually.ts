import { setTimeout } from "node:timers/promises";

const INTERVAL_MS = 25;

/**
 * Asks again and again until `probe` gives something but undefined or false, and returns that.
 * Rejects with what was awaited, and the last error, when the time is up.
 */
export async function eventually<Result>(
  what: string,
  deadlineMs: number,
  probe: () => Promise<Result | undefined | false> | Result | undefined | false,
): Promise<Result> {
  const endMs = performance.now() + deadlineMs;
  let cause: unknown;
  do {
    try {
      const result = await probe();
      if (result !== undefined && result !== false) return result;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await setTimeout(INTERVAL_MS);
  } while (performance.now() < endMs);
  const last = cause instanceof Error ? ` (${cause.message})` : "";
  throw new Error(`not within ${deadlineMs} ms: ${what}${last}`, {
    cause,
  });
}
