/** Which reader a query of a transaction runs on: the one in the main thread, or one in a thread. */
import { beforeEach, expect, test } from "vitest";
import { type NearReader, Readers, type ReaderThread } from "../../../src/machine/readers.ts";
import {
  LongQueryError,
  type ReadPage,
  type ReadRequest,
} from "../../../src/machine/state-machine.ts";
import { Stop } from "../../../src/machine/stop.ts";

const HERE: ReadPage = { rows: [["here"]], cursor: null, view: 1 };
const THERE: ReadPage = { rows: [["there"]], cursor: null, view: 1 };

let nowMs: number;
/** What a view here costs, and whether the query is short. */
let openingMs: number;
let isShort: boolean;
let viewCount: number;
let readers: Readers;

beforeEach(() => {
  [nowMs, openingMs, isShort, viewCount] = [0, 0, true, 0];
  const near: NearReader = {
    get viewCount() {
      return viewCount;
    },
    readIfShort: () => {
      nowMs += openingMs;
      return isShort ? HERE : null;
    },
    readMore: () => HERE,
    closeCursor: () => undefined,
    closeView: () => undefined,
    forget: () => undefined,
    closeFiles: () => undefined,
  };
  readers = new Readers([new FakeThread()], near, () => nowMs);
});

/** Answers every call as a thread would. */
class FakeThread implements ReaderThread {
  readonly waiting = 0;
  readonly call: ReaderThread["call"] = async () => THERE as never;
  readonly callUntil: ReaderThread["callUntil"] = async () => THERE as never;
  readonly end: ReaderThread["end"] = async () => true;
}

function request(view: number | "new" | "newForAny"): ReadRequest {
  const inTransaction = { view, seed: new Uint8Array(16), clockMicros: 0 };
  const common = { database: 1, catalogVersion: 1, parameters: [], timestampMicros: 0 };
  return { ...common, sql: "SELECT 1", usesSystemRelations: false, firstRows: 9, inTransaction };
}

async function placeOf(view: number | "new" | "newForAny"): Promise<unknown> {
  return (await readers.read(request(view), new Stop())).rows[0]?.[0];
}

test("a new view is here if the query is short and there is room, and in a thread otherwise", async () => {
  expect(await placeOf("new")).toBe("here");
  expect(await placeOf("newForAny")).toBe("there");
  isShort = false;
  expect(await placeOf("new")).toBe("there");
  isShort = true;
  viewCount = 1_000;
  expect(await placeOf("new")).toBe("there");
});

test("a long query in a view that is here is refused, in one of a thread it runs", async () => {
  const here = (await readers.read(request("new"), new Stop())).view ?? -1;
  const there = (await readers.read(request("newForAny"), new Stop())).view ?? -1;
  isShort = false;
  await expect(placeOf(here)).rejects.toThrow(LongQueryError);
  expect(await placeOf(there)).toBe("there");
});

test("views that take long to open are opened in threads for ten times as long", async () => {
  openingMs = 20;
  expect(await placeOf("new")).toBe("here");
  openingMs = 0;
  expect(await placeOf("new")).toBe("there");
  nowMs = 199;
  expect(await placeOf("new")).toBe("there");
  nowMs = 200;
  expect(await placeOf("new")).toBe("here");
});
