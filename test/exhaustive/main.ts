/**
 * `npm run exhaustive`: visits every state of every bounded world, then plants each mutant and asks
 * for a counterexample. Exit code 1 if a world is broken or a mutant is not found out.
 *
 *   --world NAME    this world only (no mutants)
 *   --mutant TEXT   the mutants whose names contain it, with their counterexamples (no worlds)
 */
import { parseArgs } from "node:util";
import { Explorer, type Result } from "./explorer.ts";
import { MUTANTS, type Mutant } from "./mutants.ts";
import { traceText } from "./trace.ts";
import { loadCore } from "./transparent-core.ts";
import type { World } from "./world.ts";
import { WORLDS, worldNamed } from "./worlds.ts";

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

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: { world: { type: "string" }, mutant: { type: "string" } },
  });
  if (values.world !== undefined) return runWorlds([worldNamed(values.world)]);
  const { mutant } = values;
  if (mutant === undefined) return (await runWorlds(WORLDS)) && runMutants(MUTANTS, false);
  const chosen = MUTANTS.filter(({ name }) => name.includes(mutant));
  if (chosen.length === 0) throw new Error(`no mutant's name contains ${mutant}`);
  return runMutants(chosen, true);
}

process.exitCode = (await main()) ? 0 : 1;
