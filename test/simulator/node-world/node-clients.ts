/**
 * Clients of the simulated nodes: each sits at one node, does one thing at a time and remembers what
 * it was told. At the end the whole history is judged against the lists and the ledger as they are
 * then, from outside, as a client could:
 *
 * | D | what was acknowledged is there                                                        |
 * | X | nothing is there twice, nothing that was refused is there                              |
 * | L | an operation sees what every operation before it saw or did, and nothing from the future |
 */
import type { Random } from "../../../src/base/random.ts";
import type { PreparedStatement, Session } from "../../../src/sql/database.ts";
import { SqlError } from "../../../src/sql/errors.ts";
import type { SqliteValue } from "../../../src/sql/values.ts";
import type { History, Operation } from "../../checkers/history.ts";
import { type NodeCluster, runQuery } from "../../support/node-cluster.ts";
import type { SimulatedNode } from "../../support/simulated-node.ts";
import type { FaultLedger } from "../fault-ledger.ts";
import { APPEND, ENTER, READ } from "./small-statements.ts";

/** One step of an operation, with what it showed: the whole list afterwards. */
export type ListStep =
  | { readonly kind: "append"; readonly key: number; readonly value: number }
  | { readonly kind: "read"; readonly key: number };

/** The list after each step. */
type Seen = readonly (readonly number[])[];

export type ListOperation = Operation<readonly ListStep[], Seen>;

export interface ClientsParts {
  readonly cluster: NodeCluster;
  readonly random: Random;
  readonly ledger: FaultLedger;
  readonly keys: number;
  readonly thinkMs: number;
}

export type LedgerOperation = Operation<number, null>;

/** Refusals after which the client may be sure that nothing happened. */
const REFUSED = new Set(["57P01", "57P03", "23505", "40001"]);
const UNKNOWN = "40003";

/** What one session has prepared. */
interface Connected {
  readonly session: Session;
  readonly prepared: Map<string, PreparedStatement>;
}

export class Clients {
  readonly #parts: ClientsParts;
  readonly #lists: ListOperation[] = [];
  readonly #ledger: LedgerOperation[] = [];
  readonly #failures: unknown[] = [];
  /** Open operations: those whose process dies never end. */
  readonly #working = new Set<object>();
  #calm = false;
  #nextValue = 1;
  #nextProcess = 1;
  #order = 0;

  constructor(parts: ClientsParts) {
    this.#parts = parts;
  }

  get lists(): History<readonly ListStep[], Seen> {
    return this.#lists;
  }

  get entries(): readonly LedgerOperation[] {
    return this.#ledger;
  }

  /** What no client should ever be told. */
  get failures(): readonly unknown[] {
    return this.#failures;
  }

  /** Operations under way at processes that still live. */
  get working(): number {
    return this.#working.size;
  }

  start(node: SimulatedNode): void {
    this.#run(node).catch((error: unknown) => this.#failures.push(error));
  }

  /** Nobody begins anything more. */
  calm(): void {
    this.#calm = true;
  }

  /** One entry more, after the storm; it is judged like the others. */
  async enterThrough(node: SimulatedNode): Promise<LedgerOperation["outcome"]> {
    const connected = await this.#connect(node);
    if (connected === null) return "failed";
    const id = this.#nextValue;
    this.#nextValue += 1;
    const record = this.#began(node, this.#ledger, id);
    try {
      await this.#execute(connected, ENTER, [BigInt(id)]);
      record("ok", null);
      return "ok";
    } catch (error) {
      const outcome = this.#outcomeOf(error);
      record(outcome, null);
      return outcome;
    }
  }

  async #run(node: SimulatedNode): Promise<void> {
    const connections = new WeakMap<object, Connected>();
    for (;;) {
      await this.#pause(1 + this.#parts.random.below(2 * this.#parts.thinkMs));
      if (this.#calm) return;
      if (!node.isUp || node.isPaused) continue;
      const { life } = node;
      const work = {};
      this.#working.add(work);
      const done = this.#once(node, connections, life).finally(() => this.#working.delete(work));
      // A client whose node died hears nothing any more; another one comes with the next process.
      if (!(await this.#orGone(done, node, life))) this.#working.delete(work);
    }
  }

  /** False: the process is gone. */
  #orGone(work: Promise<void>, node: SimulatedNode, life: object): Promise<boolean> {
    return new Promise((resolve, reject) => {
      work.then(() => resolve(true), reject);
      const look = (): void => {
        if (!node.isUp || node.life !== life) resolve(false);
        else this.#parts.cluster.scheduler.after(50, look);
      };
      look();
    });
  }

  async #once(
    node: SimulatedNode,
    connections: WeakMap<object, Connected>,
    life: object,
  ): Promise<void> {
    const known = connections.get(life);
    const connected = known ?? (await this.#connect(node));
    if (connected === null) return;
    connections.set(life, connected);
    const { random } = this.#parts;
    switch (random.below(11)) {
      case 8:
      case 9:
      case 10:
        return this.#interact(node, connected);
      case 0:
      case 1:
      case 2:
        return this.#operate(node, [this.#drawStep("read")], (steps) =>
          this.#prepared(connected, steps),
        );
      case 3:
        return this.#enter(node, connected);
      case 4: {
        const steps = Array.from({ length: 2 + random.below(2) }, (_, at) =>
          this.#drawStep(at === 0 || random.below(2) === 0 ? "append" : "read"),
        );
        return this.#operate(node, steps, (all) => this.#together(connected, all));
      }
      default:
        return this.#operate(node, [this.#drawStep("append")], (steps) =>
          this.#prepared(connected, steps),
        );
    }
  }

  /** BEGIN … COMMIT with pauses in between: some only read, some undo a part or all of it. */
  async #interact(node: SimulatedNode, connected: Connected): Promise<void> {
    const { random, ledger } = this.#parts;
    const onlyReads = random.below(5) === 0;
    const steps = Array.from({ length: 1 + random.below(4) }, () =>
      this.#drawStep(onlyReads || random.below(3) === 0 ? "read" : "append"),
    );
    const rollsBack = random.below(12) === 0;
    const record = this.#began(node, this.#lists, steps);
    const say = (text: string) => this.#say(connected, text);
    try {
      await say(random.below(4) === 0 && onlyReads ? "BEGIN READ ONLY" : "BEGIN");
      const seen: (readonly number[])[] = [];
      for (const step of steps) {
        if (!onlyReads && random.below(6) === 0) await this.#undone(connected);
        if (random.below(3) > 0) await this.#pause(random.below(this.#parts.thinkMs));
        seen.push(...(await this.#prepared(connected, [step])));
      }
      await say(rollsBack ? "ROLLBACK" : "COMMIT");
      record(rollsBack ? "failed" : "ok", rollsBack ? null : seen);
      ledger.reached(onlyReads ? "transaction that only reads" : "transaction ended");
    } catch (error) {
      const early = connected.session.transactionStatus !== "I";
      if (codeOf(error) === "40001") ledger.reached(early ? "early conflict" : "late conflict");
      if (early) await say("ROLLBACK");
      record(this.#outcomeOf(error), null);
    }
  }

  /** Something that the transaction does and takes back. */
  async #undone(connected: Connected): Promise<void> {
    await this.#say(connected, "SAVEPOINT s");
    await this.#prepared(connected, [this.#drawStep("append")]);
    const entered = this.#ledger.find(({ outcome }) => outcome === "ok");
    try {
      if (entered !== undefined) await this.#execute(connected, ENTER, [BigInt(entered.input)]);
    } catch (error) {
      if (codeOf(error) !== "23505") throw error;
    }
    await this.#say(connected, "ROLLBACK TO s");
    this.#parts.ledger.reached("part of a transaction undone");
  }

  async #say(connected: Connected, text: string): Promise<void> {
    for await (const result of connected.session.simpleQuery(text)) {
      if (result.kind === "rows") result.rows.close();
    }
  }

  async #connect(node: SimulatedNode): Promise<Connected | null> {
    try {
      const session = await node.database.connect({
        user: "synod",
        database: "synod",
        parameters: new Map(),
        processId: 1,
        remoteAddress: "simulated",
        terminate: () => undefined,
      });
      return { session, prepared: new Map() };
    } catch (error) {
      if (!REFUSED.has(codeOf(error))) throw error;
      return null;
    }
  }

  #drawStep(kind: ListStep["kind"]): ListStep {
    const key = 1 + this.#parts.random.below(this.#parts.keys);
    if (kind === "read") return { kind, key };
    const value = this.#nextValue;
    this.#nextValue += 1;
    return { kind, key, value };
  }

  async #operate(
    node: SimulatedNode,
    input: readonly ListStep[],
    run: (steps: readonly ListStep[]) => Promise<Seen>,
  ): Promise<void> {
    const record = this.#began(node, this.#lists, input);
    try {
      record("ok", await run(input));
    } catch (error) {
      record(this.#outcomeOf(error), null);
    }
  }

  /** Some enter again what is there: an error that is the same everywhere. */
  async #enter(node: SimulatedNode, connected: Connected): Promise<void> {
    const again = this.#parts.random.below(4) === 0;
    const old = again ? this.#ledger.find(({ outcome }) => outcome === "ok") : undefined;
    const id = old?.input ?? this.#nextValue;
    this.#nextValue += 1;
    const record = old === undefined ? this.#began(node, this.#ledger, id) : () => undefined;
    try {
      await this.#execute(connected, ENTER, [BigInt(id)]);
      if (old !== undefined) throw new Error(`${id} was entered twice`);
      record("ok", null);
    } catch (error) {
      const code = codeOf(error);
      if (code === "23505" && old === undefined)
        throw new Error(`${id} is there already`, { cause: error });
      record(this.#outcomeOf(error), null);
    }
  }

  /** Notes the operation as unknown until the returned function says what became of it. */
  #began<Input, Output>(
    node: SimulatedNode,
    history: Operation<Input, Output>[],
    input: Input,
  ): (outcome: Operation<Input, Output>["outcome"], output: Output | null) => void {
    const at = history.length;
    const begun: Operation<Input, Output> = {
      process: this.#nextProcess,
      node: node.name,
      input,
      output: null,
      outcome: "unknown",
      invokedAt: this.#tick(),
      completedAt: Number.POSITIVE_INFINITY,
    };
    this.#nextProcess += 1;
    history.push(begun);
    return (outcome, output) => {
      const completedAt = outcome === "unknown" ? Number.POSITIVE_INFINITY : this.#tick();
      history[at] = { ...begun, outcome, output, completedAt };
      this.#parts.ledger.reached(`operation ${outcome}`);
    };
  }

  #outcomeOf(error: unknown): "failed" | "unknown" {
    const code = codeOf(error);
    this.#parts.ledger.reached(`answer ${code}`);
    if (REFUSED.has(code)) return "failed";
    if (code === UNKNOWN) return "unknown";
    throw error;
  }

  async #prepared(connected: Connected, [step]: readonly ListStep[]): Promise<Seen> {
    if (step === undefined) return [];
    const key = BigInt(step.key);
    const rows =
      step.kind === "read"
        ? await this.#execute(connected, READ, [key])
        : await this.#execute(connected, APPEND, [key, `,${step.value}`]);
    return [listOf(rows)];
  }

  async #execute(connected: Connected, text: string, parameters: readonly SqliteValue[]) {
    const known = connected.prepared.get(text);
    const statement = known ?? (await connected.session.prepare(text, []));
    connected.prepared.set(text, statement);
    const result = await connected.session.execute(statement, parameters, { syncFollows: true });
    return result.kind === "rows" ? result.rows.next(1000) : [];
  }

  /** All steps in one query: one transaction, which answers with the lists of its keys after each step. */
  async #together(connected: Connected, steps: readonly ListStep[]): Promise<Seen> {
    const texts = steps.map((step) =>
      step.kind === "read"
        ? READ.replace("$1", `${step.key}`)
        : APPEND.replace("$1", `${step.key}`).replaceAll("$2", `',${step.value}'`),
    );
    const seen: (readonly number[])[] = [];
    for await (const result of connected.session.simpleQuery(texts.join("; "))) {
      seen.push(listOf(result.kind === "rows" ? await result.rows.next(1000) : []));
    }
    return seen;
  }

  #tick(): number {
    this.#order += 1;
    return this.#order;
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.#parts.cluster.scheduler.after(milliseconds, resolve));
  }
}

export function codeOf(error: unknown): string {
  return error instanceof SqlError ? error.sqlState : String(error);
}

/** A list as it is stored: ",3,7,12". */
function parseList(text: SqliteValue | undefined): readonly number[] {
  if (typeof text !== "string") return [];
  return text
    .split(",")
    .filter((part) => part !== "")
    .map(Number);
}

function listOf(rows: readonly (readonly SqliteValue[])[]): readonly number[] {
  return parseList(rows[0]?.[0]);
}

/** Everything that the cluster holds at the end, by list, and the ledger. */
export interface FinalState {
  readonly lists: ReadonlyMap<number, readonly number[]>;
  readonly ledger: readonly number[];
}

/** Reads everything through one node. */
export async function readAll(cluster: NodeCluster, session: Session): Promise<FinalState> {
  const lists = await cluster.complete(runQuery(session, "SELECT k, v FROM lists"));
  const ledger = await cluster.complete(runQuery(session, "SELECT id FROM ledger"));
  return {
    lists: new Map(lists.map(([key, text]) => [Number(key), parseList(text)])),
    ledger: ledger.map(([id]) => Number(id)),
  };
}
