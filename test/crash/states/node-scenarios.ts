/**
 * A node's storage as a whole: what it said to others stays true, and log, metadata, snapshots and
 * state machine always close up, though the state machine may have lost everything.
 */
import { BALLOT_ZERO, type Ballot, compareBallots } from "../../../src/paxos/ballot.ts";
import type { Message } from "../../../src/paxos/messages.ts";
import { nodeId, slot } from "../../../src/paxos/types.ts";
import { FaultyDisk } from "../../support/faulty-files.ts";
import { diskOf } from "../../support/storage/disk-files.ts";
import { emptyNotes, type Notes } from "../../support/storage/note-machine.ts";
import { StoredNode } from "../../support/storage/stored-node.ts";
import { makeCompacted, makeTemplate, type Template } from "../corruption/template.ts";
import type { CrashScenario, Reading, Run } from "./enumerate.ts";

/** What a node has said or must have, however often it stops. */
interface Said {
  promised: Ballot;
  /** Accepted slots. */
  readonly accepted: Set<number>;
  /** Everything up to here must be had without the others. */
  held: number;
}

function fileOf(template: Template, id: number): FaultyDisk {
  return diskOf(template.disks.get(id) ?? new Map<string, Uint8Array>());
}

function notesOf(template: Template, id: number): Notes {
  return structuredClone(template.notes.get(id) ?? emptyNotes());
}

/** Opened as after the loss of the state machine, which is the most that the rest must make good. */
async function reading(id: number, found: FaultyDisk, said: Said, life: number): Promise<Reading> {
  const node = await StoredNode.start({ id, disk: found, salt: life });
  const { initial } = node.storage;
  const complaints = node.complaints.filter((line) => line.includes("damaged"));
  if (compareBallots(initial.promised, said.promised) < 0) {
    complaints.push(`promise went back to ${initial.promised.round}`);
  }
  const entries = new Set<number>(initial.entries.map((entry) => entry.slot));
  for (const at of said.accepted) {
    if (at > initial.truncationFloor && !entries.has(at))
      complaints.push(`slot ${at} is forgotten`);
  }
  let has: number = initial.truncationFloor;
  while (entries.has(has + 1)) has += 1;
  if (has < said.held) complaints.push(`${has} is all that is left of ${said.held}`);
  if (node.notes.appliedIndex < initial.truncationFloor) complaints.push("the log begins too late");
  const { round, node: by } = initial.promised;
  const read = `promised ${round}.${by}, floor ${initial.truncationFloor}, slots ${[...entries].join()}`;
  return { read, complaints };
}

async function deliver(node: StoredNode, said: Said, message: Message): Promise<void> {
  node.input({ kind: "message", from: nodeId(2), message });
  for (let turns = 0; turns < 2; turns += 1) {
    for (const { message: sent } of node.turn().send) note(said, sent);
    await node.flushed();
  }
}

function note(said: Said, message: Message): void {
  if (message.kind === "promise") said.promised = message.ballot;
  if (message.kind === "accepted") {
    said.promised = message.ballot;
    for (const at of message.slots) said.accepted.add(at);
  }
}

/** Promises one ballot, accepts under it, then accepts under a higher one that it never promised. */
function voting(template: Template): CrashScenario {
  const prepare = async (): Promise<Run> => {
    const disk = fileOf(template, 1);
    const notes = notesOf(template, 1);
    const said = saidIn(template);
    const accept = (round: number, at: number): Message => ({
      kind: "accept",
      ballot: { round, node: nodeId(2) },
      slot: slot(at),
      value: { kind: "batch", payload: new Uint8Array(1200).fill(at) },
      chosenIndex: slot(0),
    });
    return {
      disk,
      work: async () => {
        const node = await StoredNode.start({ id: 1, disk, notes, salt: 100 });
        const ballot = { round: 7, node: nodeId(2) };
        await deliver(node, said, { kind: "prepare", ballot, from: slot(1), attempt: 1 });
        await deliver(node, said, accept(7, 6));
        await deliver(node, said, accept(9, 7));
        await deliver(node, said, accept(9, 8));
      },
      told: () => JSON.stringify([said.promised, [...said.accepted]]),
      open: (found, life) => reading(1, found, said, life),
    };
  };
  return { name: "node: promises and accepts", prepare };
}

/** Takes a snapshot of everything, truncates its log up to it, and stops in order. */
function compacting(template: Template): CrashScenario {
  const prepare = async (): Promise<Run> => {
    const disk = fileOf(template, 1);
    const notes = notesOf(template, 1);
    const said = saidIn(template);
    return {
      disk,
      work: async () => {
        const node = await StoredNode.start({ id: 1, disk, notes, salt: 100 });
        await node.compact();
        node.turn();
        await node.flushed();
        await node.close();
      },
      told: () => "",
      open: (found, life) => reading(1, found, said, life),
    };
  };
  return { name: `node: takes a snapshot, truncates (${template.name})`, prepare };
}

/** Installs the snapshot of a node that no longer has the log before it. */
function installing(template: Template): CrashScenario {
  const prepare = async (): Promise<Run> => {
    const source = await StoredNode.start({ id: 1, disk: fileOf(template, 1) });
    const disk = new FaultyDisk();
    const said: Said = { promised: BALLOT_ZERO, accepted: new Set(), held: 0 };
    return {
      disk,
      work: async () => {
        const node = await StoredNode.start({ id: 3, disk, salt: 100 });
        await deliver(node, said, {
          kind: "prepare",
          ballot: { round: 7, node: nodeId(2) },
          from: slot(1),
          attempt: 1,
        });
        await node.install(source);
        said.held = node.chosenIndex;
      },
      told: () => JSON.stringify([said.promised, said.held]),
      open: (found, life) => reading(3, found, said, life),
    };
  };
  return { name: "node: installs a snapshot", prepare };
}

function saidIn(template: Template): Said {
  const promised = template.promised.get(1) ?? BALLOT_ZERO;
  const accepted = new Set(template.chosen.keys());
  return { promised, accepted, held: Math.max(...template.chosen.keys()) };
}

export async function nodeScenarios(): Promise<readonly CrashScenario[]> {
  const closed = await makeTemplate("closed");
  const compacted = await makeCompacted();
  return [voting(closed), compacting(closed), compacting(compacted), installing(compacted)];
}
