/** Goal: a thread in the background steps back, and no other thread of the process with it. Needs the build. */
import { getPriority } from "node:os";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";

const MODULE = new URL("../../dist/src/base/thread-priority.js", import.meta.url).href;

/** A thread's priority by its number, which on Linux stands for the thread alone. */
const WORK = `
  const { readlinkSync } = require("node:fs");
  const { getPriority } = require("node:os");
  const { parentPort, workerData } = require("node:worker_threads");
  import(workerData).then(({ runInBackground }) => {
    runInBackground();
    parentPort.postMessage(getPriority(Number(readlinkSync("/proc/thread-self").split("/").at(-1))));
  });
`;

test.runIf(process.platform === "linux")("only the thread itself", async () => {
  const before = getPriority();
  const worker = new Worker(WORK, { eval: true, workerData: MODULE });
  const priority = await new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  await worker.terminate();
  expect(priority).toBe(19);
  expect(getPriority()).toBe(before);
});
