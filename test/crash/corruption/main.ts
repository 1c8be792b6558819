/**
 * `npm run corruption [-- --stride N --group TEXT]`: every state of the corruption matrix, or every
 * N-th, of all groups or of those whose name contains TEXT. Prints a table; fails if anything
 * happened that must not.
 */
import { parseArgs } from "node:util";
import { named, runCommand, wholeNumber } from "../../support/command-line.ts";
import { allGroups } from "./all-groups.ts";
import { type GroupResult, runGroup } from "./groups.ts";

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const PROGRESS_MS = 5000;
const COLUMNS = [34, 8, 11, 9, 13, 10, 11] as const;

const HELP = `npm run corruption [-- options]
  --group TEXT   the groups whose name contains it (all)
  --stride N     every N-th state (1)`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      stride: { type: "string", default: "1" },
      group: { type: "string", default: "" },
    },
  });
  const stride = wholeNumber("--stride", values.stride, 1);
  const groups = named(await allGroups(), values.group);
  const startedAt = Date.now();
  const results: GroupResult[] = [];
  say(row("group", "states", "recovered", "refused", "undecidable", "unproven", "violations"));
  for (const group of groups) {
    let saidAt = Date.now();
    const result = await runGroup(group, stride, (done) => {
      if (Date.now() - saidAt < PROGRESS_MS) return;
      saidAt = Date.now();
      say(`… ${group.name}: ${done} of ${group.states}`);
    });
    for (const violation of result.violations) say(`VIOLATION ${violation}`);
    results.push(result);
    const { name, states, recovered, refused, undecidable, unproven, violations } = result;
    say(row(name, states, recovered, refused, undecidable, unproven, violations.length));
  }
  const states = results.reduce((sum, result) => sum + result.states, 0);
  say(`${states} states in ${Math.round((Date.now() - startedAt) / 1000)} s`);
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
