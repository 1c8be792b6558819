/** What the cluster holds at the end, as one node shows it. */
import type { Session } from "../../../../src/sql/database.ts";
import type { BankOutput } from "../../../checkers/workloads/bank.ts";
import type { NodeCluster } from "../../../support/node-cluster.ts";
import { runQuery } from "../../../support/session-answers.ts";
import { parseList } from "./list-clients.ts";

export interface FinalState {
  readonly lists: ReadonlyMap<number, readonly number[]>;
  readonly ledger: readonly number[];
  readonly balances: BankOutput;
  /** Who is there, by duty. */
  readonly onCall: ReadonlyMap<number, readonly number[]>;
  /** The keys that were written. */
  readonly forks: readonly number[];
}

/** Reads everything through one node. */
export async function readAll(cluster: NodeCluster, session: Session): Promise<FinalState> {
  const rowsOf = (text: string) => cluster.complete(runQuery(session, text));
  const lists = await rowsOf("SELECT k, v FROM lists");
  const ledger = await rowsOf("SELECT id FROM ledger");
  const balances = await rowsOf("SELECT id, balance FROM accounts");
  const people = await rowsOf("SELECT id, duty, there FROM on_call");
  const forks = await rowsOf("SELECT k FROM forks");
  const onCall = new Map<number, number[]>();
  for (const [person, duty, there] of people) {
    const present = onCall.get(Number(duty)) ?? [];
    onCall.set(Number(duty), there === 1n ? [...present, Number(person)] : present);
  }
  return {
    lists: new Map(lists.map(([key, text]) => [Number(key), parseList(text)])),
    ledger: ledger.map(([id]) => Number(id)),
    balances: Object.fromEntries(balances.map(([id, balance]) => [String(id), Number(balance)])),
    onCall,
    forks: forks.map(([key]) => Number(key)),
  };
}

/** Equal for equal states, whatever the order in which rows were read. */
export function textOf({ lists, ledger, balances, onCall, forks }: FinalState): string {
  const inOrder = (numbers: readonly number[]): number[] =>
    numbers.toSorted((left, right) => left - right);
  const byKey = <Value>(entries: ReadonlyMap<number, Value>): [number, Value][] =>
    [...entries].toSorted(([left], [right]) => left - right);
  return JSON.stringify([
    byKey(lists),
    inOrder(ledger),
    // In the order of their numbers, as every object with such keys is.
    balances,
    byKey(onCall).map(([duty, people]) => [duty, inOrder(people)]),
    inOrder(forks),
  ]);
}
