import { checkAddress } from "../node/config.ts";
import type { MemberStatus, NodeStatus } from "../node/status.ts";
import { type Arguments, type FlagSpecification, UsageError } from "./arguments.ts";
import type { Command } from "./command.ts";
import { type Console, EXIT_FAILED, EXIT_OK } from "./console.ts";
import { DEFAULT_HTTP, fetchStatus, UnreachableError } from "./node-client.ts";
import { formatTable } from "./table.ts";

const FLAGS: readonly FlagSpecification[] = [
  {
    name: "http",
    value: "HOST:PORT,…",
    help: `HTTP addresses of the nodes to ask (${DEFAULT_HTTP})`,
  },
];

export const statusCommand: Command = {
  name: "status",
  words: "",
  summary: "print the cluster's state, one line a node",
  flags: FLAGS,
  run,
};

const HEADING = ["NODE", "ROLE", "PEER", "SQL", "MATCH", "CHOSEN", "APPLIED", "SNAPSHOT", "FLOOR"];
const UNKNOWN = "-";

async function run(given: Arguments, console: Console): Promise<number> {
  if (given.words.length > 0) throw new UsageError(`status takes no ${given.words[0]}`);
  const addresses = (given.flags.get("http") ?? DEFAULT_HTTP).split(",");
  const statuses: NodeStatus[] = [];
  for (const address of addresses) {
    try {
      statuses.push(await fetchStatus(checkAddress(address.trim(), "--http")));
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      console.error(`synod: ${error.message}`);
    }
  }
  for (const line of formatStatus(statuses)) console.out(line);
  return statuses.length === addresses.length ? EXIT_OK : EXIT_FAILED;
}

/** The members as the first of the asked nodes sees them, with what each asked node says of itself. */
export function formatStatus(statuses: readonly NodeStatus[]): readonly string[] {
  const [first] = statuses;
  if (first === undefined) return [];
  const leader = first.leader?.id ?? "none";
  const rows = first.members.map((member) => memberRow(member, first, statuses));
  return [
    `cluster ${first.cluster}, leader ${leader}, ballot ${first.ballot}, as seen by ${first.node.id} (version ${first.version})`,
    ...formatTable([HEADING, ...rows]),
  ];
}

function memberRow(
  member: MemberStatus,
  first: NodeStatus,
  statuses: readonly NodeStatus[],
): readonly string[] {
  const own = statuses.find((status) => status.node.id === member.id);
  const position = (value: number | undefined): string => value?.toString() ?? UNKNOWN;
  return [
    member.id,
    own?.node.role ?? roleSeenBy(first, member),
    member.peer,
    member.sql,
    member.match?.toString() ?? UNKNOWN,
    position(own?.chosenIndex),
    position(own?.appliedIndex),
    position(own?.snapshotIndex),
    position(own?.truncationFloor),
  ];
}

function roleSeenBy(first: NodeStatus, member: MemberStatus): string {
  if (first.leader?.id === member.id) return "leader";
  return member.voter ? "voter" : "learner";
}
