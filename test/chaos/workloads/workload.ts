/** What clients do all the while, and how it is judged. */
import type { Verdict } from "../../checkers/history.ts";
import type { ClusterNode } from "../../support/cluster/cluster-node.ts";
import type { ClientSession, OutcomeCounts } from "./recorder.ts";

export interface Workload {
  readonly name: string;
  /** Statements that make its tables, each run alone before the faults begin. */
  readonly schema: readonly string[];
  readonly counts: OutcomeCounts;
  /** One operation. Never rejects. */
  step(session: ClientSession): Promise<void>;
  /** What is read at the end, through each node, when all is healed. */
  readFinal(node: ClusterNode): Promise<void>;
  /** Of the whole history. Called once, last. */
  check(): Verdict;
  /** Closes the history's file. */
  close(): Promise<void>;
}

export const VALID: Verdict = { kind: "valid" };
