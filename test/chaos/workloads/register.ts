/** A register a key: read, write, compare and set. Linearizable, or the checker says where not. */
import type { Verdict } from "../../checkers/history.ts";
import { checkLinearizability } from "../../checkers/linearizability.ts";
import {
  type RegisterInput,
  type RegisterOutput,
  registerModel,
} from "../../checkers/models/register.ts";
import { type ClientSession, Recorder } from "./recorder.ts";
import type { Workload } from "./workload.ts";

/** Keys in use at a time; few, so that clients meet. */
const KEYS = 4;
/** After so many operations a key is left: what stays unknown of it burdens the checker for ever. */
const OPERATIONS_PER_KEY = 300;
const CHECK_MS_MAX = 120_000;

export class RegisterWorkload implements Workload {
  readonly name = "register";
  readonly schema = ["CREATE TABLE registers (k int PRIMARY KEY, v int NOT NULL)"];
  readonly #recorder: Recorder<RegisterInput, RegisterOutput>;
  #operations = 0;
  #value = 0;
  /** The value that was seen last, by key: what a comparison may hope for. */
  readonly #seen = new Map<string, number>();

  constructor(path: string) {
    this.#recorder = new Recorder(path);
  }

  get counts() {
    return this.#recorder.counts;
  }

  async step(session: ClientSession): Promise<void> {
    const { random } = session;
    const generation = Math.floor(this.#operations / (OPERATIONS_PER_KEY * KEYS));
    this.#operations += 1;
    const key = String(generation * KEYS + random.below(KEYS));
    const kind = random.below(10);
    if (kind < 4) await this.#read(session, key);
    else if (kind < 7) await this.#write(session, key);
    else await this.#compareAndSet(session, key);
  }

  readFinal(): Promise<void> {
    return Promise.resolve();
  }

  check(): Verdict {
    const { operations } = this.#recorder;
    return checkLinearizability(operations, registerModel, { timeLimitMs: CHECK_MS_MAX });
  }

  close(): Promise<void> {
    return this.#recorder.close();
  }

  async #read(session: ClientSession, key: string): Promise<void> {
    const attempt = await this.#recorder.run(session, { kind: "read", key }, async (client) => {
      const { rows } = await client.query<{ v: number }>("SELECT v FROM registers WHERE k = $1", [
        key,
      ]);
      return { kind: "read", value: rows[0]?.v ?? null };
    });
    if (attempt.outcome !== "ok" || attempt.result.kind !== "read") return;
    if (attempt.result.value !== null) this.#seen.set(key, attempt.result.value);
  }

  async #write(session: ClientSession, key: string): Promise<void> {
    this.#value += 1;
    const value = this.#value;
    await this.#recorder.run(session, { kind: "write", key, value }, async (client) => {
      await client.query(
        "INSERT INTO registers VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = excluded.v",
        [key, value],
      );
      return { kind: "written" };
    });
  }

  async #compareAndSet(session: ClientSession, key: string): Promise<void> {
    this.#value += 1;
    const value = this.#value;
    const expected = this.#seen.get(key) ?? 0;
    const input = { kind: "cas", key, expected, value } as const;
    const attempt = await this.#recorder.run(session, input, async (client) => {
      const { rows } = await client.query(
        "UPDATE registers SET v = $3 WHERE k = $1 AND v = $2 RETURNING v",
        [key, expected, value],
      );
      return { kind: "cas", swapped: rows.length === 1 };
    });
    if (attempt.outcome !== "ok" || attempt.result.kind !== "cas") return;
    if (attempt.result.swapped) this.#seen.set(key, value);
  }
}
