/**
 * Opens what a node has on disk and brings it into agreement.
 *
 * | row | found                                             | decision |
 * | --- | ------------------------------------------------- | -------- |
 * | A   | no state, no WAL                                  | a new node: the first state is written |
 * | B   | state, WAL, machine at or above the floor         | the log goes on from there |
 * | C   | state, WAL, machine below the floor, a snapshot at or above it | restored from the snapshot (a crash during catch-up, or a lost machine) |
 * | D   | as C without such a snapshot, or only damaged ones | refused: this node cannot get on by itself |
 * | F   | as B, with damaged records that a snapshot of this node covers | the log begins behind the snapshot: of those nothing is lost, and nobody needs to be asked; what lost even its slot may lie above (`lostRecords`) |
 * | E   | state, but no WAL (not even its `head`), or no state, but a WAL with records or damage | refused: a part of the directory was lost or replaced (faults D13) |
 */
import type { Logger } from "pino";
import { type SnapshotInfo, SnapshotStore } from "../../snapshots/store.ts";
import { Metadata, MetadataError } from "../../wal/metadata.ts";
import { Wal, WalFormatError, type WalRecovery } from "../../wal/wal.ts";
import type { Clock } from "../base/clock.ts";
import { deferred } from "../base/deferred.ts";
import type { Files } from "../base/files.ts";
import type { Random } from "../base/random.ts";
import type { MachineState, StateMachine } from "../machine/state-machine.ts";
import { BALLOT_ZERO } from "../paxos/ballot.ts";
import type { InitialState } from "../paxos/log.ts";
import { decodeMembership } from "../paxos/membership.ts";
import { SLOT_ZERO, slot } from "../paxos/types.ts";
import { fileNames } from "./catch-up.ts";
import { type DurableState, decodeDurableState, encodeDurableState } from "./durable-state.ts";
import type { MemberIdentity } from "./identity.ts";
import type { NodeMetrics } from "./metrics.ts";
import { hasLostRecords, initialState } from "./recover.ts";
import { decodeSnapshotContext } from "./snapshot-context.ts";
import { StartRefused } from "./start-refused.ts";

export interface Storage {
  readonly wal: Wal;
  readonly metadata: Metadata;
  readonly durable: DurableState;
  readonly store: SnapshotStore;
  readonly machine: StateMachine;
  readonly machineState: MachineState;
  readonly initial: InitialState;
  /** Settles when the disk or a thread of the state machine fails later. */
  readonly failed: Promise<Error>;
}

/** Where it is: a data directory's parts. */
export interface StoragePaths {
  /** Of the state's two copies. */
  readonly path: string;
  readonly walPath: string;
  readonly snapshotsPath: string;
}

export interface OpenParts {
  readonly paths: StoragePaths;
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  /** Of one segment of the WAL. */
  readonly segmentBytes: number;
  /** Makes the state machine, to be opened here; `onFailure`: it broke by itself. */
  readonly makeMachine: (onFailure: (error: Error) => void) => StateMachine;
  readonly identity: MemberIdentity;
  readonly log: Logger;
  readonly metrics: NodeMetrics;
}

const STATE_NAME = "state";

/** Throws StartRefused in rows D and E, and where the files cannot be read. Leaves nothing open then. */
export async function openStorage(parts: OpenParts): Promise<Storage> {
  const { paths, files, identity, log } = parts;
  const failure = deferred<Error>();
  const fail = (error: Error): void => failure.resolve(error);
  const store = await SnapshotStore.open({ files, directory: paths.snapshotsPath });
  for (const name of store.damaged) log.warn({ snapshot: name }, "snapshot cannot be read");
  const metadata = await openMetadata(files, paths.path);
  const { wal, recovery } = await openWal(parts, fail);
  const machine = parts.makeMachine(fail);
  try {
    const found = await openState(metadata, recovery, identity);
    // Durable before the first word: the segment that says so may go, and what was lost stays lost.
    const isNews = hasLostRecords(recovery) && !found.lostRecords;
    const durable = isNews ? { ...found, lostRecords: true } : found;
    reportRecovery(log, recovery);
    if (durable.lostRecords) log.warn(LOST_RECORDS_TEXT);
    const machineState = await openMachine({ machine, store, durable, log });
    const opened = { machine, store, durable, log, recovery, machineState };
    const agreed = await passDamage(opened);
    if (agreed.durable !== found) await metadata.write(encodeDurableState(agreed.durable));
    const failed = failure.promise;
    return { wal, metadata, store, machine, ...agreed, failed };
  } catch (error) {
    // Its threads would keep the process alive.
    await machine.close();
    await wal.close();
    throw error;
  }
}

async function openMetadata(files: Files, directory: string): Promise<Metadata> {
  try {
    return await Metadata.open(files, directory, STATE_NAME);
  } catch (cause) {
    if (!(cause instanceof MetadataError)) throw cause;
    throw new StartRefused(`${directory}: ${cause.message}; ${REPLACE_NODE}`, { cause });
  }
}

const JOIN_ANEW = "remove it from the cluster and start it again with an empty --data and --join";
/** Said at each start: no segment may be left to say it, and the cluster is one vote short meanwhile. */
const LOST_RECORDS_TEXT =
  "the log lost records of unknown slots once: until this node has led, its vote helps no other node to lead; if it never leads, replace it";
const REPLACE_NODE = `this node has lost what it promised: ${JOIN_ANEW}`;

async function openWal(
  parts: OpenParts,
  onFailure: (error: Error) => void,
): Promise<{ wal: Wal; recovery: WalRecovery }> {
  const { files, paths, segmentBytes, clock, random, metrics } = parts;
  try {
    return await Wal.open({
      files,
      directory: paths.walPath,
      segmentBytes,
      clock,
      random,
      onSync: ({ durationMs }) => metrics.observeSync(durationMs / 1000),
      onFailure,
    });
  } catch (cause) {
    if (!(cause instanceof WalFormatError)) throw cause;
    throw new StartRefused(cause.message, { cause });
  }
}

/** Rows A and E. */
async function openState(
  metadata: Metadata,
  recovery: WalRecovery,
  identity: MemberIdentity,
): Promise<DurableState> {
  if (metadata.content !== null) {
    if (recovery.created) throw new StartRefused(`the log is gone; ${REPLACE_NODE}`);
    return decodeDurableState(metadata.content);
  }
  // A first start that broke off leaves an empty log; only one that was lived with says anything.
  if (recovery.records.length + recovery.damaged.length > 0) {
    throw new StartRefused(`the state beside the log is gone; ${REPLACE_NODE}`);
  }
  const membership = decodeMembership(identity.membership);
  const state: DurableState = {
    promised: BALLOT_ZERO,
    truncationFloor: SLOT_ZERO,
    memberships: [{ fromSlot: slot(1), membership }],
    lostRecords: false,
  };
  await metadata.write(encodeDurableState(state));
  return state;
}

function reportRecovery(log: Logger, recovery: WalRecovery): void {
  if (recovery.tornBytes > 0) {
    log.info({ bytes: recovery.tornBytes }, "the log ended in an unfinished write, which was cut");
  }
  for (const { segment, offset, reason } of recovery.damaged) {
    log.error({ segment, offset, reason }, "a record of the log is damaged");
  }
}

interface MachineParts {
  readonly machine: StateMachine;
  readonly store: SnapshotStore;
  readonly durable: DurableState;
  readonly log: Logger;
}

/** Rows B, C and D. */
async function openMachine(parts: MachineParts): Promise<MachineState> {
  const { machine, store, durable, log } = parts;
  const state = await openFiles(machine);
  if (state.appliedIndex >= durable.truncationFloor) return state;
  const snapshot = await newestIntact(store, durable.truncationFloor, log);
  if (snapshot === null) {
    throw new StartRefused(
      `the state machine stands at slot ${state.appliedIndex}, the log begins after ${durable.truncationFloor} and no snapshot closes the gap; this node cannot go on: ${JOIN_ANEW}`,
    );
  }
  log.warn(
    { appliedIndex: state.appliedIndex, snapshot: snapshot.slot },
    "restoring the state machine from a snapshot",
  );
  return machine.restore(snapshot.directory, fileNames(snapshot));
}

interface Opened extends MachineParts {
  readonly recovery: WalRecovery;
  readonly machineState: MachineState;
}

/** Row F, or what was found: the log as far as it and a snapshot behind damaged records say. */
async function passDamage(
  opened: Opened,
): Promise<Pick<Storage, "durable" | "machineState" | "initial">> {
  const { machine, store, durable, log, recovery, machineState } = opened;
  const initial = initialState(durable, recovery, slot(machineState.appliedIndex));
  if (initial.faulty.length === 0 && !initial.faultyAnywhere) {
    return { durable, machineState, initial };
  }
  const snapshot = await newestIntact(store, initial.chosenIndex + 1, log);
  if (snapshot === null) return { durable, machineState, initial };
  log.warn({ snapshot: snapshot.slot }, "damaged records are passed over: a snapshot covers them");
  const covered = decodeSnapshotContext(snapshot.context);
  const last = covered.at(-1)?.fromSlot ?? 0;
  const later = durable.memberships.filter(({ fromSlot }) => fromSlot > last);
  const passed: DurableState = {
    ...durable,
    truncationFloor: slot(snapshot.slot),
    memberships: [...covered, ...later],
  };
  const isBehind = machineState.appliedIndex < snapshot.slot;
  const restored = isBehind
    ? await machine.restore(snapshot.directory, fileNames(snapshot))
    : machineState;
  return {
    durable: passed,
    machineState: restored,
    initial: initialState(passed, recovery, slot(restored.appliedIndex)),
  };
}

async function openFiles(machine: StateMachine): Promise<MachineState> {
  try {
    return await machine.open();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StartRefused(
      `the state machine's files cannot be opened (${reason}); if the disk is in order, ${JOIN_ANEW}`,
      { cause },
    );
  }
}

/** Read again in full: what rotted since it was published must not become this node's state. */
async function newestIntact(
  store: SnapshotStore,
  floor: number,
  log: Logger,
): Promise<SnapshotInfo | null> {
  for (const snapshot of store.list().toReversed()) {
    if (snapshot.slot < floor) return null;
    const { chunks, files } = await store.verify(snapshot.slot);
    if (chunks.length + files.length === 0) return snapshot;
    log.error({ snapshot: snapshot.slot }, "a snapshot is damaged and passed over");
  }
  return null;
}
