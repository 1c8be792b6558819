/** Goal: the short way of reading a date means what the long one does. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDateTime } from "../../../../src/sql/types/datetime/input.ts";
import { readIso } from "../../../../src/sql/types/datetime/iso-date-time.ts";

const two = (most: number) =>
  fc.integer({ min: 0, max: most }).map((value) => String(value).padStart(2, "0"));

const parts = fc.record({
  year: fc.integer({ min: 0, max: 9999 }).map((year) => String(year).padStart(4, "0")),
  month: two(14),
  day: two(33),
  between: fc.constantFrom(" ", "T"),
  time: fc.tuple(two(25), two(61), two(61)).map((fields) => fields.join(":")),
  fraction: fc.constantFrom("", ".5", ".123456", ".1234567"),
  zone: fc.constantFrom("", "+00", "-00", "+05:30", "-0330", "+16", "+01:60", "Z", " UTC"),
});

function outcomeOf(text: string): unknown {
  try {
    return parseDateTime(text, "timestamp with time zone");
  } catch (error) {
    return (error as { sqlState?: string }).sqlState;
  }
}

test("with - between the parts it is the same as with /, which only the long way reads", () => {
  fc.assert(
    fc.property(parts, ({ year, month, day, between, time, fraction, zone }) => {
      const rest = `${between}${time}${fraction}${zone}`;
      expect(readIso(`${year}/${month}/${day}${rest}`)).toBeNull();
      expect(outcomeOf(`${year}-${month}-${day}${rest}`)).toEqual(
        outcomeOf(`${year}/${month}/${day}${rest}`),
      );
      expect(outcomeOf(`${year}-${month}-${day}`)).toEqual(outcomeOf(`${year}/${month}/${day}`));
    }),
    { numRuns: 5_000 },
  );
});

test("it is the short way for what programs write", () => {
  for (const text of ["2026-11-26", "2026-11-26 18:23:47+00", "2026-11-26T18:23:47.123-05:30"]) {
    expect(readIso(text)).not.toBeNull();
  }
  expect(readIso("2026-02-29")).toBeNull();
});
