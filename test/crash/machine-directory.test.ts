/**
 * Goal: whatever a crash leaves in the machine's directory, open() finds the old state or the new
 * one, or refuses. Method: one test a letter of the tables in machine-directory.ts; crashes are made
 * by a file system that stops at its n-th change, and power losses by putting back single files as
 * they were at an earlier commit.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type BlockingFiles, systemBlockingFiles } from "../../src/base/files-blocking.ts";
import { InProcessMachine } from "../../src/machine/in-process-machine.ts";
import { Machine } from "../../src/machine/machine.ts";
import type { AppliedEntry } from "../../src/machine/state-machine.ts";
import {
  createDatabase,
  dropDatabase,
  entries,
  Gateway,
  NODE,
  openSession,
  SESSION,
  schema,
  write,
} from "../support/machine-commands.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

class Crash extends Error {}

/** Does `left` changes and then none. */
function crashingAfter(left: number): BlockingFiles {
  let remaining = left;
  const step = (): void => {
    if (remaining === 0) throw new Crash("the process is dead");
    remaining -= 1;
  };
  return {
    list: (path) => systemBlockingFiles.list(path),
    exists: (path) => systemBlockingFiles.exists(path),
    makeDirectory: (path) => (step(), systemBlockingFiles.makeDirectory(path)),
    copy: (from, to) => (step(), systemBlockingFiles.copy(from, to)),
    rename: (from, to) => (step(), systemBlockingFiles.rename(from, to)),
    remove: (path) => (step(), systemBlockingFiles.remove(path)),
    removeDirectory: (path) => (step(), systemBlockingFiles.removeDirectory(path)),
    sync: (path) => (step(), systemBlockingFiles.sync(path)),
  };
}

function machineIn(directory: string, files?: BlockingFiles): InProcessMachine {
  const options = { directory, node: NODE, durability: "none" } as const;
  return new InProcessMachine(files === undefined ? options : { ...options, files });
}

/** Slots 1 to 7: two databases come (2049, 3072), one goes, rows in each. */
function log(): AppliedEntry[] {
  const synod = new Gateway();
  const shop = new Gateway(SESSION, 2049);
  const table = schema("CREATE TABLE t (v DEFAULT (random()))");
  const row = write("INSERT INTO t DEFAULT VALUES");
  const other = (statement: typeof row, sequence: number): Uint8Array =>
    shop.command([statement], { identity: { session: SESSION, sequence, settledBelow: 1 } });
  return entries(
    1,
    [openSession(), synod.command([table])],
    [openSession(8), createDatabase(100, "shop"), openSession(9)],
    [createDatabase(101, "brief"), other(table, 102)],
    [synod.command([row]), other(row, 103)],
    [dropDatabase(104, "brief"), openSession(8, "another")],
    [other(row, 105), synod.command([row])],
    [other(row, 106), other(row, 103)],
  );
}

async function hashAfterLog(): Promise<{ hash: string; digest: string }> {
  const machine = machineIn(temporaryDirectory());
  await machine.open();
  const { digest } = await machine.apply(log());
  const { hash } = await machine.contentHash();
  await machine.close();
  return { hash, digest };
}

/** Opens, replays what is missing, and tells what came out of it. */
async function recover(directory: string): Promise<{ hash: string; digest: string }> {
  const machine = machineIn(directory);
  const { appliedIndex } = await machine.open();
  const { digest } = await machine.apply(log().filter(({ slot }) => slot > appliedIndex));
  const { hash } = await machine.contentHash();
  await machine.close();
  return { hash, digest };
}

/** Copies the files as they are now, with their -wal, as a crash would leave them. */
function image(directory: string): string {
  const copy = temporaryDirectory();
  cpSync(directory, copy, { recursive: true });
  return copy;
}

/** Images of one machine's directory after each slot, from 0. */
async function images(): Promise<string[]> {
  const directory = temporaryDirectory();
  const machine = machineIn(directory);
  await machine.open();
  const taken = [image(directory)];
  for (const entry of log()) {
    await machine.apply([entry]);
    taken.push(image(directory));
  }
  await machine.close();
  return taken;
}

/** The files of `earlier` for one database (or the system) laid over the directory of `later`. */
function withFileFrom(earlier: string, later: string, name: string): string {
  const mixed = image(later);
  for (const suffix of ["", "-wal", "-shm"]) {
    const from = join(earlier, "files", name + suffix);
    rmSync(join(mixed, "files", name + suffix), { force: true });
    if (existsSync(from)) cpSync(from, join(mixed, "files", name + suffix));
  }
  return mixed;
}

describe("a machine's directory after a crash of its creation", () => {
  test("A, B: at every step of the creation, the next open creates it", async () => {
    let crashes = 0;
    for (let steps = 0; ; steps += 1) {
      const directory = join(temporaryDirectory(), "machine");
      const machine = new Machine({ directory, node: NODE, files: crashingAfter(steps) });
      try {
        machine.open();
        machine.close();
        break;
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
        crashes += 1;
      }
      const again = machineIn(directory);
      expect(await again.open()).toMatchObject({ appliedIndex: 0, restoreInterrupted: false });
      expect(readdirSync(directory)).toEqual(["files"]);
      await again.close();
    }
    expect(crashes).toBeGreaterThan(6);
  });

  test("C: files alone are in use", async () => {
    const [, , , , , , last = ""] = await images();
    const machine = machineIn(last);
    expect(await machine.open()).toMatchObject({ createdNow: false, restoreInterrupted: false });
    await machine.close();
  });
});

describe("a machine's directory after a crash of a restore", () => {
  test("D, E, F: at every step the old or the new state is found, never another", async () => {
    const source = machineIn(temporaryDirectory());
    await source.open();
    await source.apply(log());
    const snapshot = temporaryDirectory();
    const { files } = await source.snapshot(snapshot);
    await source.close();
    const found = new Set<string>();
    for (let steps = 0; ; steps += 1) {
      const directory = join(temporaryDirectory(), "machine");
      const first = machineIn(directory);
      await first.open();
      await first.close();
      const machine = machineIn(directory, crashingAfter(steps + 1));
      const restored = await attempt(machine, snapshot, files);
      const again = machineIn(directory);
      const { appliedIndex, restoreInterrupted, createdNow } = await again.open();
      expect(createdNow).toBe(false);
      expect([0, 7]).toContain(appliedIndex);
      found.add(`${appliedIndex} ${restoreInterrupted}${restored ? " done" : ""}`);
      expect(readdirSync(directory)).toEqual(["files"]);
      await again.close();
      if (restored) break;
    }
    expect([...found].sort()).toEqual(["0 false", "0 true", "7 false", "7 false done"]);
  });

  test("G, H, I: a directory that lost its files is refused, not begun anew", async () => {
    const [state = ""] = await images();
    const incomingAlone = image(state);
    renameSync(join(incomingAlone, "files"), join(incomingAlone, "incoming"));
    const retiredAlone = image(state);
    renameSync(join(retiredAlone, "files"), join(retiredAlone, "retired"));
    const withoutSystem = image(state);
    rmSync(join(withoutSystem, "files", "system.db"));
    for (const directory of [incomingAlone, retiredAlone, withoutSystem]) {
      await expect(machineIn(directory).open()).rejects.toThrow(/lost its files|is missing/);
    }
  });
});

async function attempt(
  machine: InProcessMachine,
  snapshot: string,
  files: readonly string[],
): Promise<boolean> {
  try {
    await machine.open();
    await machine.restore(snapshot, files);
    await machine.close();
    return true;
  } catch {
    // A dead process closes its files without writing; SQLite's own close would only tidy its -wal.
    return false;
  }
}

describe("a machine's files after a power loss", () => {
  test("J: each file at any earlier commit of its own: replay gives the same state", async () => {
    const expected = await hashAfterLog();
    const taken = await images();
    const last = taken.at(-1) ?? "";
    for (const name of ["1.db", "2049.db"]) {
      for (const earlier of taken) {
        if (!existsSync(join(earlier, "files", name))) continue;
        expect(await recover(withFileFrom(earlier, last, name))).toEqual(expected);
      }
    }
  });

  test("J: after a crash at any slot: replay gives the same state", async () => {
    const expected = await hashAfterLog();
    for (const taken of await images()) expect(await recover(taken)).toEqual(expected);
  });

  test("K: the system file before CREATE DATABASE: the file is removed and made again", async () => {
    const expected = await hashAfterLog();
    const taken = await images();
    const [, beforeCreation = ""] = taken;
    // DROP made slot 5 durable, so only what lies before it can see the system file go back.
    for (const later of taken.slice(2, 5)) {
      const mixed = withFileFrom(beforeCreation, later, "system.db");
      expect(await recover(mixed)).toEqual(expected);
    }
  });

  test("K, L: what DROP DATABASE left behind is removed", async () => {
    const expected = await hashAfterLog();
    const taken = await images();
    const last = image(taken.at(-1) ?? "");
    const beforeDrop = taken[4] ?? "";
    cpSync(join(beforeDrop, "files", "3072.db"), join(last, "files", "3072.db"));
    writeFileSync(join(last, "files", "4096.db-wal"), "left over");
    expect(await recover(last)).toEqual(expected);
    expect(readdirSync(join(last, "files"))).toEqual(["1.db", "2049.db", "system.db"]);
  });

  test("M: a database in the list without a file is refused", async () => {
    const last = image((await images()).at(-1) ?? "");
    rmSync(join(last, "files", "2049.db"));
    await expect(machineIn(last).open()).rejects.toThrow(/2049\.db is missing/);
  });

  test("a crash at every file operation of CREATE and DROP DATABASE is recovered from", async () => {
    const expected = await hashAfterLog();
    let crashes = 0;
    for (let steps = 0; ; steps += 1) {
      const directory = join(temporaryDirectory(), "machine");
      mkdirSync(directory);
      const first = machineIn(directory);
      await first.open();
      await first.close();
      // Opening syncs the parent directory and makes sure of its own: two operations.
      const machine = machineIn(directory, crashingAfter(steps + 2));
      await machine.open();
      try {
        for (const entry of log()) await machine.apply([entry]);
        await machine.close();
        break;
      } catch {
        crashes += 1;
      }
      expect(await recover(image(directory))).toEqual(expected);
    }
    expect(crashes).toBeGreaterThan(10);
  });
});
