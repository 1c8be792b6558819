/**
 * How a leader knows that it still leads: heartbeats carry a rising sequence, and a quorum that
 * echoes one had promised nobody else when it did. Serves two ends: a leader that hears no quorum
 * for a timeout steps down, and reads get their index (ReadIndex, Ongaro's dissertation, section
 * 6.4): one round answers every read that waited when it began.
 */
import type { Ballot } from "./ballot.ts";
import type { ReplicaConfig } from "./config.ts";
import type { Log } from "./log.ts";
import type { HeartbeatAck } from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import { isQuorumOfAll } from "./quorum.ts";
import type { NodeId, Slot } from "./types.ts";

export interface Reader {
  readonly node: NodeId;
  readonly id: number;
}

interface Round {
  readonly sequence: number;
  readonly index: Slot;
  readonly readers: readonly Reader[];
}

/** What a peer said last. */
export interface PeerProgress {
  readonly chosenIndex: Slot;
  readonly appliedIndex: Slot;
  readonly ticksSinceHeard: number;
}

export class Confirmations {
  readonly #config: ReplicaConfig;
  readonly #ballot: Ballot;
  readonly #log: Log;
  readonly #outbox: Outbox;
  #sequence = 0;
  #ticksSinceBeat = 0;
  readonly #echoed = new Map<NodeId, number>();
  readonly #progress = new Map<NodeId, PeerProgress>();
  #waiting: Reader[] = [];
  #round: Round | null = null;

  constructor(config: ReplicaConfig, ballot: Ballot, log: Log, outbox: Outbox) {
    this.#config = config;
    this.#ballot = ballot;
    this.#log = log;
    this.#outbox = outbox;
    // Everybody was heard in phase 1 or has a whole timeout to speak up.
    for (const { id } of log.newest.membership.members) this.#hear(id, null);
  }

  progressOf(node: NodeId): PeerProgress | undefined {
    return this.#progress.get(node);
  }

  /** Of every other member of the newest membership. */
  progressOfPeers(): ReadonlyMap<NodeId, PeerProgress> {
    const peers = this.#log.newest.membership.members.filter(({ id }) => id !== this.#config.self);
    return new Map(
      peers.flatMap(({ id }): [NodeId, PeerProgress][] => {
        const progress = this.#progress.get(id);
        return progress === undefined ? [] : [[id, progress]];
      }),
    );
  }

  /** Tells all members that this ballot leads. */
  beat(): void {
    this.#sequence += 1;
    this.#ticksSinceBeat = 0;
    const members = this.#log.newest.membership.members.map((member) => member.id);
    this.#outbox.broadcast(
      members.filter((id) => id !== this.#config.self),
      {
        kind: "heartbeat",
        ballot: this.#ballot,
        chosenIndex: this.#log.chosenIndex,
        sequence: this.#sequence,
      },
    );
  }

  /** One tick; false: no quorum was heard for a whole timeout. */
  tick(): boolean {
    for (const [node, progress] of this.#progress) {
      this.#progress.set(node, { ...progress, ticksSinceHeard: progress.ticksSinceHeard + 1 });
    }
    this.#ticksSinceBeat += 1;
    if (this.#ticksSinceBeat >= this.#config.heartbeatTicks) this.beat();
    return isQuorumOfAll(this.#log.active(), this.reachable());
  }

  /** Nodes heard within one timeout, this one included. */
  reachable(): Set<NodeId> {
    const nodes = [...this.#progress].filter(
      ([, progress]) => progress.ticksSinceHeard < this.#config.electionTicks,
    );
    return new Set([this.#config.self, ...nodes.map(([node]) => node)]);
  }

  acknowledged(from: NodeId, message: HeartbeatAck): void {
    this.#hear(from, message);
    if (message.sequence <= (this.#echoed.get(from) ?? 0)) return;
    this.#echoed.set(from, message.sequence);
    this.#confirm();
  }

  /** A read of this node or a follower wants an index. */
  read(reader: Reader): void {
    this.#waiting.push(reader);
  }

  /** Starts a round for the reads that wait, if none is under way and the leader may serve reads. */
  startRound(readable: boolean): void {
    if (!readable || this.#round !== null || this.#waiting.length === 0) return;
    const index = this.#log.chosenIndex;
    this.beat();
    this.#round = { sequence: this.#sequence, index, readers: this.#waiting };
    this.#waiting = [];
    this.#confirm();
  }

  /** The leadership ends: nobody can confirm what waits. */
  abandon(): void {
    for (const reader of [...(this.#round?.readers ?? []), ...this.#waiting]) {
      this.#answer(reader, null);
    }
    this.#round = null;
    this.#waiting = [];
  }

  #confirm(): void {
    const round = this.#round;
    if (round === null) return;
    const echoed = [...this.#echoed].filter(([, sequence]) => sequence >= round.sequence);
    const confirmed = new Set([this.#config.self, ...echoed.map(([node]) => node)]);
    if (!isQuorumOfAll(this.#log.active(), confirmed)) return;
    for (const reader of round.readers) this.#answer(reader, round.index);
    this.#round = null;
  }

  #answer(reader: Reader, index: Slot | null): void {
    if (reader.node === this.#config.self) this.#outbox.answerRead({ id: reader.id, index });
    else this.#outbox.send(reader.node, { kind: "readIndexReply", id: reader.id, index });
  }

  #hear(node: NodeId, message: HeartbeatAck | null): void {
    const before = this.#progress.get(node);
    this.#progress.set(node, {
      chosenIndex: message?.chosenIndex ?? before?.chosenIndex ?? this.#log.truncationFloor,
      appliedIndex: message?.appliedIndex ?? before?.appliedIndex ?? this.#log.truncationFloor,
      ticksSinceHeard: 0,
    });
  }
}
