/** Goal: whatever goes wrong while the files change hands, every call is answered, and the node hears of it. */
import { beforeEach, expect, test } from "vitest";
import { InProcessMachine } from "../../../src/machine/in-process-machine.ts";
import { Machine } from "../../../src/machine/machine.ts";
import { MachineError } from "../../../src/machine/machine-error.ts";
import type { AppliedEntry } from "../../../src/machine/state-machine.ts";
import type { Stop } from "../../../src/machine/stop.ts";
import { unpackEntries } from "../../../src/machine/worker-protocol.ts";
import { Writer, type WriterThread } from "../../../src/machine/writer.ts";
import {
  entries,
  Gateway,
  NODE,
  openSession,
  schema,
  write,
} from "../../support/machine-commands.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

/** What the thread of a node does, without a thread. After a call named in `breaking` nothing works. */
class FarMachine {
  readonly calls: string[] = [];
  readonly breaking = new Set<string>();
  #isBroken = false;
  readonly #machine: Machine;

  constructor(directory: string) {
    this.#machine = new Machine({ directory, node: NODE, durability: "none" });
  }

  get thread(): WriterThread {
    const call = async (name: string, ...args: unknown[]): Promise<unknown> => {
      this.calls.push(name);
      this.#isBroken ||= this.breaking.has(name);
      if (this.#isBroken) throw new MachineError(`${name} failed`, { cause: null });
      return this.#run(name, args);
    };
    const thread = {
      waiting: 0,
      call,
      callUntil: (_stop: Stop, name: string, ...args: unknown[]) => call(name, ...args),
      callTransferring: (name: string, packed: Uint8Array) => call(name, unpackEntries(packed)),
      end: async () => (this.#machine.close(), true),
    };
    return thread as unknown as WriterThread;
  }

  #run(name: string, args: unknown[]): unknown {
    const machine = this.#machine;
    const calls: Readonly<Record<string, (...given: never[]) => unknown>> = {
      open: () => machine.open(),
      apply: (log: Parameters<Machine["apply"]>[0]) => machine.applyMeasured(log),
      handOver: () => machine.handOver(),
      takeOver: (handed: Parameters<Machine["takeOver"]>[0]) => machine.takeOver(handed),
      appliedIndex: () => machine.appliedIndex,
      checkpoint: () => machine.checkpoint(),
      tidy: () => machine.tidy(),
    };
    return calls[name]?.(...(args as never[]));
  }
}

let directory: string;
let far: FarMachine;
let near: Machine;
let writer: Writer;
let failures: string[];
let nowMs: number;
let slot: number;
/** What was applied. */
let log: AppliedEntry[];
const gateway = (): Gateway => new Gateway();
let client: Gateway;

beforeEach(async () => {
  directory = temporaryDirectory();
  far = new FarMachine(directory);
  near = new Machine({ directory, node: NODE, durability: "none", isNear: true });
  failures = [];
  nowMs = 1_000;
  slot = 0;
  log = [];
  client = gateway();
  const onFailure = ({ message }: Error): number => failures.push(message);
  writer = new Writer({ thread: far.thread, near, nowMs: () => nowMs, onFailure });
  await writer.open();
  await apply(openSession());
  await apply(client.command([schema("CREATE TABLE t (k INTEGER PRIMARY KEY, v INTEGER)")]));
});

async function apply(command: Uint8Array): Promise<number> {
  slot += 1;
  const [entry] = entries(slot, [command]);
  if (entry === undefined) throw new Error("no entry");
  const { appliedIndex } = await writer.apply([entry]);
  log.push(entry);
  return appliedIndex;
}

/**
 * After a restart the log brings the files to where they were: the thread, which knows nothing of what was
 * done here, must not have written down how far it got itself.
 */
async function expectReplayed(): Promise<void> {
  const again = new InProcessMachine({ directory, node: NODE, durability: "none" });
  const { appliedIndex } = await again.open();
  await again.apply(log.filter((entry) => entry.slot > appliedIndex));
  const other = temporaryDirectory();
  const fresh = new InProcessMachine({ directory: other, node: NODE, durability: "none" });
  await fresh.open();
  await fresh.apply(log);
  expect(await again.contentHash()).toEqual(await fresh.contentHash());
  await Promise.all([again.close(), fresh.close()]);
}

function insert(key: number): Uint8Array {
  return client.command([write("INSERT INTO t VALUES (?1, 0)", BigInt(key))]);
}

test("what is short runs here once nothing long came for a while", async () => {
  far.calls.length = 0;
  await apply(insert(1));
  expect(far.calls).toEqual(["apply"]);
  nowMs += 101;
  await apply(insert(2));
  await apply(insert(3));
  expect(far.calls).toEqual(["apply", "handOver"]);
  await apply(client.command([write("UPDATE t SET v = 1")]));
  expect(far.calls).toEqual(["apply", "handOver", "takeOver", "apply"]);
  await writer.end(0);
  expect(failures).toEqual([]);
});

test("files that cannot be had stay there, and nobody asks again", async () => {
  far.breaking.add("handOver");
  nowMs += 101;
  far.calls.length = 0;
  await expect(apply(insert(1))).rejects.toThrow(/apply failed/);
  nowMs += 1_000;
  await expect(apply(insert(2))).rejects.toThrow(/apply failed/);
  expect(far.calls).toEqual(["handOver", "apply", "apply"]);
});

test("a call that cannot be answered is rejected, and so are those after it", async () => {
  nowMs += 101;
  await apply(insert(1));
  far.breaking.add("takeOver");
  await expect(apply(client.command([write("UPDATE t SET v = 1")]))).rejects.toThrow(
    /apply failed/,
  );
  nowMs += 1_000;
  await expect(apply(insert(2))).rejects.toThrow(/apply failed/);
});

test("files of this thread that fail end the node, and tell the client that nothing has happened", async () => {
  nowMs += 101;
  await apply(insert(1));
  near.closeFiles();
  const read = {
    database: 1,
    catalogVersion: 1,
    sql: "SELECT v FROM t WHERE k = 1",
    parameters: [],
    timestampMicros: 1,
    usesSystemRelations: false,
    firstRows: 1,
  };
  // It was not published, and cannot be any more.
  expect(() => writer.publish()).toThrow(expect.objectContaining({ sqlState: "57P01" }));
  expect(failures).toHaveLength(1);
  expect(writer.readHere(read)).toBeNull();
  await expect(apply(insert(2))).rejects.toThrow(/failed before/);
  expect(await writer.end(0)).toBe(true);
  await expectReplayed();
});

test("what was published here stays when the files cannot be handed back", async () => {
  nowMs += 101;
  await apply(insert(1));
  await apply(client.command([write("UPDATE t SET v = v + 1 WHERE k = 1")]));
  writer.publish();
  near.closeFiles();
  expect(await writer.end(0)).toBe(true);
  await expectReplayed();
});

test("a -wal that cannot be moved into its file ends the node", async () => {
  far.breaking.add("tidy");
  nowMs += 101;
  for (let key = 1; failures.length === 0 && key < 100; key += 1) {
    await apply(insert(key));
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  expect(failures).toEqual(["tidy failed"]);
  await writer.end(0);
});
