/**
 * The write-ahead log's public face. Records are appended in batches: what arrives while a sync is
 * under way shares the next one. Formats: record.ts, batch.ts, segment.ts; what a stop of any kind
 * leaves and how it is read: recovery.ts.
 *
 * Invariants:
 * 1. One batch is under way at a time; the next is written after the sync of the one before.
 * 2. An append resolves after the sync of its batch, and appends resolve in their order.
 * 3. After the first failed write or sync nothing is written any more, and every call rejects:
 *    what the disk holds is unknown then, and only a restart reads it anew (faults rule 30).
 */
import { assert } from "../src/base/assert.ts";
import { type Clock, systemClock, type Timer } from "../src/base/clock.ts";
import type { Files } from "../src/base/files.ts";
import { type Random, systemRandom } from "../src/base/random.ts";
import {
  type BatchLink,
  batchBytes,
  type EncodedBatch,
  encodeBatch,
  SECTOR_BYTES,
} from "./batch.ts";
import { Head } from "./head.ts";
import {
  beginSegment,
  type LogStart,
  removeObsolete,
  type SegmentMaker,
  startFresh,
} from "./log-start.ts";
import { assertRecord, type WalRecord } from "./record.ts";
import { type DamagedRecord, type KeptSegment, recoverLog } from "./recovery.ts";
import { SEGMENT_HEADER_BYTES, type Segment, segmentPath } from "./segment.ts";
import { Spare } from "./spare.ts";

export type { WalRecord } from "./record.ts";
export type { DamagedRecord } from "./recovery.ts";
export { WalFormatError } from "./segment.ts";

const FAILURE_TEXT = "the log could not be written; the process must stop";
const SEAL_AFTER_MS = 10;
/** A batch takes further appends until it has this many bytes. */
const BATCH_BYTES_AIM = 8 * 1024 * 1024;
const SEGMENT_BYTES_MIN = SEGMENT_HEADER_BYTES + SECTOR_BYTES;

export interface WalOptions {
  readonly files: Files;
  readonly directory: string;
  /** Length of a segment file, made in advance; a batch that is longer gets a longer segment. A multiple of 512. */
  readonly segmentBytes: number;
  readonly clock?: Clock;
  /** For the segments' salts. */
  readonly random?: Random;
  /** Idle time after which a seal proves the last batch durable; null writes none (but on close). */
  readonly sealAfterMs?: number | null;
  /** Called after each sync of a batch. */
  readonly onSync?: (sync: WalSync) => void;
  /** Called once, when the log failed: the process must stop. */
  readonly onFailure?: (failure: WalFailedError) => void;
}

export interface WalSync {
  /** Write and sync together. */
  readonly durationMs: number;
  readonly records: number;
  /** Written, headers included. */
  readonly bytes: number;
}

export interface WalStats {
  /** Batches made durable since open, seals included. */
  readonly syncs: number;
  readonly syncedRecords: number;
  readonly lastSyncMs: number;
  /** Of all segments on disk. */
  readonly bytes: number;
  readonly segments: number;
  /** Whether room for the next segment is already reserved on the disk. */
  readonly spareReady: boolean;
}

/** What open found. */
export interface WalRecovery {
  /** In the order of their appends. */
  readonly records: readonly WalRecord[];
  /** Durable once, unreadable now; reported again at each open until truncation removes its segment. */
  readonly damaged: readonly DamagedRecord[];
  /** Length of a last batch that was dropped as torn, as far as its remains tell. */
  readonly tornBytes: number;
  /** No segment was there, nor a trace of one in `head`: the log is new, or all of it is gone. */
  readonly created: boolean;
}

/** Raised by every call after a write or sync failed; `cause` is the first failure. */
export class WalFailedError extends Error {
  override readonly name = "WalFailedError";
}

interface PendingAppend {
  readonly records: readonly WalRecord[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface ActiveSegment {
  readonly segment: Segment;
  highestSlot: number;
}

export class Wal {
  readonly #options: WalOptions;
  readonly #clock: Clock;
  readonly #maker: SegmentMaker;
  #closed: KeptSegment[];
  #active: ActiveSegment;
  #link: BatchLink;
  #queue: PendingAppend[] = [];
  #running: Promise<void> | null = null;
  #truncation: Promise<void> = Promise.resolve();
  #sealTimer: Timer | null = null;
  /** Whether the last batch has records that nothing on disk proves durable yet. */
  #unproven = false;
  #lastSyncAtMs = 0;
  #failure: WalFailedError | null = null;
  #closing = false;
  #counts = { syncs: 0, syncedRecords: 0, lastSyncMs: 0 };

  private constructor(options: WalOptions, maker: SegmentMaker, start: LogStart) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#maker = maker;
    this.#closed = [...start.closed];
    this.#active = { segment: start.segment, highestSlot: start.highestSlot };
    this.#link = start.link;
  }

  /**
   * Recovers the log in `directory` (made if missing) and continues it in a fresh segment, in which
   * the last batch stands anew if nothing proved it durable. Throws WalFormatError for a log of
   * another format version, and whatever the disk throws.
   */
  static async open(options: WalOptions): Promise<{ wal: Wal; recovery: WalRecovery }> {
    const { files, directory, segmentBytes } = options;
    assert(segmentBytes >= SEGMENT_BYTES_MIN, `segment of ${segmentBytes} bytes is too short`);
    assert(
      segmentBytes % SECTOR_BYTES === 0,
      `segment of ${segmentBytes} bytes: not whole sectors`,
    );
    await files.makeDirectory(directory);
    // A process that died between a rename and its sync left a name that a power loss may take
    // back: what is built on it here must not outlive it.
    await files.syncDirectory(directory);
    const head = await Head.open(files, directory);
    const log = await recoverLog(files, directory, head.number);
    const spare = await Spare.open(files, directory, segmentBytes);
    const { random = systemRandom } = options;
    const maker = { files, directory, segmentBytes, random, spare, head };
    const start = await startFresh(maker, log);
    await removeObsolete(maker, log);
    const wal = new Wal(options, maker, start);
    spare.prepare();
    const { records, damaged, tornBytes } = log;
    return { wal, recovery: { records, damaged, tornBytes, created: log.highestNumber === 0 } };
  }

  get stats(): WalStats {
    const { capacity } = this.#active.segment.header;
    return {
      ...this.#counts,
      bytes: this.#closed.reduce((sum, segment) => sum + segment.bytes, capacity),
      segments: this.#closed.length + 1,
      spareReady: this.#maker.spare.ready,
    };
  }

  /** The first failure, if the log failed: the process must stop. */
  get failure(): WalFailedError | null {
    return this.#failure;
  }

  /**
   * Resolves once `records` are durable; all in one batch, so that after a crash either all or none
   * of them come back. Appends that arrive while a sync is under way share the next one. The
   * payloads must not be changed before. Rejects with WalFailedError for ever after a failure.
   */
  async append(records: readonly WalRecord[]): Promise<void> {
    for (const record of records) assertRecord(record);
    this.#assertOpen();
    if (records.length === 0) return;
    await this.#enqueue(records);
  }

  /**
   * Removes whole segments from the front, all of whose records have a slot of at most `floorSlot`
   * (0 counts as covered). Never the active one. The log's new start is durable before the first
   * byte is removed. A segment with damage of unknown slot counts as if it held the highest slot
   * that was in the log when it was opened.
   */
  async truncateBelow(floorSlot: number): Promise<void> {
    assert(Number.isSafeInteger(floorSlot) && floorSlot >= 0, `floor out of range: ${floorSlot}`);
    this.#assertOpen();
    const done = this.#truncation.then(() => this.#truncate(floorSlot));
    this.#truncation = done.catch(() => undefined);
    await done;
  }

  /** Waits for what is under way, seals, and closes the files. Later calls reject. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#sealTimer?.cancel();
    await this.#truncation;
    await this.#running;
    if (this.#failure === null && this.#unproven) await this.#enqueue([]);
    await this.#running;
    await this.#maker.spare.settle();
    await this.#active.segment.close();
  }

  #assertOpen(): void {
    if (this.#failure !== null) throw this.#failure;
    assert(!this.#closing, "the log is open");
  }

  /** No records: a batch is written all the same, as a seal and to carry the log start. */
  #enqueue(records: readonly WalRecord[]): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#queue.push({ records, resolve, reject });
      this.#running ??= this.#drain();
    });
  }

  async #drain(): Promise<void> {
    // What else this turn of the event loop appends shares the first sync.
    await Promise.resolve();
    let batch: readonly PendingAppend[] = [];
    try {
      while (this.#queue.length > 0) {
        batch = this.#takeBatch();
        await this.#write(recordsOf(batch));
        for (const pending of batch) pending.resolve();
      }
    } catch (cause) {
      this.#fail(cause, batch);
    }
    // In the same step in which the queue was seen empty: an append must never find a drain that
    // has already looked.
    this.#running = null;
  }

  #takeBatch(): readonly PendingAppend[] {
    let bytes = 0;
    let count = 0;
    for (const { records } of this.#queue) {
      bytes += batchBytes(records);
      if (count > 0 && bytes > BATCH_BYTES_AIM) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  async #write(records: readonly WalRecord[]): Promise<void> {
    const startedMs = this.#clock.monotonicMs();
    const { segment } = this.#active;
    const length = batchBytes(records);
    const { checksum } = segment.fits(length)
      ? await this.#writeToActive(records)
      : await this.#writeToNext(records);
    this.#link = {
      logStart: this.#link.logStart,
      sequence: this.#link.sequence + 1,
      previousChecksum: checksum,
      previousRecords: records.length,
    };
    for (const { slot } of records) {
      this.#active.highestSlot = Math.max(this.#active.highestSlot, slot);
    }
    this.#synced(startedMs, records.length, length);
  }

  async #writeToActive(records: readonly WalRecord[]): Promise<EncodedBatch> {
    const { segment } = this.#active;
    const batch = encodeBatch(records, this.#link, segment.header.segment, segment.endOffset);
    await segment.append(batch.bytes);
    this.#unproven = records.length > 0;
    return batch;
  }

  /** The active segment is full: the batch becomes the first of the next one, durable with its name. */
  async #writeToNext(records: readonly WalRecord[]): Promise<EncodedBatch> {
    const full = this.#active;
    const { number } = full.segment.header.segment;
    const { batch, segment } = await beginSegment(this.#maker, {
      number: number + 1,
      link: this.#link,
      provenSequence: this.#link.sequence,
      records,
    });
    const { firstSequence, capacity: bytes } = full.segment.header;
    this.#closed.push({ number, firstSequence, highestSlot: full.highestSlot, bytes });
    this.#active = { segment, highestSlot: 0 };
    this.#unproven = false;
    await full.segment.close();
    this.#maker.spare.prepare();
    assert(batch !== null, "a segment begun with records has a batch");
    return batch;
  }

  #synced(startedMs: number, records: number, bytes: number): void {
    const nowMs = this.#clock.monotonicMs();
    const durationMs = nowMs - startedMs;
    this.#counts.syncs += 1;
    this.#counts.syncedRecords += records;
    this.#counts.lastSyncMs = durationMs;
    this.#lastSyncAtMs = nowMs;
    if (this.#unproven) this.#sealLater(this.#options.sealAfterMs);
    this.#options.onSync?.({ durationMs, records, bytes });
  }

  #sealLater(delayMs: number | null | undefined = SEAL_AFTER_MS): void {
    if (delayMs === null || this.#sealTimer !== null || this.#closing) return;
    this.#sealTimer = this.#clock.after(delayMs, () => {
      this.#sealTimer = null;
      this.#sealIfIdle(this.#options.sealAfterMs ?? SEAL_AFTER_MS);
    });
  }

  #sealIfIdle(afterMs: number): void {
    if (!this.#unproven || this.#running !== null || this.#failure !== null) return;
    const restMs = this.#lastSyncAtMs + afterMs - this.#clock.monotonicMs();
    if (restMs > 0) {
      this.#sealLater(restMs);
    } else {
      // A failure of the seal is kept in #failure and told through onFailure.
      this.#enqueue([]).catch(() => undefined);
    }
  }

  #fail(cause: unknown, batch: readonly PendingAppend[]): WalFailedError {
    const isFirst = this.#failure === null;
    const failure = this.#failure ?? new WalFailedError(FAILURE_TEXT, { cause });
    this.#failure = failure;
    const pending = [...batch, ...this.#queue];
    this.#queue = [];
    this.#sealTimer?.cancel();
    for (const { reject } of pending) reject(failure);
    if (isFirst) this.#options.onFailure?.(failure);
    return failure;
  }

  async #truncate(floorSlot: number): Promise<void> {
    const kept = this.#closed.findIndex((segment) => segment.highestSlot > floorSlot);
    const count = kept === -1 ? this.#closed.length : kept;
    if (count === 0) return;
    const removed = this.#closed.slice(0, count);
    const logStart =
      this.#closed[count]?.firstSequence ?? this.#active.segment.header.firstSequence;
    this.#link = { ...this.#link, logStart };
    await this.#enqueue([]);
    this.#closed = this.#closed.slice(count);
    try {
      for (const segment of removed) await this.#removeSegment(segment);
      await this.#options.files.syncDirectory(this.#options.directory);
    } catch (cause) {
      throw this.#fail(cause, []);
    }
  }

  async #removeSegment(segment: KeptSegment): Promise<void> {
    const { files, directory, segmentBytes } = this.#options;
    const path = segmentPath(directory, segment.number);
    if (segment.bytes === segmentBytes && (await this.#maker.spare.recycle(path))) return;
    await files.remove(path);
  }
}

function recordsOf(batch: readonly PendingAppend[]): readonly WalRecord[] {
  const [only] = batch;
  return batch.length === 1 && only !== undefined
    ? only.records
    : batch.flatMap(({ records }) => records);
}
