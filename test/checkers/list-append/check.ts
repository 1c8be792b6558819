/**
 * Transactions over lists, in the manner of the checker Elle (Kingsbury and Alvaro, "Elle: Inferring
 * Isolation Anomalies from Experimental Observations", VLDB 2020). Reads of whole lists show in which
 * order values were appended; from it follows which transaction must come before which; whatever must
 * come before itself is an anomaly, whose kind says which levels of isolation are refuted.
 *
 * Sound: what it names did happen. Complete for serializability and strict serializability: if it names
 * nothing, any topological order of the graph is a serial order that explains every read.
 */
import type { Verdict } from "../history.ts";
import { Appends } from "./appends.ts";
import { findCycles } from "./cycles.ts";
import { committedOf, dependencies } from "./dependencies.ts";
import { explainCycle } from "./explain-cycle.ts";
import { reportInternal } from "./internal.ts";
import { type Anomaly, type AnomalyName, cycleAnomaly, cycleName, type Level } from "./levels.ts";
import { reportLostUpdates } from "./lost-update.ts";
import type { TransactionHistory } from "./transaction.ts";
import { versionOrder } from "./version-order.ts";

/** Each kind of anomaly is explained this often; more of the kind refute nothing more. */
const EXPLAINED_MAX = 5;

export type ListAppendReport =
  | {
      readonly kind: "checked";
      readonly anomalies: readonly Anomaly[];
      readonly refuted: readonly Level[];
    }
  | { readonly kind: "undecided"; readonly reason: string };

/** Does the history keep this level? Strict serializability is "strong-serializable". */
export function checkListAppend(
  history: TransactionHistory,
  level: Level = "strong-serializable",
): Verdict {
  const report = listAppendReport(history);
  if (report.kind === "undecided") return report;
  const against = report.anomalies.filter(({ refutes }) => refutes.includes(level));
  const [gravest] = against;
  if (gravest === undefined) return { kind: "valid" };
  return {
    kind: "invalid",
    anomaly: gravest.name,
    explanation: against.map(({ explanation }) => explanation).join("\n\n"),
  };
}

/** Everything that is wrong with a history, the gravest first, and the levels that this refutes. */
export function listAppendReport(history: TransactionHistory): ListAppendReport {
  const appends = new Appends(history);
  if (appends.ambiguous !== null) return { kind: "undecided", reason: appends.ambiguous };
  const anomalies: Anomaly[] = [];
  const explained = (name: AnomalyName): number =>
    anomalies.filter((anomaly) => anomaly.name === name).length;
  const report = (anomaly: Anomaly): void => {
    if (explained(anomaly.name) < EXPLAINED_MAX) anomalies.push(anomaly);
  };
  const orders = appends.keys.map((key) => versionOrder(appends, key, report));
  reportInternal(appends, report);
  for (const order of orders) reportLostUpdates(appends, order, report);
  const graph = dependencies(appends, orders, committedOf(appends, orders));
  findCycles(graph, (cycle) => {
    if (explained(cycleName(cycle.name, cycle.order)) >= EXPLAINED_MAX) return;
    report(cycleAnomaly(cycle.name, cycle.order, explainCycle(cycle, { appends, orders, graph })));
  });
  const gravestFirst = anomalies.toSorted((a, b) => b.refutes.length - a.refutes.length);
  const refuted = [...new Set(gravestFirst.flatMap(({ refutes }) => refutes))];
  return { kind: "checked", anomalies: gravestFirst, refuted };
}
