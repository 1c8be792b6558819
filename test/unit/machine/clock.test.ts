import { describe, expect, test } from "vitest";
import { Machine } from "../../../src/machine/machine.ts";
import {
  entries,
  Gateway,
  NODE,
  openSession,
  returning,
  TIMESTAMP,
} from "../../support/machine-commands.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const MINUTE_MICROS = 60_000_000;

describe("the clock of replicated statements", () => {
  test("rule 17: a batch stamped earlier than one before it runs at the later time, over a restart", () => {
    const directory = temporaryDirectory();
    const options = { directory, node: NODE, durability: "none" } as const;
    const gateway = new Gateway();
    const now = () => gateway.command([returning("SELECT datetime('now')")]);
    const first = new Machine(options);
    first.open();
    const log = entries(1, [openSession()], [now()], [now()]);
    const stamps = [TIMESTAMP, TIMESTAMP + MINUTE_MICROS, TIMESTAMP];
    const stamped = log.map((entry, at) => ({ ...entry, timestampMicros: stamps[at] ?? 0 }));
    const { reports } = first.apply(stamped);
    const times = reports.flatMap(({ outcome }) =>
      outcome.kind === "done" ? (outcome.results[0]?.rows ?? []) : [],
    );
    expect(times).toEqual([["2026-01-02 03:05:05"], ["2026-01-02 03:05:05"]]);
    first.close();

    const second = new Machine(options);
    second.open();
    const [entry] = entries(4, [now()]);
    const late = second.apply(entry ? [{ ...entry, timestampMicros: TIMESTAMP }] : []);
    expect(late.reports[0]?.outcome).toMatchObject({
      results: [{ rows: [["2026-01-02 03:05:05"]] }],
    });
    second.close();
  });
});
