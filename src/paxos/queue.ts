/** Commands that wait at the leader for a slot; whatever has gathered becomes one batch. */
import { batchBytesOf, encodeBatch } from "./batch.ts";
import type { ReplicaConfig } from "./config.ts";
import type { Value } from "./types.ts";

export class CommandQueue {
  readonly #config: ReplicaConfig;
  #commands: Uint8Array[] = [];
  #bytes = 0;

  constructor(config: ReplicaConfig) {
    this.#config = config;
  }

  get isEmpty(): boolean {
    return this.#commands.length === 0;
  }

  /** Drops what does not fit: gateways send again what they hear nothing of. */
  add(commands: readonly Uint8Array[]): void {
    for (const command of commands) {
      const bytes = batchBytesOf(command);
      if (this.#bytes > 0 && this.#bytes + bytes > this.#config.queueBytesMax) return;
      this.#commands.push(command);
      this.#bytes += bytes;
    }
  }

  /** The next batch, with at least one command; the queue must not be empty. */
  takeBatch(timestampMicros: number): Value {
    let count = 0;
    let bytes = 0;
    for (const command of this.#commands) {
      bytes += batchBytesOf(command);
      if (count === this.#config.batchCommandsMax) break;
      if (count > 0 && bytes > this.#config.batchBytesMax) break;
      count += 1;
    }
    const commands = this.#commands.slice(0, count);
    this.#commands = this.#commands.slice(count);
    this.#bytes -= commands.reduce((sum, command) => sum + batchBytesOf(command), 0);
    return { kind: "batch", payload: encodeBatch({ timestampMicros, commands }) };
  }

  clear(): void {
    this.#commands = [];
    this.#bytes = 0;
  }
}
