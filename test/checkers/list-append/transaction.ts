/** Transactions over lists: what one asks and what it answers. */
import type { History, Operation } from "../history.ts";

export type Step =
  /** A key never gets the same value twice, whoever appends it: a retry takes another one. */
  | { readonly kind: "append"; readonly key: string; readonly value: number }
  | { readonly kind: "read"; readonly key: string };

/** Done together or not at all. */
export type TransactionInput = readonly Step[];

/** For each step: the list that a read saw, null for an append. */
export type TransactionOutput = readonly (readonly number[] | null)[];

export type Transaction = Operation<TransactionInput, TransactionOutput>;
export type TransactionHistory = History<TransactionInput, TransactionOutput>;

export function stepsText({ input, output }: Transaction): string {
  return input
    .map((step, at) => {
      if (step.kind === "append") return `append ${step.key} ${step.value}`;
      const list = output?.[at];
      return `read ${step.key} ${list === null || list === undefined ? "?" : listText(list)}`;
    })
    .join(", ");
}

const SHOWN_MAX = 24;

export function listText(list: readonly number[]): string {
  return list.length <= SHOWN_MAX
    ? `[${list.join(" ")}]`
    : `[… ${list.length - SHOWN_MAX} more … ${list.slice(-SHOWN_MAX).join(" ")}]`;
}
