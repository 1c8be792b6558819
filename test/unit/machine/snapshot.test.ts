import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openReader } from "../../../src/machine/connection.ts";
import { InProcessMachine } from "../../../src/machine/in-process-machine.ts";
import {
  createDatabase,
  entries,
  Gateway,
  NODE,
  openSession,
  schema,
  write,
} from "../../support/machine-commands.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

async function opened(directory = temporaryDirectory()): Promise<InProcessMachine> {
  const machine = new InProcessMachine({ directory, node: NODE, durability: "none" });
  await machine.open();
  return machine;
}

const ROW = write("INSERT INTO t VALUES (hex(randomblob(500)))");

/** A machine at slot 5: a table with 3,000 rows in synod, and a database that nothing touched since slot 1. */
async function filled(): Promise<{ machine: InProcessMachine; gateway: Gateway }> {
  const machine = await opened();
  const gateway = new Gateway();
  await machine.apply(
    entries(
      1,
      [openSession(), createDatabase(500, "idle")],
      [gateway.command([schema("CREATE TABLE t (v)")])],
      ...[3, 4, 5].map(() => Array.from({ length: 1000 }, () => gateway.command([ROW]))),
    ),
  );
  return { machine, gateway };
}

describe("snapshot", () => {
  test("taken while applying goes on, it holds every file at its one slot", async () => {
    const { machine, gateway } = await filled();
    const atPin = await machine.contentHash();
    const target = temporaryDirectory();
    const taken = machine.snapshot(target);
    let slot = 6;
    for (; slot < 30; slot += 1) {
      await machine.apply(entries(slot, [gateway.command([ROW])]));
      await new Promise(setImmediate);
    }
    const { appliedIndex, files } = await taken;
    expect(appliedIndex).toBe(5);
    expect(files).toEqual(["system.db", "1.db", "1025.db"]);
    expect(readdirSync(target).sort()).toEqual([...files].sort());
    const restored = await opened();
    const state = await restored.restore(target, files);
    expect(state.appliedIndex).toBe(5);
    expect(await restored.contentHash()).toEqual(atPin);
    await machine.close();
    await restored.close();
  });

  test("a restored machine goes on as the others do, and remembers what ran", async () => {
    const { machine, gateway } = await filled();
    const target = temporaryDirectory();
    const { files } = await machine.snapshot(target);
    const directory = temporaryDirectory();
    const restored = await opened(directory);
    await restored.restore(target, files);
    const repeated = gateway.command([ROW]);
    const log = entries(6, [repeated], [repeated, openSession(NODE, "again")]);
    const here = await machine.apply(log);
    const there = await restored.apply(log);
    expect(there).toEqual(here);
    expect(await restored.contentHash()).toEqual(await machine.contentHash());
    await restored.close();
    const reopened = new InProcessMachine({ directory, node: NODE, durability: "none" });
    expect(await reopened.open()).toMatchObject({ appliedIndex: 7, restoreInterrupted: false });
    await machine.close();
    await reopened.close();
  });

  test("the plain file is a database of its own, without a -wal", async () => {
    const { machine } = await filled();
    const target = temporaryDirectory();
    await machine.snapshot(target);
    await machine.close();
    const copy = openReader(join(target, "1.db"));
    expect(copy.pragma("journal_mode", { simple: true })).toBe("delete");
    expect(copy.pragma("integrity_check", { simple: true })).toBe("ok");
    copy.close();
  });

  test("a snapshot that cannot be read replaces nothing, and the machine goes on", async () => {
    const { machine, gateway } = await filled();
    const before = await machine.contentHash();
    const target = temporaryDirectory();
    const { files } = await machine.snapshot(target);
    writeFileSync(join(target, "1.db"), "no database at all");
    await expect(machine.restore(target, files)).rejects.toThrow(/not a database/);
    await expect(machine.restore(target, ["1.db"])).rejects.toThrow(/no system\.db/);
    await expect(machine.restore(target, ["system.db", "../x"])).rejects.toThrow(/no file of/);
    expect(await machine.contentHash()).toEqual(before);
    await machine.apply(entries(6, [gateway.command([ROW])]));
    await machine.close();
  });
});
