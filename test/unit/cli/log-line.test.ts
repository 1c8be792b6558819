import { type Logger, pino } from "pino";
import { describe, expect, test } from "vitest";
import { formatLogLine } from "../../../src/cli/log-line.ts";

function logged(write: (log: Logger) => void): string {
  let line = "";
  const log: Logger = pino(
    { base: { node: "n1" } },
    { write: (text) => void (line = text.trimEnd()) },
  );
  write(log);
  return formatLogLine(line);
}

describe("log lines for people", () => {
  test("time, message and fields; the node is said elsewhere", () => {
    const line = logged((log) => log.info({ peer: "n2", reason: "it is gone" }, "peer lost"));
    expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} peer lost peer=n2 reason="it is gone"$/);
  });

  test("a warning is marked, an error shows its stack", () => {
    expect(logged((log) => log.warn("odd"))).toContain("WARNING odd");
    expect(logged((log) => log.error({ err: new Error("boom") }, "failed"))).toMatch(
      /ERROR failed err=Error: boom\n +at /,
    );
  });

  test.each(["plain text", "{ no json", '{"no":"log"}'])("%s is passed on as it is", (line) => {
    expect(formatLogLine(line)).toBe(line);
  });
});
