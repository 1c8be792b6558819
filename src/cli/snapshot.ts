import { checkAddress } from "../node/config.ts";
import { type Arguments, type FlagSpecification, UsageError } from "./arguments.ts";
import type { Command } from "./command.ts";
import { type Console, EXIT_FAILED, EXIT_OK } from "./console.ts";
import { administer, DEFAULT_HTTP } from "./node-client.ts";

const FLAGS: readonly FlagSpecification[] = [
  { name: "http", value: "HOST:PORT", help: `HTTP address of the node (${DEFAULT_HTTP})` },
];

export const snapshotCommand: Command = {
  name: "snapshot",
  words: "",
  summary: "take a snapshot on a node now",
  flags: FLAGS,
  run,
};

async function run(given: Arguments, console: Console): Promise<number> {
  if (given.words.length > 0) throw new UsageError(`snapshot takes no ${given.words[0]}`);
  const http = checkAddress(given.flags.get("http") ?? DEFAULT_HTTP, "--http");
  const result = await administer(http, "/admin/snapshot", {});
  if (result.ok) console.out(result.message);
  else console.error(`synod: ${result.message}`);
  return result.ok ? EXIT_OK : EXIT_FAILED;
}
