import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { NodeMetrics } from "../node/metrics.ts";
import type { NodeRole, StatusSource } from "../node/status.ts";

const LATENCY_BUCKETS_SECONDS = [
  0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10,
];
const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
const ROLES: readonly NodeRole[] = ["leader", "candidate", "follower", "learner"];

/** The node's metrics as Prometheus text. One registry a node, so that tests may run several in a process. */
export class PrometheusMetrics implements NodeMetrics {
  readonly #registry = new Registry();
  readonly #commit = this.#histogram(
    "synod_commit_seconds",
    "Write: from arrival to answer",
    LATENCY_BUCKETS_SECONDS,
  );
  readonly #sync = this.#histogram(
    "synod_wal_sync_seconds",
    "One fdatasync of the log",
    LATENCY_BUCKETS_SECONDS,
  );
  readonly #batch = this.#histogram(
    "synod_batch_commands",
    "Commands in one proposed slot",
    BATCH_BUCKETS,
  );
  readonly #leaderChanges: Counter;
  readonly #sessions = this.#gauge("synod_sessions", "Open client sessions");
  readonly #errors: Counter<"sqlstate">;
  readonly #role: Gauge<"role">;
  readonly #chosen = this.#gauge("synod_chosen_index", "All slots up to here are chosen");
  readonly #applied = this.#gauge("synod_applied_index", "All slots up to here are applied");
  readonly #lag = this.#gauge("synod_apply_lag_slots", "Slots chosen and not yet applied");
  readonly #snapshot = this.#gauge("synod_snapshot_index", "The newest snapshot covers up to here");
  readonly #floor = this.#gauge("synod_truncation_floor", "Slots up to here left the log");
  readonly #peerConnected = this.#peerGauge(
    "synod_peer_connected",
    "1 if messages to the peer leave",
  );
  readonly #peerQueue = this.#peerGauge("synod_peer_queue_bytes", "Bytes that wait for the peer");
  readonly #peerDropped = this.#peerGauge(
    "synod_peer_dropped_messages",
    "Messages to the peer dropped since start",
  );

  constructor() {
    const registers = [this.#registry];
    this.#leaderChanges = new Counter({
      name: "synod_leader_changes_total",
      help: "Changes of the leader seen here",
      registers,
    });
    this.#errors = new Counter({
      name: "synod_errors_total",
      help: "Errors sent to clients",
      labelNames: ["sqlstate"],
      registers,
    });
    this.#role = new Gauge({
      name: "synod_role",
      help: "1 for the node's role",
      labelNames: ["role"],
      registers,
    });
    collectDefaultMetrics({ register: this.#registry });
  }

  observeCommit(seconds: number): void {
    this.#commit.observe(seconds);
  }

  observeSync(seconds: number): void {
    this.#sync.observe(seconds);
  }

  observeBatch(commands: number): void {
    this.#batch.observe(commands);
  }

  countLeaderChange(): void {
    this.#leaderChanges.inc();
  }

  setSessions(count: number): void {
    this.#sessions.set(count);
  }

  countError(sqlState: string): void {
    this.#errors.inc({ sqlstate: sqlState });
  }

  /** What a scrape gets; the gauges are read from `source` at this moment. */
  async render(source: StatusSource): Promise<{ contentType: string; text: string }> {
    const status = source.status();
    for (const role of ROLES) this.#role.set({ role }, role === status.node.role ? 1 : 0);
    this.#chosen.set(status.chosenIndex);
    this.#applied.set(status.appliedIndex);
    this.#lag.set(Math.max(0, status.chosenIndex - status.appliedIndex));
    this.#snapshot.set(status.snapshotIndex);
    this.#floor.set(status.truncationFloor);
    this.#renderPeers(source);
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  /** Peers that left are no longer reported. */
  #renderPeers(source: StatusSource): void {
    for (const gauge of [this.#peerConnected, this.#peerQueue, this.#peerDropped]) gauge.reset();
    for (const { name, connected, queuedBytes, dropped } of source.peerConnections()) {
      this.#peerConnected.set({ peer: name }, connected ? 1 : 0);
      this.#peerQueue.set({ peer: name }, queuedBytes);
      this.#peerDropped.set({ peer: name }, dropped);
    }
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, buckets, registers: [this.#registry] });
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.#registry] });
  }

  #peerGauge(name: string, help: string): Gauge<"peer"> {
    return new Gauge({ name, help, labelNames: ["peer"], registers: [this.#registry] });
  }
}
