/**
 * `npm run crash-states [-- --scenario TEXT --subsets N --recovery-every N --stop-every N]`: what a
 * power loss can leave of every step of the log, metadata and snapshot protocols. Prints how many
 * distinct states were opened; fails if one was read wrong.
 */
import { parseArgs } from "node:util";
import { named, runCommand, wholeNumber } from "../../support/command-line.ts";
import { allScenarios } from "./all-scenarios.ts";
import { ALL_STATES, enumerate, type ScenarioResult } from "./enumerate.ts";

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const PROGRESS_MS = 5000;
const COLUMNS = [46, 6, 10, 19, 14, 11] as const;

const HELP = `npm run crash-states [-- options]
  --scenario TEXT      the pieces of work whose name contains it (all)
  --subsets N          of what was not synced at a stop, in order; then some drawn ones (${ALL_STATES.subsets})
  --stop-every N       every N-th stop (${ALL_STATES.stopEvery})
  --recovery-every N   of every N-th state the opening itself is stopped (${ALL_STATES.recoveryEvery})`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      scenario: { type: "string", default: "" },
      subsets: { type: "string", default: `${ALL_STATES.subsets}` },
      "recovery-every": { type: "string", default: `${ALL_STATES.recoveryEvery}` },
      "stop-every": { type: "string", default: `${ALL_STATES.stopEvery}` },
    },
  });
  const bounds = {
    ...ALL_STATES,
    subsets: wholeNumber("--subsets", values.subsets, 1),
    recoveryEvery: wholeNumber("--recovery-every", values["recovery-every"], 1),
    stopEvery: wholeNumber("--stop-every", values["stop-every"], 1),
  };
  const scenarios = named(await allScenarios(), values.scenario);
  const startedAt = Date.now();
  const results: ScenarioResult[] = [];
  say(row("work", "stops", "states", "in recovery", "stops cut", "violations"));
  for (const scenario of scenarios) {
    let saidAt = Date.now();
    const result = await enumerate(scenario, bounds, (states) => {
      if (Date.now() - saidAt < PROGRESS_MS) return;
      saidAt = Date.now();
      say(`… ${scenario.name}: ${states} states`);
    });
    for (const violation of result.violations) say(`VIOLATION ${scenario.name}, ${violation}`);
    results.push(result);
    const { name, stops, states, recoveryStates, cut, violations } = result;
    say(row(name, stops, states, recoveryStates, cut, violations.length));
  }
  const states = results.reduce((sum, result) => sum + result.states, 0);
  const recoveryStates = results.reduce((sum, result) => sum + result.recoveryStates, 0);
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  say(`${states} distinct states and ${recoveryStates} inside recoveries in ${seconds} s`);
  return results.some(({ violations }) => violations.length > 0) ? 1 : 0;
}

await runCommand(HELP, main);

function row(...cells: readonly (string | number)[]): string {
  return cells
    .map((cell, at) => {
      const width = COLUMNS[at] ?? 10;
      return typeof cell === "number" ? `${cell}`.padStart(width) : cell.padEnd(width);
    })
    .join(" ");
}
