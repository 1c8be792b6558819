/**
 * A seeded storm over whole nodes: clients write and read through every node while processes are
 * killed, power is lost, links are cut, and nodes join and leave. Then everything heals.
 *
 * Oracles: every acknowledged row is there exactly once, a refused one (57P03, 57P01) never, one of
 * unknown outcome (40003) at most once; a linearizable read sees every row that was acknowledged
 * before it began; all nodes end with the same content; nothing takes for ever.
 */
import { type Random, SeededRandom } from "../../src/base/random.ts";
import { MachineError } from "../../src/machine/machine-error.ts";
import type { Session } from "../../src/sql/database.ts";
import { SqlError } from "../../src/sql/errors.ts";
import { NodeCluster, runQuery } from "./node-cluster.ts";
import type { SimulatedNode } from "./simulated-node.ts";

export interface StormResult {
  readonly acknowledged: number;
  readonly unknown: number;
  readonly refused: number;
  readonly reads: number;
  readonly counts: ReadonlyMap<string, number>;
}

const STORM_MS = 8_000;
const CALM_MS = 60_000;
const CLIENTS_PER_NODE = 2;
const FOUNDERS = 3;
const NODES_MAX = 5;
const REFUSED = new Set(["57P01", "57P03"]);

export async function storm(seed: number): Promise<StormResult> {
  const random = new SeededRandom(seed);
  const cluster = await NodeCluster.start({
    seed,
    snapshotEntries: pick(random, [20, 40, 1000]),
    writeTimeoutMs: pick(random, [1500, 5000]),
    network: {
      lossPermille: pick(random, [0, 0, 20, 100]),
      duplicatePermille: pick(random, [0, 50]),
      delayMax: pick(random, [2, 10, 40]),
      stragglerPermille: pick(random, [0, 20]),
    },
  });
  try {
    return await new Storm(cluster, random).run();
  } catch (error) {
    const log = cluster.nodes.flatMap((node) => node.log.slice(-20)).join("\n");
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Error(`seed ${seed}: ${message}\n${log}`, { cause: error });
  } finally {
    for (const node of cluster.nodes) node.machineFault = null;
    await cluster.close();
  }
}

class Storm {
  readonly #cluster: NodeCluster;
  readonly #random: Random;
  readonly #counts = new Map<string, number>();
  readonly #acknowledged = new Set<number>();
  readonly #unknown = new Set<number>();
  readonly #refused = new Set<number>();
  readonly #violations: string[] = [];
  readonly #clients: Promise<void>[] = [];
  /** Removals that somebody asked for. */
  readonly #changes: Promise<void>[] = [];
  readonly #removed = new Set<string>();
  #nextRow = 1;
  #reads = 0;
  #calm = false;

  constructor(cluster: NodeCluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
  }

  async run(): Promise<StormResult> {
    const cluster = this.#cluster;
    await cluster.sql("n1", "CREATE TABLE rows (id int, via text)");
    const everywhere = this.#random.below(2) === 0 ? this.#drawSpeed() : null;
    for (const node of cluster.nodes) {
      this.#startClients(node);
      node.speed = everywhere ?? this.#drawSpeed();
    }
    const until = cluster.scheduler.now + STORM_MS;
    while (cluster.scheduler.now < until) {
      await cluster.pass(20 + this.#random.below(400));
      await this.#strike();
    }
    await this.#heal();
    await cluster.complete(Promise.all(this.#clients), CALM_MS);
    await this.#judge();
    return {
      acknowledged: this.#acknowledged.size,
      unknown: this.#unknown.size,
      refused: this.#refused.size,
      reads: this.#reads,
      counts: this.#counts,
    };
  }

  #startClients(node: SimulatedNode): void {
    for (let left = CLIENTS_PER_NODE; left > 0; left -= 1) {
      this.#clients.push(this.#surely(this.#client(node)));
    }
  }

  /** Some nodes have slow disks, some apply slowly. */
  #drawSpeed(): SimulatedNode["speed"] {
    const syncMs = pick(this.#random, [0, 5, 30, 200]);
    const applyMs = pick(this.#random, [0, 0, 20, 200]);
    const copyMs = pick(this.#random, [0, 300]);
    return {
      disk: (operation) => (operation === "sync" ? this.#random.below(syncMs + 1) : 0),
      machine: (call) => {
        if (call === "apply") return this.#random.below(applyMs + 1);
        return call === "snapshot" || call === "restore" ? copyMs : 0;
      },
    };
  }

  async #client(node: SimulatedNode): Promise<void> {
    const sessions = new WeakMap<object, Session>();
    while (!this.#calm) {
      await this.#pause(5 + this.#random.below(60));
      if (!node.isUp) continue;
      const { life } = node;
      // A client whose node died hears nothing any more; another one comes with the next process.
      const session = sessions.get(life) ?? (await this.#connect(node));
      sessions.set(life, session);
      const work = this.#random.below(3) === 0 ? this.#read(session) : this.#write(session, node);
      await Promise.race([work, this.#gone(node, life)]);
    }
  }

  /** What goes wrong in a client is judged at the end. */
  async #surely(work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => {
      this.#violations.push(
        error instanceof Error ? (error.stack ?? error.message) : String(error),
      );
    });
  }

  #connect(node: SimulatedNode): Promise<Session> {
    return node.database.connect({
      user: "synod",
      database: "synod",
      parameters: new Map(),
      processId: 1,
      remoteAddress: "simulated",
    });
  }

  async #write(session: Session, node: SimulatedNode): Promise<void> {
    const row = this.#nextRow;
    this.#nextRow += 1;
    this.#unknown.add(row);
    try {
      await runQuery(session, `INSERT INTO rows VALUES (${row}, '${node.name}')`);
      this.#unknown.delete(row);
      this.#acknowledged.add(row);
    } catch (error) {
      const code = codeOf(error);
      this.#count(code);
      if (REFUSED.has(code)) {
        this.#unknown.delete(row);
        this.#refused.add(row);
      } else if (code !== "40003") throw error;
    }
  }

  async #read(session: Session): Promise<void> {
    const before = [...this.#acknowledged];
    try {
      const rows = await runQuery(session, "SELECT id FROM rows");
      const seen = new Set(rows.map(([id]) => Number(id)));
      const missed = before.filter((row) => !seen.has(row));
      this.#reads += 1;
      if (missed.length > 0) this.#violations.push(`a read missed ${missed.join()}`);
    } catch (error) {
      const code = codeOf(error);
      this.#count(`read ${code}`);
      if (!REFUSED.has(code)) throw error;
    }
  }

  /** Resolves when the process that a client talks to is gone. */
  async #gone(node: SimulatedNode, life: object): Promise<void> {
    while (this.#lives(node, life)) await this.#pause(100);
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.#cluster.scheduler.after(milliseconds, resolve));
  }

  async #strike(): Promise<void> {
    const victim = pick(this.#random, this.#cluster.nodes);
    switch (this.#random.below(15)) {
      case 0:
        return this.#strikeDown(victim, "process");
      case 1:
        return this.#strikeDown(victim, "powerLoss");
      case 2:
        return this.#strikeAll();
      case 3:
        this.#count("isolated");
        return this.#cluster.isolate(victim.name);
      case 4:
        this.#count("cut");
        return this.#cluster.cut(victim.name, pick(this.#random, this.#cluster.nodes).name);
      case 5:
      case 6:
        return this.#cluster.mend();
      case 7:
        return this.#breakDisk(victim);
      case 8:
        return this.#changeMembers();
      case 9:
        return this.#strikeAll();
      default:
        return this.#restartOne();
    }
  }

  async #strikeDown(node: SimulatedNode, how: "process" | "powerLoss"): Promise<void> {
    if (!node.isUp) return;
    this.#count(how);
    await this.#cluster.crash(node.name, how);
  }

  async #strikeAll(): Promise<void> {
    if (this.#random.below(2) === 0) return;
    for (const node of this.#cluster.up) await this.#strikeDown(node, "powerLoss");
  }

  /** The next sync, or the next call of the state machine, fails: the node must give up, and ends. */
  async #breakDisk(node: SimulatedNode): Promise<void> {
    if (!node.isUp) return;
    const { life } = node;
    if (this.#random.below(2) === 0) {
      node.disk.fail({
        operation: "sync",
        path: pick(this.#random, ["/wal/", "state."]),
        code: "EIO",
      });
    } else {
      node.machineFault = (call) => (call === "apply" ? new MachineError("disk full") : null);
    }
    await this.#cluster.pass(100 + this.#random.below(400));
    node.machineFault = null;
    if (this.#lives(node, life)) await this.#endBroken(node);
  }

  async #endBroken(node: SimulatedNode): Promise<void> {
    this.#count(node.failure === null ? "disk not used" : "gave up");
    await (node.failure === null ? this.#strikeDown(node, "powerLoss") : this.#end(node));
  }

  #lives(node: SimulatedNode, life: object): boolean {
    return node.isUp && node.life === life;
  }

  /** A node that gave up is ended as its process would end it, or loses its power on the way. */
  async #end(node: SimulatedNode): Promise<void> {
    if (this.#random.below(2) === 0) await this.#cluster.stop(node.name);
    else await this.#cluster.crash(node.name, "powerLoss");
  }

  /** Somebody asks for a change; whether it comes to pass in this weather is seen later. */
  async #changeMembers(): Promise<void> {
    const { up, nodes } = this.#cluster;
    if (up.length === 0) return;
    const via = pick(this.#random, up);
    if (nodes.length < NODES_MAX && this.#random.below(2) === 0) {
      const admitted = this.#cluster.admit(`n${nodes.length + 1}`, via.name);
      const joined = await this.#cluster.complete(admitted);
      this.#count(joined === null ? "not let in" : "joined");
      if (joined === null) return;
      await this.#cluster.restart(joined.name);
      this.#startClients(joined);
      return;
    }
    const leaver = nodes.at(-1);
    if (leaver === undefined || nodes.length <= FOUNDERS || this.#removed.has(leaver.name)) return;
    this.#changes.push(this.#remove(via, leaver.name));
  }

  async #remove(via: SimulatedNode, name: string): Promise<void> {
    const { life } = via;
    const removing = via.administration.removeMember(name);
    const result = await Promise.race([removing, this.#gone(via, life)]);
    this.#count(result?.ok === true ? "removed" : "not removed");
    if (result?.ok === true) this.#removed.add(name);
  }

  async #restartOne(): Promise<void> {
    const down = this.#cluster.nodes.filter((node) => !node.isUp);
    if (down.length === 0) return;
    this.#count("restart");
    await this.#cluster.restart(pick(this.#random, down).name);
  }

  async #heal(): Promise<void> {
    const cluster = this.#cluster;
    cluster.mend();
    cluster.setNetwork({});
    for (const node of cluster.nodes) {
      node.machineFault = null;
      if (node.isUp && node.failure !== null) await this.#end(node);
      if (!node.isUp) await cluster.restart(node.name);
    }
    await cluster.until("somebody leads", () => this.#members() !== null);
    await cluster.complete(Promise.all(this.#changes), CALM_MS);
    // One that was asked for by a node that died may have been decided late.
    await cluster.pass(2_000);
    const members = this.#members() ?? [];
    // The answer to one that asked to be let in was lost: it asks again.
    for (const name of members) if (!cluster.has(name)) await cluster.join(name, "n1");
    await cluster.ready(...members);
    for (const node of cluster.up) {
      if (!members.includes(node.name)) await cluster.crash(node.name);
    }
    this.#calm = true;
  }

  /** The members as the leader knows them. */
  #members(): readonly string[] | null {
    const { leader } = this.#cluster;
    return leader === null ? null : leader.running.status().members.map(({ id }) => id);
  }

  async #judge(): Promise<void> {
    const cluster = this.#cluster;
    await cluster.agree();
    const found = new Map<number, number>();
    for (const [id] of await cluster.sql("n1", "SELECT id FROM rows")) {
      found.set(Number(id), (found.get(Number(id)) ?? 0) + 1);
    }
    for (const row of this.#acknowledged) {
      if (found.get(row) !== 1) this.#violations.push(`row ${row}: ${found.get(row) ?? 0} times`);
    }
    for (const row of this.#unknown) {
      if ((found.get(row) ?? 0) > 1) this.#violations.push(`row ${row} is there twice`);
    }
    for (const row of this.#refused) {
      if (found.has(row)) this.#violations.push(`row ${row} was refused and is there`);
    }
    if (this.#violations.length > 0) throw new Error(this.#violations.join("; "));
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }
}

function pick<Value>(random: Random, values: readonly Value[]): Value {
  const value = values[random.below(values.length)];
  if (value === undefined) throw new Error("nothing to pick from");
  return value;
}

function codeOf(error: unknown): string {
  return error instanceof SqlError ? error.sqlState : String(error);
}
