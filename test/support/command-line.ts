/**
 * How the programs of the tests are told what to do. A wrong word ends them with 2 and the help: what
 * is misspelt must never run less than was asked, and then pass.
 */

/** A mistake in the command line; the message says what to write instead. */
export class UsageError extends Error {}

/** The whole number behind an option. Throws UsageError for anything else, or less than `least`. */
export function wholeNumber(option: string, text: string, least = 0): number {
  const number = Number(text);
  if (text !== "" && Number.isSafeInteger(number) && number >= least) return number;
  const from = least === 0 ? "" : ` from ${least} on`;
  throw new UsageError(`${option} takes a whole number${from}, not "${text}"`);
}

/** Of `all` those whose name contains `text`. Throws UsageError if there is none. */
export function named<Item extends { readonly name: string }>(
  all: readonly Item[],
  text: string,
): readonly Item[] {
  const found = all.filter(({ name }) => name.includes(text));
  if (found.length > 0) return found;
  throw new UsageError(
    `nothing is called "${text}"; there are\n${all.map(({ name }) => `  ${name}`).join("\n")}`,
  );
}

/** Runs a program and sets its exit code: what `main` answers, 0 after --help, 2 after a UsageError. */
export async function runCommand(help: string, main: () => Promise<number>): Promise<void> {
  if (process.argv.includes("--help")) {
    process.stdout.write(`${help}\n`);
    return;
  }
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!isUsage(error)) throw error;
    process.stderr.write(`${error.message}\n\n${help}\n`);
    process.exitCode = 2;
  }
}

function isUsage(error: unknown): error is Error {
  if (error instanceof UsageError) return true;
  const code = error instanceof Error && "code" in error ? error.code : "";
  return typeof code === "string" && code.startsWith("ERR_PARSE_ARGS_");
}
