/** Reads golden-histories.txt, which says itself how it is written. */
import type { Operation } from "../../checkers/history.ts";
import type {
  Step,
  TransactionInput,
  TransactionOutput,
} from "../../checkers/list-append/transaction.ts";
import type { KeyValueInput, KeyValueOutput } from "../../checkers/models/key-value.ts";
import type {
  RegisterInput,
  RegisterOutput,
  RegisterValue,
} from "../../checkers/models/register.ts";

export interface GoldenHistory {
  readonly name: string;
  readonly kind: string;
  readonly lines: readonly string[];
  readonly verdict: string;
}

export function parseGoldenHistories(text: string): readonly GoldenHistory[] {
  const [, ...blocks] = text.split(/^=== /m);
  return blocks.map((block) => {
    const [name = "", kind = "", ...rest] = block.split("\n");
    const end = rest.findIndex((line) => line.startsWith("--- "));
    const verdict = rest[end]?.slice("--- ".length).trim();
    if (verdict === undefined) throw new Error(`"${name}" has no verdict`);
    return { name, kind, lines: rest.slice(0, end), verdict };
  });
}

const LINE = /^(\d+)\.\.(\d+|\?)( failed)? p(\d+) (.*)$/;

type Parse<Input, Output> = (what: string) => { readonly input: Input; readonly output: Output };

/** `parse` reads what comes behind the process; its output counts only if the outcome is ok. */
export function parseOperations<Input, Output>(
  lines: readonly string[],
  parse: Parse<Input, Output>,
): readonly Operation<Input, Output>[] {
  return lines.map((line) => {
    const match = LINE.exec(line);
    if (match === null) throw new Error(`cannot be read: ${line}`);
    const [, from = "", to = "", failed, process = "", what = ""] = match;
    const outcome = to === "?" ? "unknown" : failed === undefined ? "ok" : "failed";
    const { input, output } = parse(what);
    return {
      process: Number(process),
      node: "n1",
      input,
      output: outcome === "ok" ? output : null,
      outcome,
      invokedAt: Number(from),
      completedAt: to === "?" ? Infinity : Number(to),
    };
  });
}

const registerValue = (text = ""): RegisterValue =>
  text === "nil" || text === "?" ? null : Number(text);

export const parseRegister: Parse<RegisterInput, RegisterOutput> = (what) => {
  const [name, key = "", first, second, swapped] = what.split(" ");
  switch (name) {
    case "read":
      return {
        input: { kind: "read", key },
        output: { kind: "read", value: registerValue(first) },
      };
    case "write":
      return {
        input: { kind: "write", key, value: registerValue(first) },
        output: { kind: "written" },
      };
    case "cas":
      return {
        input: { kind: "cas", key, expected: registerValue(first), value: registerValue(second) },
        output: { kind: "cas", swapped: swapped === "swapped" },
      };
    default:
      throw new Error(`cannot be read: ${what}`);
  }
};

export const parseKeyValue: Parse<KeyValueInput, KeyValueOutput> = (what) => {
  const [name, key = "", text = ""] = what.split(" ");
  const value = text === '""' ? "" : text;
  if (name === "get") return { input: { kind: "get", key }, output: value };
  if (name === "put" || name === "append") return { input: { kind: name, key, value }, output: "" };
  throw new Error(`cannot be read: ${what}`);
};

export const parseTransaction: Parse<TransactionInput, TransactionOutput> = (what) => {
  const input: Step[] = [];
  const output: (readonly number[] | null)[] = [];
  for (const step of what.split(", ")) {
    const append = /^append (\w+) (\d+)$/.exec(step);
    const read = /^read (\w+) (\?|\[[\d ]*\])$/.exec(step);
    if (append !== null) {
      input.push({ kind: "append", key: append[1] ?? "", value: Number(append[2]) });
      output.push(null);
    } else if (read !== null) {
      input.push({ kind: "read", key: read[1] ?? "" });
      output.push((read[2] ?? "").match(/\d+/g)?.map(Number) ?? []);
    } else {
      throw new Error(`cannot be read: ${step}`);
    }
  }
  return { input, output };
};
