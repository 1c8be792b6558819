/**
 * interval. Storage form: the text that PostgreSQL prints with IntervalStyle postgres, such as
 * `1 year 2 mons -3 days +04:05:06.789`. Binary: int64 microseconds, int32 days, int32 months.
 */
import { expectString, fixedView } from "../conversion.ts";
import { ARRAY_OID, OID } from "../oids.ts";
import type { PgType } from "../pg-type.ts";
import { trimFraction } from "./calendar.ts";
import { type Interval, parseInterval } from "./interval-input.ts";

export const intervalType: PgType = {
  oid: OID.interval,
  name: "interval",
  displayName: "interval",
  size: 16,
  category: "T",
  preferred: true,
  arrayOid: ARRAY_OID.interval,
  elementOid: 0,
  fromText: (text, modifier) =>
    formatInterval(applyModifier(parseInterval(text, rangeOf(modifier)), modifier)),
  toText: expectString,
  fromBinary(bytes, modifier) {
    const view = fixedView(bytes, 16);
    const interval = {
      micros: view.getBigInt64(0),
      days: view.getInt32(8),
      months: view.getInt32(12),
    };
    return formatInterval(applyModifier(interval, modifier));
  },
  toBinary(value) {
    const { months, days, micros } = parseInterval(expectString(value));
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setBigInt64(0, micros);
    view.setInt32(8, days);
    view.setInt32(12, months);
    return bytes;
  },
};

/** Bits of the range in an interval's modifier, as in PostgreSQL's INTERVAL_MASK. */
const RANGE = {
  month: 1 << 1,
  year: 1 << 2,
  day: 1 << 3,
  hour: 1 << 10,
  minute: 1 << 11,
  second: 1 << 12,
  full: 0x7fff,
} as const;

function rangeOf(modifier: number): number {
  return modifier < 0 ? RANGE.full : (modifier >> 16) & 0x7fff;
}

const PRECISION_FULL = 0xffff;

/** Cuts away what `interval day to minute` leaves out and rounds to `interval(3)`. */
function applyModifier(interval: Interval, modifier: number): Interval {
  if (modifier < 0) return interval;
  const cut = cutToRange(interval, rangeOf(modifier));
  const precision = modifier & 0xffff;
  if (precision === PRECISION_FULL || precision >= 6) return cut;
  const unit = 10n ** BigInt(6 - precision);
  const half = cut.micros < 0n ? -unit / 2n : unit / 2n;
  return { ...cut, micros: ((cut.micros + half) / unit) * unit };
}

function cutToRange(interval: Interval, range: number): Interval {
  const { months, days, micros } = interval;
  const finest = range & (RANGE.second | RANGE.minute | RANGE.hour | RANGE.day | RANGE.month);
  if (range === RANGE.full || (finest & RANGE.second) !== 0) return interval;
  if ((finest & RANGE.minute) !== 0) {
    return { months, days, micros: (micros / 60_000_000n) * 60_000_000n };
  }
  if ((finest & RANGE.hour) !== 0) {
    return { months, days, micros: (micros / 3_600_000_000n) * 3_600_000_000n };
  }
  if ((finest & RANGE.day) !== 0) return { months, days, micros: 0n };
  if ((finest & RANGE.month) !== 0) return { months, days: 0, micros: 0n };
  return { months: Math.trunc(months / 12) * 12, days: 0, micros: 0n };
}

/** IntervalStyle postgres. A plus sign stands behind a negative part, where it would be misread. */
export function formatInterval({ months, days, micros }: Interval): string {
  const parts: string[] = [];
  const fields: readonly (readonly [value: number, unit: string])[] = [
    [Math.trunc(months / 12), "year"],
    [months % 12, "mon"],
    [days, "day"],
  ];
  let plus = "";
  for (const [value, unit] of fields) {
    if (value === 0) continue;
    parts.push(`${value > 0 ? plus : ""}${value} ${unit}${value === 1 ? "" : "s"}`);
    plus = value < 0 ? "+" : "";
  }
  if (micros !== 0n || parts.length === 0) {
    parts.push((micros < 0n ? "-" : plus) + formatClock(micros < 0n ? -micros : micros));
  }
  return parts.join(" ");
}

const two = (value: bigint): string => value.toString().padStart(2, "0");

function formatClock(micros: bigint): string {
  const seconds = micros / 1_000_000n;
  const fraction = (micros % 1_000_000n).toString().padStart(6, "0");
  const clock = `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}`;
  return trimFraction(`${clock}.${fraction}`);
}
