/**
 * Clients of the simulated nodes: each sits at one node, does one thing at a time and remembers what
 * it was told. At the end the whole history is judged against what is there then, from outside, as a
 * client could:
 *
 * | D | what was acknowledged is there                                                        |
 * | X | nothing is there twice, nothing that was refused is there                              |
 * | L | an operation sees what every operation before it saw or did, and nothing from the future |
 */
import type { Random } from "../../../../src/base/random.ts";
import type { NodeCluster } from "../../../support/node-cluster.ts";
import type { SimulatedNode } from "../../../support/simulated-node.ts";
import type { FaultLedger } from "../../fault-ledger.ts";
import { BankClients } from "./bank-clients.ts";
import { ClientConnection } from "./client-connection.ts";
import { ClientRecord, isRefusal } from "./client-record.ts";
import { LedgerClients, type LedgerOperation } from "./ledger-clients.ts";
import { ListClients } from "./list-clients.ts";
import { LongForkClients } from "./long-fork-clients.ts";
import { OnCallClients } from "./on-call-clients.ts";
import type { Turn } from "./turn.ts";

/** What clients do beside lists and the ledger. */
export type Story = "bank" | "on-call" | "long-fork";

/** One statement of so many is cancelled after at most so long, if it takes as long. */
const GIVES_UP_ONE_OF = 8;
const GIVES_UP_MS_MAX = 40;

export interface ClientsParts {
  readonly cluster: NodeCluster;
  readonly random: Random;
  readonly ledger: FaultLedger;
  readonly keys: number;
  readonly thinkMs: number;
  readonly story: Story;
}

export class Clients {
  readonly ledger = new LedgerClients();
  readonly lists: ListClients;
  readonly bank = new BankClients();
  readonly onCall = new OnCallClients();
  readonly longFork = new LongForkClients();
  readonly #parts: ClientsParts;
  readonly #record: ClientRecord;
  readonly #failures: unknown[] = [];
  /** Open operations: those whose process dies never end. */
  readonly #working = new Set<object>();
  #calm = false;

  constructor(parts: ClientsParts) {
    this.#parts = parts;
    this.#record = new ClientRecord(parts.ledger);
    this.lists = new ListClients(parts.keys, this.ledger);
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
    const connection = await this.#connect(node);
    return connection === null ? "failed" : this.ledger.enterNew(this.#turn(node, connection));
  }

  async #run(node: SimulatedNode): Promise<void> {
    const connections = new WeakMap<object, ClientConnection>();
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
    connections: WeakMap<object, ClientConnection>,
    life: object,
  ): Promise<void> {
    const connection = connections.get(life) ?? (await this.#connect(node));
    if (connection === null) return;
    connections.set(life, connection);
    await this.#operate(this.#turn(node, connection));
  }

  #operate(turn: Turn): Promise<void> {
    const { random, story } = this.#parts;
    const choice = random.below(17);
    if (choice < 3) return this.lists.step(turn, "read");
    if (choice < 6) return this.lists.step(turn, "append");
    if (choice < 7) return this.ledger.enter(turn);
    if (choice < 8) return this.lists.together(turn);
    if (choice < 11) return this.lists.interact(turn);
    if (story === "bank") return this.bank.step(turn);
    return story === "on-call" ? this.onCall.step(turn) : this.longFork.step(turn);
  }

  #turn(node: SimulatedNode, connection: ClientConnection): Turn {
    const { random, thinkMs } = this.#parts;
    return {
      node,
      connection,
      random,
      record: this.#record,
      think: async () => {
        if (random.below(3) > 0) await this.#pause(random.below(thinkMs));
      },
    };
  }

  async #connect(node: SimulatedNode): Promise<ClientConnection | null> {
    try {
      return await ClientConnection.open(node, (giveUp) => this.#mayGiveUp(giveUp));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return null;
    }
  }

  /** Some statements are cancelled, soon: before they are done, or just after. */
  #mayGiveUp(giveUp: () => void): () => void {
    const { random, cluster } = this.#parts;
    if (this.#calm || random.below(GIVES_UP_ONE_OF) > 0) return () => undefined;
    let isDone = false;
    cluster.scheduler.after(random.below(GIVES_UP_MS_MAX), () => {
      if (isDone) return;
      this.#record.reached("statement cancelled");
      giveUp();
    });
    return () => {
      isDone = true;
    };
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.#parts.cluster.scheduler.after(milliseconds, resolve));
  }
}
