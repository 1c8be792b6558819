import { checkAddress, checkName } from "../node/config.ts";
import { type Arguments, type FlagSpecification, UsageError } from "./arguments.ts";
import { type Command, programName } from "./command.ts";
import { type Console, EXIT_FAILED, EXIT_OK } from "./console.ts";
import { administer, DEFAULT_HTTP, fetchStatus } from "./node-client.ts";
import { formatTable } from "./table.ts";

const FLAGS: readonly FlagSpecification[] = [
  { name: "http", value: "HOST:PORT", help: `HTTP address of any member (${DEFAULT_HTTP})` },
];

export const membersCommand: Command = {
  name: "members",
  words: "list | add ID | remove ID | promote ID",
  summary: "list, add, remove or promote members",
  flags: FLAGS,
  run,
};

async function run(given: Arguments, console: Console): Promise<number> {
  const http = checkAddress(given.flags.get("http") ?? DEFAULT_HTTP, "--http");
  const [action, name, ...rest] = given.words;
  if (rest.length > 0) throw new UsageError(`members ${action} takes one ID`);
  if (action === "list" && name === undefined) return list(http, console);
  if (action !== "add" && action !== "remove" && action !== "promote") {
    throw new UsageError("members takes list, add ID, remove ID or promote ID");
  }
  if (name === undefined) throw new UsageError(`members ${action} needs the ID of a node`);
  checkName(name, `members ${action}`);
  if (action === "add") return explainAdd(http, name, console);
  const result = await administer(http, "/admin/members", { action, id: name });
  if (result.ok) console.out(result.message);
  else console.error(`synod: ${result.message}`);
  return result.ok ? EXIT_OK : EXIT_FAILED;
}

async function list(http: string, console: Console): Promise<number> {
  const status = await fetchStatus(http);
  const rows = status.members.map(({ id, voter, peer, sql }) => [
    id,
    voter ? "voter" : "learner",
    peer,
    sql,
  ]);
  for (const line of formatTable([["NODE", "VOTE", "PEER", "SQL"], ...rows])) console.out(line);
  return EXIT_OK;
}

/** Only the new node knows its incarnation, so it adds itself; this prints how. */
async function explainAdd(http: string, name: string, console: Console): Promise<number> {
  const status = await fetchStatus(http);
  if (status.members.some((member) => member.id === name)) {
    console.error(`synod: ${name} is a member already`);
    return EXIT_FAILED;
  }
  const seeds = status.members.map((member) => member.peer).join(",");
  console.out(`a node adds itself; start ${name} on its machine, with free ports of that machine:`);
  console.out(
    `  ${programName()} start --id ${name} --data ./data/${name} --join ${seeds} --sql HOST:PORT --peer HOST:PORT --http HOST:PORT`,
  );
  return EXIT_OK;
}
