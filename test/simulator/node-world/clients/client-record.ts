/** What clients remember of their operations, all by one order of events. */
import type { Operation } from "../../../checkers/history.ts";
import type { SimulatedNode } from "../../../support/simulated-node.ts";
import type { FaultLedger } from "../../fault-ledger.ts";
import { codeOf } from "./client-connection.ts";

/** Says what became of an operation. */
export type Ended<Output> = (
  outcome: Operation<unknown, Output>["outcome"],
  output: Output | null,
) => void;

/** Refusals after which the client may be sure that nothing happened. */
const REFUSED = new Set(["57P01", "57P03", "23505", "40001"]);
/** Its answer is not known, or not waited for. */
const UNKNOWN = new Set(["40003", "57014"]);

/** A client has cancelled a statement of a transaction, which it has rolled back. */
export class GaveUp extends Error {
  override readonly name = "GaveUp";
}

export class ClientRecord {
  readonly #ledger: FaultLedger;
  #nextProcess = 1;
  #order = 0;

  constructor(ledger: FaultLedger) {
    this.#ledger = ledger;
  }

  /** Notes the operation as unknown until the returned function says what became of it. */
  began<Input, Output>(
    node: SimulatedNode,
    history: Operation<Input, Output>[],
    input: Input,
  ): Ended<Output> {
    const at = history.length;
    const begun: Operation<Input, Output> = {
      process: this.#nextProcess,
      node: node.name,
      input,
      output: null,
      outcome: "unknown",
      invokedAt: this.#tick(),
      completedAt: Number.POSITIVE_INFINITY,
    };
    this.#nextProcess += 1;
    history.push(begun);
    return (outcome, output) => {
      const completedAt = outcome === "unknown" ? Number.POSITIVE_INFINITY : this.#tick();
      history[at] = { ...begun, outcome, output, completedAt };
      this.reached(`operation ${outcome}`);
    };
  }

  /** What an answer says of its operation; throws it again if no client should ever be told so. */
  outcomeOf(error: unknown): "failed" | "unknown" {
    const code = codeOf(error);
    this.reached(`answer ${code}`);
    if (isRefusal(error)) return "failed";
    if (UNKNOWN.has(code)) return "unknown";
    throw error;
  }

  /** Counts a mark. */
  reached(mark: string): void {
    this.#ledger.reached(mark);
  }

  #tick(): number {
    this.#order += 1;
    return this.#order;
  }
}

export function isRefusal(error: unknown): boolean {
  return error instanceof GaveUp || REFUSED.has(codeOf(error));
}
