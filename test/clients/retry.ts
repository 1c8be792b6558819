/** The loop that PostgreSQL's manual asks of every client of serializable transactions. */
import { setTimeout } from "node:timers/promises";

const ATTEMPTS_MAX = 200;
const PAUSE_MS_MAX = 20;
const CONNECTION_LOST = /^(ECONN\w+|EPIPE|CONNECTION_\w+|08\w{3}|57P0\d)$/;

export interface Retried<Result> {
  readonly result: Result;
  readonly attempts: number;
}

/** Runs a whole transaction until it neither conflicts nor loses its connection. */
export async function retried<Result>(
  transaction: (attempt: number) => Promise<Result>,
): Promise<Retried<Result>> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return { result: await transaction(attempts), attempts };
    } catch (error) {
      if (attempts === ATTEMPTS_MAX || !isToBeTriedAgain(error)) throw error;
      await setTimeout(Math.random() * PAUSE_MS_MAX);
    }
  }
}

/** The SQLSTATE, or the system's code; libraries may have wrapped what the driver threw. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if ("code" in error && typeof error.code === "string") return error.code;
  return codeOf(error.cause);
}

function isToBeTriedAgain(error: unknown): boolean {
  const code = codeOf(error);
  return code === "40001" || CONNECTION_LOST.test(code) || isDeadClient(error);
}

/** node-postgres has no code for a connection that is gone. */
function isDeadClient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    /^Connection terminated|is not queryable$/.test(error.message) || isDeadClient(error.cause)
  );
}
