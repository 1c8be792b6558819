/** Aggregates that SQLite lacks, or that must be exact. */

import { SqlError } from "../errors.ts";
import { formatInterval } from "../types/datetime/interval.ts";
import { type Interval, parseInterval } from "../types/datetime/interval-input.ts";
import { canonicalJsonb, quoteJson } from "../types/json-text.ts";
import type { SqliteValue } from "../values.ts";
import { addIntervals, negateInterval, scaleInterval } from "./date-time.ts";
import type { AggregateFunction } from "./function.ts";
import {
  add,
  divide,
  divideToScale,
  divisionScale,
  type Finite,
  finite,
  multiply,
  type Numeric,
  negate,
  parse,
  print,
} from "./numeric.ts";
import { rootAtScale } from "./numeric-functions.ts";

/** An aggregate over the rows whose first argument is not NULL. */
interface Definition<State> {
  readonly name: string;
  readonly arity: number;
  readonly start: () => State;
  readonly step: (state: State, args: readonly SqliteValue[]) => State;
  readonly inverse?: (state: State, args: readonly SqliteValue[]) => State;
  readonly finish: (state: State) => SqliteValue;
}

function aggregate<State>(definition: Definition<State>): AggregateFunction {
  const { name, arity, start, step, inverse, finish } = definition;
  const over =
    (apply: (state: State, args: readonly SqliteValue[]) => State) =>
    (_context: unknown, state: unknown, args: readonly SqliteValue[]) =>
      args[0] === null ? state : apply(state as State, args);
  return {
    name,
    arity,
    start,
    step: over(step),
    ...(inverse === undefined ? {} : { inverse: over(inverse) }),
    finish: (_context, state) => finish(state as State),
  };
}

interface Sums {
  readonly count: bigint;
  readonly sum: Numeric;
  readonly squares: Numeric;
}

const NOTHING: Sums = { count: 0n, sum: finite(0n, 0), squares: finite(0n, 0) };

function addSums({ count, sum, squares }: Sums, [value]: readonly SqliteValue[]): Sums {
  const number = parse(value);
  return {
    count: count + 1n,
    sum: add(sum, number),
    squares: add(squares, multiply(number, number)),
  };
}

function takeSums({ count, sum, squares }: Sums, [value]: readonly SqliteValue[]): Sums {
  const number = parse(value);
  return {
    count: count - 1n,
    sum: add(sum, negate(number)),
    squares: add(squares, negate(multiply(number, number))),
  };
}

function numericAggregate(name: string, finish: (sums: Sums) => SqliteValue): AggregateFunction {
  return aggregate<Sums>({
    name,
    arity: 1,
    start: () => NOTHING,
    step: addSums,
    inverse: takeSums,
    finish,
  });
}

/** Variance or its root over a sample or a whole population. */
function spread(kind: "sample" | "population", root: boolean) {
  return ({ count, sum, squares }: Sums): SqliteValue => {
    const divisor = kind === "sample" ? count - 1n : count;
    if (divisor <= 0n) return null;
    if (sum.kind !== "finite" || squares.kind !== "finite") return "NaN";
    const square = multiply(sum, sum) as Finite;
    const scaled = add(multiply(finite(count, 0), squares), negate(square)) as Finite;
    if (scaled.digits <= 0n) return "0";
    const by = finite(count * divisor, 0);
    const scale = divisionScale(scaled, by);
    const variance = divideToScale(scaled, by, scale);
    return root ? rootAtScale(variance, scale) : print(variance);
  };
}

interface RealSums {
  readonly count: number;
  readonly mean: number;
  /** Sum of the squares of the distances from the mean (Youngs and Cramer). */
  readonly squares: number;
}

function realSpread(name: string, kind: "sample" | "population", root: boolean): AggregateFunction {
  return aggregate<RealSums>({
    name: `pg_${name}_float8`,
    arity: 1,
    start: () => ({ count: 0, mean: 0, squares: 0 }),
    step: ({ count, mean, squares }, [value]) => {
      const delta = Number(value) - mean;
      const next = mean + delta / (count + 1);
      return { count: count + 1, mean: next, squares: squares + delta * (Number(value) - next) };
    },
    finish: ({ count, squares }) => {
      const divisor = kind === "sample" ? count - 1 : count;
      if (divisor <= 0) return null;
      return root ? Math.sqrt(squares / divisor) : squares / divisor;
    },
  });
}

const SPREADS = [
  ["variance", "sample", false],
  ["var_samp", "sample", false],
  ["var_pop", "population", false],
  ["stddev", "sample", true],
  ["stddev_samp", "sample", true],
  ["stddev_pop", "population", true],
] as const;

interface Extreme {
  readonly value: SqliteValue;
  readonly key: SqliteValue;
}

function extreme(name: string, wins: (key: string, best: string) => boolean): AggregateFunction {
  return aggregate<Extreme | null>({
    name,
    arity: 2,
    start: () => null,
    step: (best, [value = null, key = null]) =>
      best === null || wins(String(key), String(best.key)) ? { value, key } : best,
    finish: (best) => best?.value ?? null,
  });
}

interface Candidate extends Extreme {
  readonly number: number;
}

interface MovingExtreme {
  /** Each is beaten by the one before it and came after it. */
  readonly candidates: Candidate[];
  added: number;
  removed: number;
}

/** The same over a moving frame: rows that a later one beats can never be the answer again. */
function movingExtreme(name: string, wins: (key: string, best: string) => boolean) {
  return aggregate<MovingExtreme>({
    name,
    arity: 2,
    start: () => ({ candidates: [], added: 0, removed: 0 }),
    step: (state, [value = null, key = null]) => {
      const { candidates } = state;
      let last = candidates.at(-1);
      while (last !== undefined && wins(String(key), String(last.key))) {
        candidates.pop();
        last = candidates.at(-1);
      }
      candidates.push({ value, key, number: state.added });
      state.added += 1;
      return state;
    },
    inverse: (state) => {
      if (state.candidates[0]?.number === state.removed) state.candidates.shift();
      state.removed += 1;
      return state;
    },
    finish: ({ candidates }) => candidates[0]?.value ?? null,
  });
}

/** By code point, as SQLite compares text; JavaScript's own order is by UTF-16 unit. */
function before(left: string, right: string): boolean {
  return Buffer.compare(Buffer.from(left), Buffer.from(right)) < 0;
}

interface IntervalSum {
  readonly count: number;
  readonly sum: Interval;
}

function intervalAggregate(
  name: string,
  finish: (state: IntervalSum) => SqliteValue,
): AggregateFunction {
  return aggregate<IntervalSum>({
    name,
    arity: 1,
    start: () => ({ count: 0, sum: { months: 0, days: 0, micros: 0n } }),
    step: ({ count, sum }, [value]) => ({
      count: count + 1,
      sum: addIntervals(sum, parseInterval(String(value))),
    }),
    inverse: ({ count, sum }, [value]) => ({
      count: count - 1,
      sum: addIntervals(sum, negateInterval(parseInterval(String(value)))),
    }),
    finish,
  });
}

/** json_agg keeps NULLs, so it cannot use `aggregate`, which leaves such rows out. */
function jsonArray(name: string, finish: (text: string) => string): AggregateFunction {
  return {
    name,
    arity: 1,
    start: (): string[] => [],
    step: (_context, state, [value]) => {
      (state as string[]).push(String(value ?? "null"));
      return state;
    },
    finish: (_context, state) => {
      const items = state as string[];
      return items.length === 0 ? null : finish(`[${items.join(", ")}]`);
    },
  };
}

function jsonObject(name: string, finish: (text: string) => string): AggregateFunction {
  return {
    name,
    arity: 2,
    start: (): string[] => [],
    step: (_context, state, [key, value]) => {
      if (key === null || key === undefined) {
        throw new SqlError("22023", "field name must not be null");
      }
      (state as string[]).push(`${quoteJson(String(key))} : ${String(value ?? "null")}`);
      return state;
    },
    finish: (_context, state) => {
      const items = state as string[];
      return items.length === 0 ? null : finish(`{ ${items.join(", ")} }`);
    },
  };
}

type Part = readonly [separator: string, text: string];

/** Each text but the first is preceded by the separator that came with it. */
function strings(name: string, keep: (parts: readonly Part[], text: string) => boolean) {
  return aggregate<Part[]>({
    name,
    arity: 2,
    start: () => [],
    step: (parts, [text, separator]) => {
      if (keep(parts, String(text))) parts.push([String(separator ?? ""), String(text)]);
      return parts;
    },
    inverse: (parts) => parts.slice(1),
    finish: (parts) =>
      parts.length === 0
        ? null
        : parts.map(([separator, text], index) => (index === 0 ? text : separator + text)).join(""),
  });
}

function bits(name: string, apply: (left: bigint, right: bigint) => bigint): AggregateFunction {
  return aggregate<bigint | null>({
    name,
    arity: 1,
    start: () => null,
    step: (state, [value]) =>
      typeof value === "bigint" ? (state === null ? value : apply(state, value)) : state,
    finish: (state) => state,
  });
}

export const exactAggregates: readonly AggregateFunction[] = [
  numericAggregate("pg_sum", ({ count, sum }) => (count === 0n ? null : print(sum))),
  numericAggregate("pg_avg", ({ count, sum }) =>
    count === 0n ? null : print(divide(sum, finite(count, 0))),
  ),
  ...SPREADS.map(([name, kind, root]) => numericAggregate(`pg_${name}`, spread(kind, root))),
  ...SPREADS.map(([name, kind, root]) => realSpread(name, kind, root)),
  extreme("min_by", before),
  extreme("max_by", (key, best) => before(best, key)),
  movingExtreme("min_by_moving", before),
  movingExtreme("max_by_moving", (key, best) => before(best, key)),
  intervalAggregate("pg_sum_interval", ({ count, sum }) =>
    count === 0 ? null : formatInterval(sum),
  ),
  intervalAggregate("pg_avg_interval", ({ count, sum }) =>
    count === 0 ? null : formatInterval(scaleInterval(sum, 1 / count)),
  ),
  strings("pg_string_agg", () => true),
  // DISTINCT comes with an order, so that equal texts follow each other.
  strings("pg_string_agg_distinct", (parts, text) => parts.at(-1)?.[1] !== text),
  jsonArray("pg_json_agg", (text) => text),
  jsonArray("pg_jsonb_agg", canonicalJsonb),
  jsonObject("pg_json_object_agg", (text) => text),
  jsonObject("pg_jsonb_object_agg", canonicalJsonb),
  bits("pg_bit_and", (left, right) => left & right),
  bits("pg_bit_or", (left, right) => left | right),
];
