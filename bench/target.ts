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
  readonly targets: readonly Target[];
  stop(): Promise<void>;
}
