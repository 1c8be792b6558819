import { VERSION } from "../base/version.ts";
import { StartRefused } from "../node/start-refused.ts";
import { nearest, parseArguments, UsageError } from "./arguments.ts";
import { type Command, programName } from "./command.ts";
import { type Console, EXIT_FAILED, EXIT_OK, EXIT_USAGE } from "./console.ts";
import { demoCommand } from "./demo/demo.ts";
import { commandHelp, generalHelp } from "./help.ts";
import { membersCommand } from "./members.ts";
import { UnreachableError } from "./node-client.ts";
import { snapshotCommand } from "./snapshot.ts";
import { type StartNode, startCommand } from "./start.ts";
import { statusCommand } from "./status.ts";

const OTHER_COMMANDS: readonly Command[] = [
  demoCommand,
  statusCommand,
  membersCommand,
  snapshotCommand,
];
const HELP_FLAGS = new Set(["--help", "-h"]);
const VERSION_WORDS = new Set(["version", "--version", "-V"]);

/**
 * Carries out what was typed after the program's name and returns the exit code. What the user can
 * put right is one line on `console.error`; anything else is a fault of ours and is thrown.
 */
export async function runCommand(
  typed: readonly string[],
  console: Console,
  startNode: StartNode,
): Promise<number> {
  try {
    return await dispatch(typed, console, [startCommand(startNode), ...OTHER_COMMANDS]);
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`synod: ${error.message} (see: ${programName()} help)`);
      return EXIT_USAGE;
    }
    if (error instanceof StartRefused || error instanceof UnreachableError) {
      console.error(`synod: ${error.message}`);
      return EXIT_FAILED;
    }
    throw error;
  }
}

async function dispatch(
  typed: readonly string[],
  console: Console,
  commands: readonly Command[],
): Promise<number> {
  const [name, ...rest] = typed;
  if (name === undefined) {
    console.error(generalHelp(commands, programName()));
    return EXIT_USAGE;
  }
  if (VERSION_WORDS.has(name)) {
    console.out(`synod ${VERSION}`);
    return EXIT_OK;
  }
  if (name === "help" || HELP_FLAGS.has(name)) {
    const [topic] = rest;
    console.out(
      topic === undefined
        ? generalHelp(commands, programName())
        : commandHelp(commandNamed(topic, commands), programName()),
    );
    return EXIT_OK;
  }
  const command = commandNamed(name, commands);
  if (rest.some((argument) => HELP_FLAGS.has(argument))) {
    console.out(commandHelp(command, programName()));
    return EXIT_OK;
  }
  return command.run(parseArguments(rest, command.flags), console);
}

function commandNamed(name: string, commands: readonly Command[]): Command {
  const found = commands.find((command) => command.name === name);
  if (found !== undefined) return found;
  const guess = nearest(name, [...commands.map((command) => command.name), "help", "version"]);
  throw new UsageError(
    `unknown command ${name}${guess === null ? "" : `; did you mean ${guess}?`}`,
  );
}
