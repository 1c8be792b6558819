/** Judges the clients' stories by the checkers that judge real processes too. Throws Violation. */
import type { Operation, Verdict } from "../../../checkers/history.ts";
import { checkBank } from "../../../checkers/workloads/bank.ts";
import { checkLongFork } from "../../../checkers/workloads/long-fork.ts";
import { checkOnCall } from "../../../checkers/workloads/on-call.ts";
import { Violation } from "../../../support/violation.ts";
import { ACCOUNTS, BALANCE } from "../small-statements.ts";
import type { BankOperation } from "./bank-clients.ts";
import type { Clients } from "./clients.ts";
import type { FinalState } from "./final-state.ts";
import type { LongForkOperation } from "./long-fork-clients.ts";

export function judgeStories({ bank, onCall, longFork }: Clients, final: FinalState): void {
  const total = ACCOUNTS * BALANCE;
  const reads = [...bank.history, atTheEnd({ kind: "read" } as const, final.balances)];
  refuse("the bank", checkBank(reads, { total, overdraft: "forbidden" }));
  judgeBalances(bank.history, final);
  const looks = [...final.onCall].map(([duty, people]) =>
    atTheEnd({ kind: "read", duty: `${duty}` } as const, people.length),
  );
  refuse("who is on call", checkOnCall([...onCall.history, ...looks]));
  refuse("the order of writes", checkLongFork(longFork.history));
  judgeWrites(longFork.history, final);
  judgeMoments(longFork.history);
}

/** What everybody sees when all is over. */
function atTheEnd<Input, Output>(input: Input, output: Output): Operation<Input, Output> {
  const at = Number.MAX_SAFE_INTEGER;
  const times = { invokedAt: at, completedAt: at };
  return { process: -1, node: "at the end", input, output, outcome: "ok", ...times };
}

function refuse(what: string, verdict: Verdict): void {
  if (verdict.kind === "valid") return;
  const [name, why] =
    verdict.kind === "invalid"
      ? [verdict.anomaly, verdict.explanation]
      : ["undecided", verdict.reason];
  throw new Violation(`L: transactions are serializable, by ${what}`, name, why);
}

/** With no transfer unknown, each balance is what all that were acknowledged make of it. */
function judgeBalances(transfers: readonly BankOperation[], { balances }: FinalState): void {
  const expected = new Map<string, number>();
  for (const { input, outcome } of transfers) {
    if (input.kind !== "transfer") continue;
    if (outcome === "unknown") return;
    if (outcome === "failed") continue;
    const { from, to, amount } = input;
    expected.set(from, (expected.get(from) ?? BALANCE) - amount);
    expected.set(to, (expected.get(to) ?? BALANCE) + amount);
  }
  for (const [account, balance] of Object.entries(balances)) {
    const should = expected.get(account) ?? BALANCE;
    if (balance === should) continue;
    throw new Violation(
      "D, X: each acknowledged transfer happened once, no other did",
      `account ${account} has ${balance}`,
      `by what clients were told it has ${should}`,
    );
  }
}

function judgeWrites(operations: readonly LongForkOperation[], { forks }: FinalState): void {
  const present = new Set(forks);
  for (const { input, outcome, node } of operations) {
    if (input.kind !== "write") continue;
    const isThere = present.has(Number(input.key));
    if (outcome === "unknown" || isThere === (outcome === "ok")) continue;
    throw new Violation(
      "D, X: what was acknowledged is there, what was refused is not",
      `${node} was told of key ${input.key}: ${outcome}`,
      isThere ? "it is there" : "it is gone",
    );
  }
}

/**
 * A read of a group is of one moment, not before it began: with a key it shows every key whose write was
 * acknowledged before that one's began, or before the read did.
 */
function judgeMoments(operations: readonly LongForkOperation[]): void {
  const writes = operations.filter(({ input }) => input.kind === "write");
  for (const read of operations) {
    if (read.input.kind !== "read" || read.outcome !== "ok") continue;
    const { group } = read.input;
    const shown = new Set(read.output);
    const ofGroup = writes.filter(({ input }) => input.group === group);
    const seen = ofGroup.filter((write) => shown.has(keyOf(write)));
    const latest = Math.max(read.invokedAt, ...seen.map(({ invokedAt }) => invokedAt));
    const missed = ofGroup.find(
      (write) => write.completedAt < latest && write.outcome === "ok" && !shown.has(keyOf(write)),
    );
    if (missed === undefined) continue;
    throw new Violation(
      "L: a read of many keys is of one moment",
      `${read.node} read ${[...shown].join()} of group ${group} (${read.invokedAt} to ${read.completedAt})`,
      `not ${keyOf(missed)}, written before ${latest} (${missed.invokedAt} to ${missed.completedAt})`,
    );
  }
}

function keyOf({ input }: LongForkOperation): string {
  return input.kind === "write" ? input.key : "";
}
