/**
 * Opens what a node has on disk and brings it into agreement.
 *
 * | row | found                                             | decision |
 * | --- | ------------------------------------------------- | -------- |
 * | A   | no state, no WAL                                  | a new node: the first state is written |
 * | B   | state, WAL, machine at or above the floor         | the log goes on from there |
 * | C   | state, WAL, machine below the floor, a snapshot at or above it | restored from the snapshot (a crash during catch-up, or a lost machine) |
 * | D   | as C without such a snapshot                      | refused: this node cannot get on by itself |
 * | E   | state, but no WAL, or a WAL but no state          | refused: a part of the directory was lost or replaced (faults D13) |
 */
import type { Logger } from "pino";
import { SnapshotStore } from "../../snapshots/store.ts";
import { Metadata, MetadataError } from "../../wal/metadata.ts";
import { Wal, WalFormatError, type WalRecovery } from "../../wal/wal.ts";
import { deferred } from "../base/deferred.ts";
import { systemFiles } from "../base/files.ts";
import type { MachineState } from "../machine/state-machine.ts";
import { WorkerMachine } from "../machine/worker-machine.ts";
import { BALLOT_ZERO } from "../paxos/ballot.ts";
import type { InitialState } from "../paxos/log.ts";
import { decodeMembership } from "../paxos/membership.ts";
import { SLOT_ZERO, slot } from "../paxos/types.ts";
import { fileNames } from "./catch-up.ts";
import type { NodeConfig } from "./config.ts";
import { type DurableState, decodeDurableState, encodeDurableState } from "./durable-state.ts";
import type { MemberIdentity } from "./identity.ts";
import type { NodeMetrics } from "./metrics.ts";
import { initialState } from "./recover.ts";
import { StartRefused } from "./start-refused.ts";

export interface Storage {
  readonly wal: Wal;
  readonly metadata: Metadata;
  readonly durable: DurableState;
  readonly store: SnapshotStore;
  readonly machine: WorkerMachine;
  readonly machineState: MachineState;
  readonly initial: InitialState;
  /** Settles when the disk or a thread of the state machine fails later. */
  readonly failed: Promise<Error>;
}

interface OpenParts {
  readonly config: NodeConfig;
  readonly identity: MemberIdentity;
  readonly log: Logger;
  readonly metrics: NodeMetrics;
}

const STATE_NAME = "state";
const SEGMENT_BYTES = 64 * 1024 * 1024;

/** Throws StartRefused in rows D and E. */
export async function openStorage(parts: OpenParts): Promise<Storage> {
  const { config, identity, log } = parts;
  const { directory } = config;
  const failure = deferred<Error>();
  const store = await SnapshotStore.open({
    files: systemFiles,
    directory: directory.snapshotsPath,
  });
  for (const name of store.damaged) log.warn({ snapshot: name }, "snapshot cannot be read");
  const metadata = await openMetadata(directory.path);
  const { wal, recovery } = await openWal(parts, (error) => failure.resolve(error));
  const durable = await openState(metadata, recovery, identity);
  reportRecovery(log, recovery);
  const machine = new WorkerMachine({
    directory: directory.machinePath,
    node: identity.nodeId,
    onFailure: (error) => failure.resolve(error),
  });
  const machineState = await openMachine({ machine, store, durable, log });
  const initial = initialState(durable, recovery, slot(machineState.appliedIndex));
  return {
    wal,
    metadata,
    durable,
    store,
    machine,
    machineState,
    initial,
    failed: failure.promise,
  };
}

async function openMetadata(directory: string): Promise<Metadata> {
  try {
    return await Metadata.open(systemFiles, directory, STATE_NAME);
  } catch (cause) {
    if (!(cause instanceof MetadataError)) throw cause;
    throw new StartRefused(`${directory}: ${cause.message}; ${REPLACE_NODE}`, { cause });
  }
}

const REPLACE_NODE =
  "this node has lost what it promised: remove it from the cluster and start it again with an empty --data and --join";

async function openWal(
  parts: OpenParts,
  onFailure: (error: Error) => void,
): Promise<{ wal: Wal; recovery: WalRecovery }> {
  try {
    return await Wal.open({
      files: systemFiles,
      directory: parts.config.directory.walPath,
      segmentBytes: SEGMENT_BYTES,
      onSync: ({ durationMs }) => parts.metrics.observeSync(durationMs / 1000),
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
  if (!recovery.created && recovery.records.length > 0) {
    throw new StartRefused(`the state beside the log is gone; ${REPLACE_NODE}`);
  }
  const membership = decodeMembership(identity.membership);
  const state: DurableState = {
    promised: BALLOT_ZERO,
    truncationFloor: SLOT_ZERO,
    memberships: [{ fromSlot: slot(1), membership }],
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
  readonly machine: WorkerMachine;
  readonly store: SnapshotStore;
  readonly durable: DurableState;
  readonly log: Logger;
}

/** Rows B, C and D. */
async function openMachine(parts: MachineParts): Promise<MachineState> {
  const { machine, store, durable, log } = parts;
  const state = await machine.open();
  if (state.appliedIndex >= durable.truncationFloor) return state;
  const snapshot = store.latest();
  if (snapshot === null || snapshot.slot < durable.truncationFloor) {
    await machine.close();
    throw new StartRefused(
      `the state machine stands at slot ${state.appliedIndex}, the log begins after ${durable.truncationFloor} and no snapshot closes the gap; ${REPLACE_NODE}`,
    );
  }
  log.warn(
    { appliedIndex: state.appliedIndex, snapshot: snapshot.slot },
    "restoring the state machine from a snapshot",
  );
  return machine.restore(snapshot.directory, fileNames(snapshot));
}
