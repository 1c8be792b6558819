/** Where the machine's threads begin: each is a writer, a reader or a copier all its life. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { assert } from "../base/assert.ts";
import { systemClock } from "../base/clock.ts";
import { systemBlockingFiles } from "../base/files-blocking.ts";
import { systemRandom } from "../base/random.ts";
import { runInBackground } from "../base/thread-priority.ts";
import { Machine } from "./machine.ts";
import { filesDirectoryOf } from "./machine-directory.ts";
import { PinnedFiles } from "./pinned-files.ts";
import { Reader } from "./reader.ts";
import { StopFlags } from "./stop.ts";
import { threadCall } from "./thread-call.ts";
import {
  type AnswerMessage,
  type CallMessage,
  type CopierCalls,
  errorToData,
  type ReaderCalls,
  type ThreadRole,
  type ThreadStart,
  unpackEntries,
  type WriterCalls,
} from "./worker-protocol.ts";

type Calls = Readonly<Record<string, (...args: never[]) => unknown>>;

function main(): void {
  const port = parentPort;
  assert(port !== null, "worker.ts runs in a thread of the machine's");
  const { stops, ...role } = workerData as ThreadStart;
  threadCall.watch(new StopFlags(stops));
  const calls = callsOf(role);
  port.on("message", (messages: readonly CallMessage[]) => answerAll(port, calls, messages));
}

/** Answers gather while calls are short: each message wakes the other thread. */
const GATHERED_MS_MAX = 1;

function answerAll(port: MessagePort, calls: Calls, messages: readonly CallMessage[]): void {
  let answers: AnswerMessage[] = [];
  let sinceMs = performance.now();
  for (const message of messages) {
    const { id } = message;
    try {
      const result = run(calls, message);
      if (result instanceof Promise) answerLater(port, id, result);
      else answers.push({ id, kind: "result", result });
    } catch (error) {
      answers.push({ id, kind: "error", error: errorToData(error) });
    }
    const mustAnswer = message === messages.at(-1) || message.name === "end";
    if (!mustAnswer && performance.now() - sinceMs < GATHERED_MS_MAX) continue;
    if (answers.length > 0) port.postMessage(answers);
    answers = [];
    sinceMs = performance.now();
    if (message.name === "end") port.close();
  }
}

function run(calls: Calls, { id, name, args, stoppable }: CallMessage): unknown {
  const call = calls[name];
  assert(call !== undefined, `no call ${name}`);
  const work = (): unknown => call(...(args as never[]));
  return stoppable ? threadCall.run(id, work) : work();
}

function answerLater(port: MessagePort, id: number, result: Promise<unknown>): void {
  result.then(
    (value) => port.postMessage([{ id, kind: "result", result: value }]),
    (error: unknown) => port.postMessage([{ id, kind: "error", error: errorToData(error) }]),
  );
}

function callsOf(role: ThreadRole): Calls {
  switch (role.role) {
    case "writer":
      return { ...writerCalls(new Machine(role)) };
    case "reader": {
      const filesDirectory = filesDirectoryOf(role.directory);
      const reader = new Reader({
        ...role,
        filesDirectory,
        clock: systemClock,
        random: systemRandom,
      });
      return { ...readerCalls(reader) };
    }
    case "copier":
      runInBackground();
      return { ...copierCalls(filesDirectoryOf(role.directory)) };
  }
}

function writerCalls(machine: Machine): WriterCalls {
  return {
    open: () => machine.open(),
    apply: (packed) => machine.applyMeasured(unpackEntries(packed)),
    appliedIndex: () => machine.appliedIndex,
    checkpoint: () => machine.checkpoint(),
    speculate: (request) => machine.speculateMeasured(request),
    endTransaction: (database, transaction) => machine.endTransaction(database, transaction),
    restore: (directory, files) => machine.restore(directory, files),
    handOver: () => machine.handOver(),
    takeOver: (handed) => machine.takeOver(handed),
    tidy: () => machine.tidy(),
    end: () => machine.close(),
  };
}

function readerCalls(reader: Reader): ReaderCalls {
  return {
    read: (request) => reader.read(request),
    readMore: (cursor, rows) => reader.readMore(cursor, rows),
    closeCursor: (cursor) => reader.closeCursor(cursor),
    closeView: (view) => reader.closeView(view),
    forget: (database) => reader.forget(database),
    closeFiles: () => reader.closeFiles(),
    end: () => reader.closeFiles(),
  };
}

function copierCalls(filesDirectory: string): CopierCalls {
  let pinned: PinnedFiles | null = null;
  const held = (): PinnedFiles => {
    assert(pinned !== null, "nothing is pinned");
    return pinned;
  };
  return {
    ready: () => undefined,
    pin(appliedIndex) {
      pinned = new PinnedFiles(filesDirectory, appliedIndex);
    },
    copyTo: (directory) => held().copyTo(directory, systemBlockingFiles),
    contentHash: () => held().contentHash(),
    end: () => pinned?.close(),
  };
}

main();
