import { describe, expect, test } from "vitest";
import { OUTCOMES_PER_SESSION_MAX } from "../../../src/base/limits.ts";
import { Machine } from "../../../src/machine/machine.ts";
import type { ApplyReport, Outcome } from "../../../src/machine/state-machine.ts";
import {
  createDatabase,
  entries,
  Gateway,
  NODE,
  openSession,
  returning,
  SESSION,
  schema,
  write,
} from "../../support/machine-commands.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const COUNT = returning("SELECT sum(v) FROM t");
const ADD = write("UPDATE t SET v = v + 1");

function outcomes(report: ApplyReport): Outcome[] {
  return report.reports.map(({ outcome }) => outcome);
}

/** A machine at slot 2 with one row in t, and the gateway that made it. */
function prepared(directory = temporaryDirectory()): { machine: Machine; gateway: Gateway } {
  const machine = new Machine({ directory, node: NODE, durability: "none" });
  machine.open();
  const gateway = new Gateway();
  const table = schema("CREATE TABLE t (v)", "INSERT INTO t VALUES (0)");
  machine.apply(entries(1, [openSession()], [gateway.command([table])]));
  return { machine, gateway };
}

describe("exactly once", () => {
  test("a command decided twice runs once and answers from memory", () => {
    const { machine, gateway } = prepared();
    const add = gateway.command([ADD]);
    const rows = gateway.command([returning("UPDATE t SET v = v + 10 RETURNING v")]);
    const report = machine.apply(entries(3, [add, rows, add], [rows, gateway.command([COUNT])]));
    expect(outcomes(report).slice(2)).toEqual([
      { kind: "done", results: [{ count: 1, rows: null, fromMemory: true }] },
      { kind: "done", results: [{ count: 1, rows: null, fromMemory: true }] },
      { kind: "done", results: [{ count: 1, rows: [[11n]], fromMemory: false }] },
    ]);
    machine.close();
  });

  test("an error is remembered with its fields, over a restart", () => {
    const directory = temporaryDirectory();
    const { machine, gateway } = prepared(directory);
    const bad = gateway.command([write("INSERT INTO t SELECT nowhere FROM t")]);
    const [first] = outcomes(machine.apply(entries(3, [bad])));
    machine.close();
    const again = new Machine({ directory, node: NODE, durability: "none" });
    again.open();
    expect(first?.kind).toBe("failed");
    expect(outcomes(again.apply(entries(4, [bad])))).toEqual([first]);
    again.close();
  });

  test("a sequence below what is settled answers unknown and does not run, over a restart", () => {
    const directory = temporaryDirectory();
    const { machine, gateway } = prepared(directory);
    const late = gateway.command([ADD]);
    const identity = { session: SESSION, sequence: 9, settledBelow: 9 };
    machine.apply(entries(3, [gateway.command([ADD], { identity })]));
    machine.close();
    const again = new Machine({ directory, node: NODE, durability: "none" });
    again.open();
    const repeated = gateway.command([ADD], { identity });
    expect(outcomes(again.apply(entries(4, [late, repeated])))).toEqual([
      { kind: "unknown" },
      { kind: "done", results: [{ count: 1, rows: null, fromMemory: true }] },
    ]);
    again.close();
  });

  test("a gateway that settles nothing loses its oldest outcomes, not memory", () => {
    const { machine, gateway } = prepared();
    const first = gateway.command([ADD]);
    const identity = { session: SESSION, sequence: OUTCOMES_PER_SESSION_MAX + 2, settledBelow: 1 };
    const far = gateway.command([ADD], { identity });
    expect(outcomes(machine.apply(entries(3, [first, far, first])))).toMatchObject([
      { kind: "done" },
      { kind: "done" },
      { kind: "unknown" },
    ]);
    machine.close();
  });

  test("a node's new session closes its old one, whose commands then do not run", () => {
    const { machine, gateway } = prepared();
    const report = machine.apply(
      entries(3, [openSession(NODE, "next process")], [gateway.command([ADD])]),
    );
    expect(outcomes(report)).toEqual([
      { kind: "sessionOpened", session: 3 * 1024 },
      { kind: "unknown" },
    ]);
    machine.close();
  });

  test("the same gateway process asking twice for a session gets the same one", () => {
    const { machine, gateway } = prepared();
    const report = machine.apply(entries(3, [openSession()], [gateway.command([ADD])]));
    expect(outcomes(report)).toMatchObject([
      { kind: "sessionOpened", session: SESSION },
      { kind: "done" },
    ]);
    machine.close();
  });

  test("CREATE DATABASE decided twice creates once", () => {
    const { machine } = prepared();
    const create = createDatabase(77, "shop");
    const report = machine.apply(entries(3, [create], [create]));
    expect(outcomes(report)).toMatchObject([
      { kind: "done", results: [{ fromMemory: false }] },
      { kind: "done", results: [{ fromMemory: true }] },
    ]);
    expect(report.changedDatabases).toHaveLength(1);
    machine.close();
  });
});
