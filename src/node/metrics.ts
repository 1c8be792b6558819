/** What the node and its servers count; src/http/metrics.ts turns it into Prometheus text. */
export interface NodeMetrics {
  /** From the arrival of a write at its gateway node to its answer. */
  observeCommit(seconds: number): void;
  /** One fdatasync of the log. */
  observeSync(seconds: number): void;
  /** Commands in one proposed slot. */
  observeBatch(commands: number): void;
  /** Another node (or none) is the leader now. */
  countLeaderChange(): void;
  setSessions(count: number): void;
  /** An ErrorResponse with this SQLSTATE went to a client. */
  countError(sqlState: string): void;
}
