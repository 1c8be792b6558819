import { describe, expect, test } from "vitest";
import { MachineError } from "../../../src/machine/machine-error.ts";
import { MachineThread } from "../../../src/machine/machine-thread.ts";
import { StaleSchemaError } from "../../../src/machine/state-machine.ts";
import {
  errorFromData,
  errorToData,
  packEntries,
  unpackEntries,
} from "../../../src/machine/worker-protocol.ts";
import { SqlError } from "../../../src/sql/errors.ts";

interface Calls {
  ask(): number;
}

const ROLE = { role: "copier", directory: "/nowhere" } as const;

function threadRunning(code: string): { thread: MachineThread<Calls>; failures: Error[] } {
  const failures: Error[] = [];
  const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  const thread = new MachineThread<Calls>(url, ROLE, (error) => failures.push(error));
  return { thread, failures };
}

const ANSWERING = `
  import { parentPort } from "node:worker_threads";
  parentPort.on("message", (calls) => {
    parentPort.postMessage(calls.map(({ id }) => ({ id, kind: "result", result: 42 })));
    if (calls.some(({ name }) => name === "end")) parentPort.close();
  });`;

describe("a thread of the machine", () => {
  test("answers, and ends when asked", async () => {
    const { thread, failures } = threadRunning(ANSWERING);
    expect(await thread.call("ask")).toBe(42);
    expect(thread.waiting).toBe(0);
    expect(await thread.end(5000)).toBe(true);
    await expect(thread.call("ask")).rejects.toBeInstanceOf(MachineError);
    expect(failures).toEqual([]);
  });

  test("that throws rejects what waits, and says so once", async () => {
    const { thread, failures } = threadRunning(
      `import { parentPort } from "node:worker_threads";
       parentPort.on("message", () => { throw new Error("out of luck"); });`,
    );
    const calls = await Promise.allSettled([thread.call("ask"), thread.call("ask")]);
    expect(calls.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await expect(thread.call("ask")).rejects.toThrow(/out of luck/);
    expect(await thread.end(5000)).toBe(true);
    expect(failures).toHaveLength(1);
  });

  test("that exits by itself rejects what waits with its code", async () => {
    const { thread } = threadRunning("process.exit(3)");
    await expect(thread.call("ask")).rejects.toThrow(/ended with code 3/);
    await thread.end(5000);
  });

  test("that is busy for ever is left behind after the time it is given", async () => {
    const { thread } = threadRunning(
      `import { parentPort } from "node:worker_threads";
       parentPort.on("message", () => { for (;;); });`,
    );
    const call = thread.call("ask");
    const started = performance.now();
    expect(await thread.end(50)).toBe(false);
    expect(performance.now() - started).toBeLessThan(2000);
    await expect(call).rejects.toBeInstanceOf(MachineError);
  });
});

describe("what crosses between threads", () => {
  test("entries come out as they went in, out of a buffer of their own", () => {
    const large = new Uint8Array(1_000_000).fill(7);
    const entry = {
      slot: 2 ** 40,
      timestampMicros: 1_767_323_045_678_901,
      commands: [large.subarray(10, 13), new Uint8Array(0)],
    };
    const packed = packEntries([entry, { slot: 5, timestampMicros: 0, commands: [] }]);
    expect(packed.buffer.byteLength).toBeLessThan(200);
    const [first, second] = unpackEntries(packed);
    expect(first).toEqual({ ...entry, commands: [large.slice(10, 13), new Uint8Array(0)] });
    expect(second).toEqual({ slot: 5, timestampMicros: 0, commands: [] });
  });

  test.each([
    new SqlError("23505", "duplicate", { detail: "Key", constraint: "t_pkey" }),
    new StaleSchemaError("version 3"),
    new MachineError("disk full"),
  ])("$name keeps its class and what it says", (error) => {
    const crossed = errorFromData(structuredClone(errorToData(error)));
    expect(crossed.constructor).toBe(error.constructor);
    expect(crossed.message).toBe(error.message);
    expect(Object.entries(crossed)).toEqual(Object.entries(error));
  });
});
