import { describe, expect, test } from "vitest";
import { nearest, parseArguments, UsageError } from "../../../src/cli/arguments.ts";

const FLAGS = [
  { name: "data", value: "DIR", help: "" },
  { name: "restart", value: null, help: "" },
];

describe("arguments", () => {
  test("values stand after the flag or behind =, switches alone, words anywhere", () => {
    const given = parseArguments(["list", "--data", "a=b", "--restart", "x"], FLAGS);
    expect(given.words).toEqual(["list", "x"]);
    expect([...given.flags]).toEqual([
      ["data", "a=b"],
      ["restart", ""],
    ]);
    expect(parseArguments(["--data=a=b"], FLAGS).flags.get("data")).toBe("a=b");
  });

  test.each([
    [["--dta", "x"], "unknown flag --dta; did you mean --data?"],
    [["--zzzzzzzz"], "unknown flag --zzzzzzzz"],
    [["-d"], "unknown flag -d"],
    [["--data"], "--data needs a value: --data DIR"],
    [["--data", "--restart"], "--data needs a value"],
    [["--data="], "--data needs a value"],
    [["--data", "a", "--data=b"], "--data is given twice"],
    [["--restart=yes"], "--restart takes no value"],
  ])("%j is refused: %s", (typed, reason) => {
    expect(() => parseArguments(typed, FLAGS)).toThrow(UsageError);
    expect(() => parseArguments(typed, FLAGS)).toThrow(reason);
  });

  test("the nearest word is guessed only when it is near", () => {
    const words = ["start", "status", "members"];
    expect(nearest("stat", words)).toBe("start");
    expect(nearest("statsu", words)).toBe("status");
    expect(nearest("backup", words)).toBeNull();
  });
});
