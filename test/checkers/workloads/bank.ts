/**
 * Accounts between which money is transferred, in transactions that may also open an account out of another's
 * balance or close one into another: each read of all of them must show the same total, and no
 * balance below zero.
 */
import type { History, Verdict } from "../history.ts";
import { operationText } from "../operation-text.ts";
import { Findings } from "./findings.ts";

export type BankInput =
  | { readonly kind: "read" }
  /** Also opens `to` if there is none, and closes `from` if nothing is left and the workload says so. */
  | {
      readonly kind: "transfer";
      readonly from: string;
      readonly to: string;
      readonly amount: number;
    };

/** Balances by account; of a transfer it is of no interest. */
export type BankOutput = Readonly<Record<string, number>>;

export interface BankOptions {
  readonly total: number;
  /** Whether the database has to keep balances from going below zero. */
  readonly overdraft: "allowed" | "forbidden";
}

export function checkBank(history: History<BankInput, BankOutput>, options: BankOptions): Verdict {
  const findings = new Findings();
  for (const read of history) {
    if (read.input.kind !== "read" || read.outcome !== "ok") continue;
    const accounts = Object.entries(read.output ?? {});
    const total = accounts.reduce((sum, [, balance]) => sum + balance, 0);
    const balances = accounts.map(([account, balance]) => `${account} ${balance}`).join(", ");
    const text = operationText(read, `read of ${balances}`);
    if (total !== options.total) {
      findings.add("wrong-total", `${total} and not ${options.total} in ${text}`);
    }
    for (const [account, balance] of accounts) {
      if (balance >= 0 || options.overdraft === "allowed") continue;
      findings.add("negative-balance", `${account} has ${balance} in ${text}`);
    }
  }
  return findings.verdict();
}
