/** Where the machine's threads begin: each is a writer, a reader or a copier all its life. */
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../base/assert.ts";
import { systemClock } from "../base/clock.ts";
import { systemBlockingFiles } from "../base/files-blocking.ts";
import { systemRandom } from "../base/random.ts";
import { Machine } from "./machine.ts";
import { filesDirectoryOf } from "./machine-directory.ts";
import { PinnedFiles } from "./pinned-files.ts";
import { Reader } from "./reader.ts";
import {
  type AnswerMessage,
  type CallMessage,
  type CopierCalls,
  errorToData,
  type ReaderCalls,
  type ThreadRole,
  unpackEntries,
  type WriterCalls,
} from "./worker-protocol.ts";

type Calls = Readonly<Record<string, (...args: never[]) => unknown>>;

function main(): void {
  const port = parentPort;
  assert(port !== null, "worker.ts runs in a thread of the machine's");
  const calls = callsOf(workerData as ThreadRole);
  port.on("message", (message: CallMessage) => {
    void answer(calls, message).then((reply) => {
      port.postMessage(reply);
      if (message.name === "end") port.close();
    });
  });
}

/** Never rejects: whatever is thrown is the answer. */
async function answer(calls: Calls, { id, name, args }: CallMessage): Promise<AnswerMessage> {
  try {
    const call = calls[name];
    assert(call !== undefined, `no call ${name}`);
    return { id, kind: "result", result: await call(...(args as never[])) };
  } catch (error) {
    return { id, kind: "error", error: errorToData(error) };
  }
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
      return { ...copierCalls(filesDirectoryOf(role.directory)) };
  }
}

function writerCalls(machine: Machine): WriterCalls {
  return {
    open: () => machine.open(),
    apply: (packed) => machine.apply(unpackEntries(packed)),
    appliedIndex: () => machine.appliedIndex,
    checkpoint: () => machine.checkpoint(),
    speculate: (request) => machine.speculate(request),
    endTransaction: (database, transaction) => machine.endTransaction(database, transaction),
    restore: (directory, files) => machine.restore(directory, files),
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
