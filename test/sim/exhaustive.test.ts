/**
 * Goal: every state of small worlds, and proof that the search is what it says: the core that it
 * runs behaves as the production core, symmetry loses nothing, and it finds planted mistakes.
 * The large worlds are for `npm run exhaustive`.
 */
import { expect, test } from "vitest";
import { SeededRandom } from "../../src/base/random.ts";
import type { ReplicaConfig } from "../../src/paxos/config.ts";
import type { Effects } from "../../src/paxos/effects.ts";
import type { Input } from "../../src/paxos/inputs.ts";
import { emptyState } from "../../src/paxos/log.ts";
import { Replica } from "../../src/paxos/replica.ts";
import { nodeId } from "../../src/paxos/types.ts";
import { type ExploreOptions, Explorer, type Result } from "../exhaustive/explorer.ts";
import { MUTANTS } from "../exhaustive/mutants.ts";
import { copyGraph, GraphText } from "../exhaustive/object-graph.ts";
import { traceText } from "../exhaustive/trace.ts";
import { loadCore, type MakeReplica, withoutPrivateNames } from "../exhaustive/transparent-core.ts";
import { genesisOf, idOf, type World } from "../exhaustive/world.ts";
import { worldNamed } from "../exhaustive/worlds.ts";

/** A duel small enough for every run: n2 campaigns, but has no command of its own. */
const SMALL: World = {
  ...worldNamed("duel"),
  name: "small",
  budgets: { 1: { campaigns: 1, commands: 1 }, 2: { campaigns: 1 } },
  duplicates: false,
  lost: ["heartbeat", "heartbeatAck", "rejected", "chosen"],
};

function explore(world: World, make: MakeReplica, options: ExploreOptions = {}): Result {
  return new Explorer(world, make, options).run();
}

/** Throws with the counterexample, so that a failure can be read. */
function expectToHold(result: Result): void {
  if (result.counterexample !== null) throw new Error(traceText(result.counterexample));
  expect(result.complete).toBe(true);
}

test("agreement and durability hold in every state of a small duel", async () => {
  const result = explore(SMALL, await loadCore());
  expectToHold(result);
  // 27,732 when this was written: far fewer would mean that the search no longer goes everywhere.
  expect(result.states).toBeGreaterThan(20_000);
});

test("they hold in every state of a world in which a proposer crashes and campaigns again", async () => {
  const make = await loadCore();
  const budgets = { 1: { campaigns: 2 } };
  const world: World = { ...worldNamed("same-proposer"), budgets };
  const folded = explore(world, make);
  expectToHold(folded);
  const plain = explore(world, make, { withoutSymmetry: true });
  expectToHold(plain);
  expect(folded.states).toBeLessThan(plain.states);
  expect(folded.unfolded).toBe(plain.states);
});

test("they hold whichever record rots, with one ballot after the one that wrote it", async () => {
  const world: World = {
    ...worldNamed("rule-27"),
    budgets: { 1: { campaigns: 1, commands: 1 }, 2: { campaigns: 1 } },
    rotTells: ["ballot known", "slot known", "nothing known"],
  };
  expectToHold(explore(world, await loadCore()));
});

test("they hold where one of two voters has to vouch for a slot", async () => {
  expectToHold(explore(worldNamed("rule-27-two"), await loadCore()));
});

test.each([
  "half of the voters are a quorum",
  "phase 1 repairs nothing",
  "accepted is sent before it is durable",
  "a ballot is used before it is durable",
  "rule 27: a faulty slot is reported as empty",
  "rule 27: without (a), one clean answer is enough",
  "rule 27: one clean answer of four is enough",
])("a planted mistake is found: %s", async (name) => {
  const mutant = MUTANTS.find((candidate) => candidate.name === name);
  if (mutant === undefined) throw new Error(`there is no mutant ${name}`);
  const make = await loadCore(mutant.defects);
  const agreementOnly = mutant.breaks === "agreement";
  const { counterexample } = explore(worldNamed(mutant.world), make, { agreementOnly });
  if (counterexample === null) throw new Error("not found");
  const lines = traceText(counterexample).split("\n");
  expect(lines.at(-1)).toMatch(/broken: .+: .+/);
  expect(lines.filter((line) => /^ +\d+ {2}n\d/.test(line))).toHaveLength(
    counterexample.steps.length,
  );
});

test("a defect whose text is not there, or there twice, is refused", async () => {
  const file = "paxos/quorum.ts";
  await expect(loadCore([{ file, find: "no such text", replace: "" }])).rejects.toThrow("0 times");
  await expect(loadCore([{ file, find: "isQuorum(", replace: "" }])).rejects.toThrow(/[2-9] times/);
  const elsewhere = { file: "paxos/nowhere.ts", find: "x", replace: "y" };
  await expect(loadCore([elsewhere])).rejects.toThrow("does not use");
});

test("only private names change: strings and comments keep their #", () => {
  const text = 'class A { #x = "#x"; /* #x */ get x() { return this.#x; } }';
  expect(withoutPrivateNames("a.ts", text)).toBe(
    'class A { $x = "#x"; /* #x */ get x() { return this.$x; } }',
  );
});

test("a copy of a graph is equal and independent, and values in it cannot be changed", () => {
  class Part {
    readonly map = new Map([[1, { votes: new Set([2]), entry: { slot: 1 } }]]);
  }
  class Whole {
    readonly first = new Part();
    readonly second = this.first;
    readonly list: number[] = [];
  }
  const options = { opaque: new Map(), ignored: new Set<string>(), ordered: new Set<string>() };
  const all = { ...options, unordered: new Set<string>() };
  const text = new GraphText(all, new Map());
  const whole = new Whole();
  const copy = copyGraph(whole, all);
  expect(text.of(copy)).toBe(text.of(whole));
  expect(copy.second).toBe(copy.first);
  copy.first.map.get(1)?.votes.add(3);
  copy.list.push(1);
  expect(text.of(copy)).not.toBe(text.of(whole));
  expect(whole.list).toEqual([]);
  expect(whole.first.map.get(1)?.votes.size).toBe(1);
  expect(Object.isFrozen(copy.first.map.get(1)?.entry)).toBe(true);
});

/** Both cores get the same inputs, drawn from what they themselves send and from a seed. */
test("the core of the search and the production core do the same", async () => {
  const make = await loadCore();
  let elected = 0;
  for (let seed = 1; seed <= 20; seed += 1) elected += compareCores(make, seed);
  expect(elected).toBeGreaterThan(10);
});

function compareCores(make: MakeReplica, seed: number): number {
  const random = new SeededRandom(seed);
  const genesis = genesisOf(SMALL);
  const nodes = [1, 2, 3].map((node) => {
    const config = configOf(node);
    const pair = [new Replica(config, emptyState(genesis)), make(config, emptyState(genesis))];
    return { node, pair, pending: 0 };
  });
  const flying: { to: number; input: Input }[] = [];
  let elected = 0;
  for (let step = 0; step < 400; step += 1) {
    const chosen = nodes[random.below(3)];
    if (chosen === undefined) continue;
    const input = drawInput(random, chosen.pending, flying, chosen.node);
    const [effects, others] = chosen.pair.map((replica): Effects => {
      replica.step(input);
      return replica.drain();
    });
    expect(others).toEqual(effects);
    chosen.pending = effects?.persistSequence ?? 0;
    elected += effects?.trace.filter(({ kind }) => kind === "elected").length ?? 0;
    for (const { to, message } of effects?.send ?? []) {
      const sent: Input = { kind: "message", from: idOf(chosen.node), message };
      for (const each of to) flying.push({ to: each - idOf(1) + 1, input: sent });
    }
  }
  return elected;
}

function drawInput(
  random: SeededRandom,
  pending: number,
  flying: { to: number; input: Input }[],
  node: number,
): Input {
  const draw = random.below(10);
  const at = flying.findIndex(({ to }) => to === node);
  const [next] = draw < 5 && at >= 0 ? flying.splice(at, 1) : [];
  if (next !== undefined) return next.input;
  if (draw < 8) return { kind: "persisted", through: pending };
  if (draw < 9) return { kind: "tick" };
  return { kind: "propose", commands: [new Uint8Array([random.below(256)])] };
}

function configOf(node: number): ReplicaConfig {
  return {
    self: nodeId(idOf(node)),
    electionTicks: 5,
    heartbeatTicks: 1,
    retryTicks: 3,
    diskStallTicks: 30,
    healTicks: 100,
    window: 2,
    pipelineSlots: 2,
    batchCommandsMax: 2,
    batchBytesMax: 64,
    queueBytesMax: 1024,
    transferBytesMax: 1024,
    random: (bound) => node % bound,
  };
}
