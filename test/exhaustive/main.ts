/**
 * `npm run exhaustive`: visits every state of every bounded world, then plants each mutant and asks
 * for a counterexample. Exit code 1 if a world is broken or a mutant is not found out.
 */
import { parseArgs } from "node:util";
import { named, runCommand, UsageError } from "../support/command-line.ts";
import { Explorer, type Result } from "./explorer.ts";
import { MUTANTS, type Mutant } from "./mutants.ts";
import { traceText } from "./trace.ts";
import { loadCore } from "./transparent-core.ts";
import type { World } from "./world.ts";
import { WORLDS, worldNamed } from "./worlds.ts";

const HELP = `npm run exhaustive [-- option]
  --world NAME    this world only (no mutants)
  --mutant TEXT   the mutants whose names contain it, with their counterexamples (no worlds)`;
const PROGRESS_MS = 5000;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function count(number: number): string {
  return number.toLocaleString("en");
}

function progressOf(name: string) {
  let last = Date.now();
  return (states: number, transitions: number, depth: number): void => {
    if (Date.now() - last < PROGRESS_MS) return;
    last = Date.now();
    say(`  … ${name}: ${count(states)} states, ${count(transitions)} transitions, depth ${depth}`);
  };
}

function report(world: World, result: Result, seconds: number): void {
  const figures = [
    `${count(result.states)} states`,
    ...(world.alike.length > 0 ? [`(${count(result.unfolded)} without symmetry)`] : []),
    `${count(result.transitions)} transitions`,
    `depth ${result.depth}`,
    `${count(result.localStates)} states of single nodes`,
    `${seconds.toFixed(0)} s`,
  ];
  say(`${result.counterexample === null ? "holds " : "BROKEN"} ${world.name}: ${world.about}`);
  say(`       ${figures.join(", ")}`);
  if (result.counterexample !== null) say(traceText(result.counterexample));
}

async function runWorlds(worlds: readonly World[]): Promise<boolean> {
  const make = await loadCore();
  let states = 0;
  let transitions = 0;
  let holds = true;
  for (const world of worlds) {
    const startedAt = Date.now();
    const result = new Explorer(world, make, { progress: progressOf(world.name) }).run();
    report(world, result, (Date.now() - startedAt) / 1000);
    states += result.states;
    transitions += result.transitions;
    holds &&= result.complete;
  }
  say(`${worlds.length} worlds: ${count(states)} states, ${count(transitions)} transitions`);
  return holds;
}

async function runMutant(mutant: Mutant, withTrace: boolean): Promise<boolean> {
  const make = await loadCore(mutant.defects);
  const agreementOnly = mutant.breaks === "agreement";
  const options = { agreementOnly, progress: progressOf(mutant.name) };
  const { counterexample, states } = new Explorer(worldNamed(mutant.world), make, options).run();
  if (counterexample === null) {
    say(`SURVIVED ${mutant.name} (${mutant.world}: ${count(states)} states)`);
    return false;
  }
  const { broken, steps } = counterexample;
  say(`killed ${mutant.name} (${mutant.world}: ${count(states)} states, ${steps.length} events)`);
  say(withTrace ? traceText(counterexample) : `       ${broken.split(":")[0]}`);
  return true;
}

async function runMutants(mutants: readonly Mutant[], withTrace: boolean): Promise<boolean> {
  let killed = 0;
  for (const mutant of mutants) if (await runMutant(mutant, withTrace)) killed += 1;
  say(`${killed} of ${mutants.length} mutants killed`);
  return killed === mutants.length;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { world: { type: "string" }, mutant: { type: "string" } },
  });
  const { world, mutant } = values;
  if (world !== undefined) {
    const exactly = named(WORLDS, world).filter(({ name }) => name === world);
    if (exactly.length === 0) throw new UsageError(`which of ${namesOf(named(WORLDS, world))}?`);
    return (await runWorlds(exactly)) ? 0 : 1;
  }
  if (mutant !== undefined) return (await runMutants(named(MUTANTS, mutant), true)) ? 0 : 1;
  return (await runWorlds(WORLDS)) && (await runMutants(MUTANTS, false)) ? 0 : 1;
}

function namesOf(worlds: readonly World[]): string {
  return worlds.map(({ name }) => name).join(", ");
}

await runCommand(HELP, main);
