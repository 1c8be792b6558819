/**
 * `npm run corruption [-- --stride N --group TEXT]`: every state of the corruption matrix, or every
 * N-th, of all groups or of those whose name contains TEXT. Prints a table; fails if anything
 * happened that must not.
 */
import { parseArgs } from "node:util";
import { allGroups } from "./all-groups.ts";
import { type GroupResult, runGroup } from "./groups.ts";

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const PROGRESS_MS = 5000;
const COLUMNS = [34, 8, 11, 9, 13, 10, 11] as const;

const { values } = parseArgs({
  options: {
    stride: { type: "string", default: "1" },
    group: { type: "string", default: "" },
  },
});

const startedAt = Date.now();
const results: GroupResult[] = [];
say(row("group", "states", "recovered", "refused", "undecidable", "unproven", "violations"));
for (const group of await allGroups()) {
  if (!group.name.includes(values.group)) continue;
  let saidAt = Date.now();
  const result = await runGroup(group, Number(values.stride), (done) => {
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
if (results.some(({ violations }) => violations.length > 0)) process.exitCode = 1;

function row(...cells: readonly (string | number)[]): string {
  return cells
    .map((cell, at) => {
      const width = COLUMNS[at] ?? 10;
      return typeof cell === "number" ? `${cell}`.padStart(width) : cell.padEnd(width);
    })
    .join(" ");
}
