/**
 * Which statement a CancelRequest may stop. A wrong key is answered like a right one: not at all.
 */
import { type Random, systemRandom } from "../base/random.ts";

/** What BackendKeyData tells the client. Both are 32-bit. */
export interface CancelKey {
  readonly processId: number;
  readonly secretKey: number;
}

interface Cancellable {
  readonly secretKey: number;
  cancel(): void;
}

const PROCESS_ID_MAX = 0x7fff_ffff;

export class CancelRegistry {
  readonly #random: Random;
  readonly #sessions = new Map<number, Cancellable>();
  #lastProcessId = 0;

  constructor(random: Random = systemRandom) {
    this.#random = random;
  }

  /** A key of its own for a session that starts; `cancel` is called when a request names it. */
  register(cancel: () => void): CancelKey {
    do {
      this.#lastProcessId = this.#lastProcessId === PROCESS_ID_MAX ? 1 : this.#lastProcessId + 1;
    } while (this.#sessions.has(this.#lastProcessId));
    const key = { processId: this.#lastProcessId, secretKey: this.#random.u32() };
    this.#sessions.set(key.processId, { secretKey: key.secretKey, cancel });
    return key;
  }

  /** Idempotent. */
  remove(processId: number): void {
    this.#sessions.delete(processId);
  }

  /** Stops what the session runs, if there is one with this key. */
  cancel({ processId, secretKey }: CancelKey): void {
    const session = this.#sessions.get(processId);
    if (session !== undefined && session.secretKey === secretKey) session.cancel();
  }
}
