/** A database under measurement. */
export interface Target {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** Several targets over one set of processes (a cluster through its leader, through a follower). */
export interface Contender {
  /** What is measured. */
  readonly targets: readonly Target[];
  /** Everywhere that the data must be the same in the end. */
  readonly nodes: readonly Target[];
  stop(): Promise<void>;
}
