/**
 * The state machine of a simulated node: the real one over real SQLite files in a directory of its
 * own, with snapshots that go to and come from the node's simulated disk.
 *
 * SQLite syncs at checkpoints only, so a power loss may bring each file back to what it was at the
 * last one. A copy of the files is kept from each checkpoint for that.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import type { Files } from "../../src/base/files.ts";
import type { Random } from "../../src/base/random.ts";
import {
  InProcessMachine,
  type InProcessMachineOptions,
} from "../../src/machine/in-process-machine.ts";
import type { SpeculationRequest, SpeculationResult } from "../../src/machine/speculation.ts";
import type {
  AppliedEntry,
  ApplyReport,
  DatabaseId,
  MachineState,
  ReadPage,
  ReadRequest,
  SnapshotFiles,
  StateMachine,
} from "../../src/machine/state-machine.ts";

export type MachineCall =
  | "open"
  | "apply"
  | "read"
  | "snapshot"
  | "restore"
  | "checkpoint"
  | "contentHash"
  | "speculate";

export interface DiskMachineOptions {
  /** Of the real file system; everything of this machine is below it. */
  readonly directory: string;
  readonly node: number;
  /** The simulated disk, where snapshots are. */
  readonly files: Files;
  readonly clock: InProcessMachineOptions["clock"];
  readonly random: Random;
  /** Awaited before each call is carried out; rejects to make it fail. */
  readonly before: (call: MachineCall) => Promise<void>;
  /** Work that takes real time (SQLite copies pages in steps): virtual time must wait for it. */
  readonly real: <Result>(work: Promise<Result>) => Promise<Result>;
}

export class DiskMachine implements StateMachine {
  readonly hasRunawayRead = false;
  readonly #options: DiskMachineOptions;
  readonly #machine: InProcessMachine;
  /** Calls are carried out one after the other, as the writer's thread does. */
  #turn: Promise<unknown> = Promise.resolve();
  #alive = true;

  constructor(options: DiskMachineOptions) {
    this.#options = options;
    const { node, clock, random } = options;
    fs.mkdirSync(options.directory, { recursive: true });
    const world = clock === undefined ? { random } : { clock, random };
    this.#machine = new InProcessMachine({
      directory: this.#path("machine"),
      node,
      durability: "none",
      ...world,
    });
  }

  open(): Promise<MachineState> {
    return this.#call("open", async () => {
      const state = await this.#machine.open();
      this.#keepDurable();
      return state;
    });
  }

  apply(entries: readonly AppliedEntry[]): Promise<ApplyReport> {
    return this.#call("apply", () => this.#machine.apply(entries));
  }

  async read(request: ReadRequest): Promise<ReadPage> {
    await this.#options.before("read");
    return this.#machine.read(request);
  }

  speculate(request: SpeculationRequest): Promise<SpeculationResult> {
    return this.#call("speculate", async () => this.#machine.speculate(request));
  }

  endTransaction(database: DatabaseId, transaction: number): void {
    if (this.#alive) this.#machine.endTransaction(database, transaction);
  }

  readMore(cursor: number, rows: number): Promise<ReadPage> {
    return this.#machine.readMore(cursor, rows);
  }

  closeView(view: number): void {
    if (this.#alive) this.#machine.closeView(view);
  }

  closeCursor(cursor: number): void {
    if (this.#alive) this.#machine.closeCursor(cursor);
  }

  snapshot(directory: string): Promise<SnapshotFiles> {
    return this.#call("snapshot", async () => {
      const aside = this.#fresh("aside");
      const taken = await this.#options.real(this.#machine.snapshot(aside));
      for (const name of taken.files) {
        await write(this.#options.files, join(directory, name), fs.readFileSync(join(aside, name)));
      }
      return taken;
    });
  }

  restore(directory: string, names: readonly string[]): Promise<MachineState> {
    return this.#call("restore", async () => {
      const incoming = this.#fresh("incoming");
      for (const name of names) {
        const bytes = await read(this.#options.files, join(directory, name));
        fs.writeFileSync(join(incoming, name), bytes);
      }
      const state = await this.#machine.restore(incoming, names);
      this.#keepDurable();
      return state;
    });
  }

  contentHash(): Promise<{ appliedIndex: number; hash: string }> {
    return this.#call("contentHash", () => this.#machine.contentHash());
  }

  checkpoint(): Promise<number> {
    return this.#call("checkpoint", async () => {
      const index = await this.#machine.checkpoint();
      this.#keepDurable();
      return index;
    });
  }

  async close(): Promise<void> {
    if (!this.#alive) return;
    await this.#turn;
    this.#alive = false;
    await this.#machine.close();
  }

  /** The process dies; `powerLoss`: and each file may be as it was at the last checkpoint. */
  async crash(powerLoss: Random | null): Promise<void> {
    if (!this.#alive) return;
    this.#alive = false;
    await this.#machine.close().catch(() => undefined);
    if (powerLoss !== null) this.#fallBack(powerLoss);
  }

  /** A call of a process that is gone never comes back. */
  #call<Result>(call: MachineCall, work: () => Promise<Result>): Promise<Result> {
    const done = this.#turn.then(async () => {
      await this.#options.before(call);
      if (!this.#alive) return new Promise<never>(() => undefined);
      return work();
    });
    this.#turn = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  #keepDurable(): void {
    const durable = this.#fresh("durable");
    for (const name of namesOf(this.#path("machine", "files"))) {
      if (name.endsWith("-shm")) continue;
      fs.copyFileSync(this.#path("machine", "files", name), join(durable, name));
    }
  }

  #fallBack(random: Random): void {
    const files = this.#path("machine", "files");
    const durable = namesOf(this.#path("durable"));
    const databases = durable.filter((name) => name.endsWith(".db"));
    const same = databases.join() === namesOf(files).filter(isDatabase).join();
    // Where databases came or went since, what the system file says and the files go together.
    const all = same ? null : random.below(2) === 0;
    if (all === true) fs.rmSync(files, { recursive: true });
    for (const database of all === false ? [] : databases) {
      if (all === null && random.below(2) === 0) continue;
      fs.mkdirSync(files, { recursive: true });
      for (const name of [database, `${database}-wal`]) {
        fs.rmSync(join(files, name), { force: true });
        if (durable.includes(name)) fs.copyFileSync(this.#path("durable", name), join(files, name));
      }
    }
  }

  #fresh(name: string): string {
    const path = this.#path(name);
    fs.rmSync(path, { recursive: true, force: true });
    fs.mkdirSync(path, { recursive: true });
    return path;
  }

  #path(...parts: readonly string[]): string {
    return join(this.#options.directory, ...parts);
  }
}

function isDatabase(name: string): boolean {
  return name.endsWith(".db");
}

function namesOf(path: string): readonly string[] {
  return fs.existsSync(path) ? fs.readdirSync(path).toSorted() : [];
}

async function read(files: Files, path: string): Promise<Uint8Array> {
  const file = await files.open(path, "read");
  try {
    return await file.read(0, await file.size());
  } finally {
    await file.close();
  }
}

async function write(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  const file = await files.open(path, "create");
  try {
    await file.write(0, bytes);
  } finally {
    await file.close();
  }
}
