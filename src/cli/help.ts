import type { Command } from "./command.ts";
import { formatTable } from "./table.ts";

export function generalHelp(commands: readonly Command[], program: string): string {
  const rows = commands.map((command) => [
    `  ${[command.name, command.words].filter((word) => word !== "").join(" ")}`,
    command.summary,
  ]);
  return [
    "Synod: a SQL database replicated by Multi-Paxos. Clients speak PostgreSQL's protocol.",
    "",
    `usage: ${program} COMMAND [flags]`,
    "",
    ...formatTable([
      ...rows,
      ["  help [COMMAND]", "print this, or a command's flags"],
      ["  version", "print the release"],
    ]),
  ].join("\n");
}

export function commandHelp(command: Command, program: string): string {
  const call = [program, command.name, command.words, "[flags]"].filter((word) => word !== "");
  const rows = command.flags.map((flag) => [
    `  --${flag.name}${flag.value === null ? "" : ` ${flag.value}`}`,
    flag.help,
  ]);
  return [`usage: ${call.join(" ")}`, "", command.summary, "", ...formatTable(rows)].join("\n");
}
