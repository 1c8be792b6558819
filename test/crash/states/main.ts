/**
 * `npm run crash-states [-- --scenario TEXT --subsets N --recovery-every N --stop-every N]`: what a
 * power loss can leave of every step of the log, metadata and snapshot protocols. Prints how many
 * distinct states were opened; fails if one was read wrong.
 */
import { parseArgs } from "node:util";
import { allScenarios } from "./all-scenarios.ts";
import { ALL_STATES, enumerate, type ScenarioResult } from "./enumerate.ts";

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const PROGRESS_MS = 5000;
const COLUMNS = [46, 6, 10, 19, 14, 11] as const;

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
  subsets: Number(values.subsets),
  recoveryEvery: Number(values["recovery-every"]),
  stopEvery: Number(values["stop-every"]),
};

const startedAt = Date.now();
const results: ScenarioResult[] = [];
say(row("work", "stops", "states", "in recovery", "stops cut", "violations"));
for (const scenario of await allScenarios()) {
  if (!scenario.name.includes(values.scenario)) continue;
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
if (results.some(({ violations }) => violations.length > 0)) process.exitCode = 1;

function row(...cells: readonly (string | number)[]): string {
  return cells
    .map((cell, at) => {
      const width = COLUMNS[at] ?? 10;
      return typeof cell === "number" ? `${cell}`.padStart(width) : cell.padEnd(width);
    })
    .join(" ");
}
