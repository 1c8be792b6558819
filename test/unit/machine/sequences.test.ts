import { describe, expect, test } from "vitest";
import { openScratch } from "../../../src/machine/connection.ts";
import { Sequences } from "../../../src/machine/sequences.ts";

function sequences(...rows: string[]): { sequences: Sequences; stored: () => unknown } {
  const connection = openScratch();
  connection.exec(
    "CREATE TABLE _synod_sequences (name PRIMARY KEY, last_value, is_called, start, increment, minimum, maximum, cycle)",
  );
  for (const row of rows) connection.exec(`INSERT INTO _synod_sequences VALUES (${row})`);
  const select = connection.prepare("SELECT last_value, is_called FROM _synod_sequences");
  const sequences = new Sequences(connection);
  sequences.load();
  return { sequences, stored: () => select.raw(true).get() };
}

const UP = "'s', 1, 0, 1, 2, 1, 4, 0";

describe("sequences", () => {
  test("the first value is the start, then it goes up by the increment to its maximum", () => {
    const { sequences: subject } = sequences(UP);
    expect([subject.nextval("s"), subject.nextval("s")]).toEqual([1n, 3n]);
    expect(() => subject.nextval("s")).toThrow(
      expect.objectContaining({
        sqlState: "2200H",
        message: 'nextval: reached maximum value of sequence "s" (4)',
      }),
    );
  });

  test("one that cycles starts again at the other end", () => {
    const { sequences: subject } = sequences("'s', -1, 1, -1, -2, -2, -1, 1");
    expect([subject.nextval("s"), subject.nextval("s")]).toEqual([-1n, -1n]);
  });

  test("setval moves it, within its bounds", () => {
    const { sequences: subject } = sequences(UP);
    expect(subject.setval("s", 2n, true)).toBe(2n);
    expect(subject.nextval("s")).toBe(4n);
    subject.setval("s", 2n, false);
    expect(subject.nextval("s")).toBe(2n);
    expect(() => subject.setval("s", 5n, true)).toThrow(
      expect.objectContaining({ sqlState: "22003" }),
    );
  });

  test("values are written when asked, and those of a failed command are taken back", () => {
    const { sequences: subject, stored } = sequences(UP);
    subject.nextval("s");
    expect(stored()).toEqual([1n, 0n]);
    subject.write();
    subject.keep();
    expect(stored()).toEqual([1n, 1n]);
    expect(subject.nextval("s")).toBe(3n);
    subject.takeBack();
    subject.load();
    expect(subject.nextval("s")).toBe(3n);
  });

  test("a failed command's values stay taken, after its rows are rolled back", () => {
    const { sequences: subject, stored } = sequences(UP);
    subject.nextval("s");
    subject.keepTaken();
    expect(stored()).toEqual([1n, 1n]);
    subject.keep();
    expect(subject.nextval("s")).toBe(3n);
  });

  test("a sequence that does not exist is 42P01", () => {
    expect(() => sequences().sequences.nextval("s")).toThrow(
      expect.objectContaining({ sqlState: "42P01" }),
    );
  });
});
