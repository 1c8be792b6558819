import type { LockGrant } from "../machine/advisory-locks.ts";

/** One client's connection, as far as it has or wants advisory locks. */
export interface LockClient {
  /** It has what it waits for, if it does so under this session of its gateway. */
  granted(session: number): void;
  /** Word of a grant may have been lost: the log is to be asked whether it still has to wait. */
  ask(): void;
  /** The log has taken from it what it had. False: it had nothing and has asked for something. */
  lost(): boolean;
}

/** This node's clients that have or want advisory locks, by the numbers that the log knows them by. */
export class LockClients {
  readonly #clients = new Map<number, LockClient>();
  #last = 0;

  /** Answers the client's number; no other client of this process ever has it. */
  add(client: LockClient): number {
    this.#last += 1;
    this.#clients.set(this.#last, client);
    return this.#last;
  }

  remove(number: number): void {
    this.#clients.delete(number);
  }

  granted(grants: readonly LockGrant[]): void {
    for (const { session, client } of grants) this.#clients.get(client)?.granted(session);
  }

  /** The state machine was replaced: what happened in between was told to nobody. */
  ask(): void {
    for (const client of this.#clients.values()) client.ask();
  }

  /** The gateway's session is closed, and all of them have nothing any more. */
  lost(): void {
    for (const [number, client] of this.#clients) {
      if (client.lost()) this.#clients.delete(number);
    }
  }
}
