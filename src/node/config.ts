/**
 * What a node is started with: flags, over what its data directory remembers, over defaults. Every
 * value is checked here; a bad one throws StartRefused with a sentence that says what to do.
 */
import { formatAddress, parseAddress } from "../base/address.ts";
import { MEMBERS_MAX } from "../base/limits.ts";
import type { DataDirectory } from "./data-directory.ts";
import type { Addresses, BootstrapMember, Identity, Origin } from "./identity.ts";
import { StartRefused } from "./start-refused.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** What the running node is set to. */
export interface NodeSettings {
  readonly addresses: Addresses;
  /** A snapshot is taken after so many log entries … */
  readonly snapshotEntries: number;
  /** … or so many bytes of them, whichever comes first. */
  readonly snapshotBytes: number;
  /** How long a write waits for a quorum before its client is told. */
  readonly writeTimeoutMs: number;
  /** A node that the leader does not hear for so long loses its session. */
  readonly sessionTimeoutMs: number;
  /** Timeouts are drawn from this to twice this. */
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
}

export interface NodeConfig extends NodeSettings {
  /** Locked for this process. */
  readonly directory: DataDirectory;
  /** The operator's name for the node. */
  readonly name: string;
  /** How to get a cluster; null for a node that is in one. */
  readonly origin: Origin | null;
  /** How a linearizable read is confirmed. */
  readonly reads: "quorum";
  readonly logLevel: LogLevel;
}

/** Flags of `synod start` by their names without the dashes; values as typed. */
export type StartFlags = ReadonlyMap<string, string>;

const DEFAULT_ADDRESSES: Addresses = {
  sql: "127.0.0.1:5432",
  peer: "127.0.0.1:7001",
  http: "127.0.0.1:8001",
};
const NAME_FORM = /^[a-z0-9][a-z0-9-]{0,31}$/;
const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const MIB = 1024 * 1024;
const BYTE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  KiB: 1024,
  MiB: MIB,
  GiB: 1024 * MIB,
};

/** `remembered`: the identity in the data directory; null if it is new. */
export function resolveConfig(
  flags: StartFlags,
  directory: DataDirectory,
  remembered: Identity | null,
): NodeConfig {
  const name = resolveName(flags, directory.path, remembered);
  const addresses = resolveAddresses(flags, remembered?.addresses ?? DEFAULT_ADDRESSES);
  const heartbeatMs = count(flags, "heartbeat-ms", { fallback: 50, min: 5, max: 60_000 });
  const electionTimeoutMs = count(flags, "election-timeout-ms", {
    fallback: 300,
    min: 20,
    max: 600_000,
  });
  if (electionTimeoutMs < 3 * heartbeatMs) {
    throw new StartRefused(
      `--election-timeout-ms ${electionTimeoutMs} is too short for a heartbeat every ${heartbeatMs} ms: give at least ${3 * heartbeatMs}`,
    );
  }
  return {
    directory,
    name,
    addresses,
    origin: resolveOrigin(flags, { name, peer: addresses.peer }, remembered),
    reads: resolveReads(flags),
    snapshotEntries: count(flags, "snapshot-entries", { fallback: 10_000, min: 10, max: 1e9 }),
    snapshotBytes: byteCount(flags, "snapshot-bytes", 64 * MIB),
    writeTimeoutMs: count(flags, "write-timeout-ms", {
      fallback: 10_000,
      min: 100,
      max: 3_600_000,
    }),
    sessionTimeoutMs: count(flags, "session-timeout-ms", {
      fallback: 10_000,
      min: 500,
      max: 3_600_000,
    }),
    electionTimeoutMs,
    heartbeatMs,
    logLevel: resolveLogLevel(flags),
  };
}

/** The log's level alone: it is needed before the rest is known. Throws StartRefused. */
export function resolveLogLevel(flags: StartFlags): LogLevel {
  const text = flags.get("log-level") ?? "info";
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined) {
    throw new StartRefused(`--log-level ${text} is unknown: give one of ${LOG_LEVELS.join(", ")}`);
  }
  return level;
}

/** Throws StartRefused unless `name` may be the name of a node. */
export function checkName(name: string, flag: string): string {
  if (NAME_FORM.test(name)) return name;
  throw new StartRefused(
    `${flag} ${name}: a node's name has 1 to 32 letters a-z, digits and dashes, and starts with no dash`,
  );
}

/** Throws StartRefused unless `text` is host:port; returns it in its usual form. */
export function checkAddress(text: string, flag: string): string {
  const address = parseAddress(text);
  if (address === null) {
    throw new StartRefused(
      `${flag} ${text}: an address is host:port with a port up to 65535, such as 127.0.0.1:7001`,
    );
  }
  return formatAddress(address);
}

function resolveName(flags: StartFlags, path: string, remembered: Identity | null): string {
  const given = flags.get("id");
  if (remembered === null) {
    if (given !== undefined) return checkName(given, "--id");
    throw new StartRefused(
      `${path} holds no node yet: name the new one with --id, such as --id n1`,
    );
  }
  if (given !== undefined && given !== remembered.name) {
    throw new StartRefused(
      `${path} belongs to node ${remembered.name}, not ${given}: leave out --id or choose another --data`,
    );
  }
  return remembered.name;
}

function resolveAddresses(flags: StartFlags, fallback: Addresses): Addresses {
  const given = (flag: string): string | null => {
    const text = flags.get(flag);
    return text === undefined ? null : checkAddress(text, `--${flag}`);
  };
  const http = flags.get("http") === "off" ? null : (given("http") ?? fallback.http);
  const addresses = {
    sql: given("sql") ?? fallback.sql,
    peer: given("peer") ?? fallback.peer,
    http,
  };
  requireReachable(addresses.peer);
  requireDistinct(addresses);
  return addresses;
}

/** The others must find the node where it says it is. */
function requireReachable(peer: string): void {
  const address = parseAddress(peer);
  if (address?.port === 0) {
    throw new StartRefused(`--peer ${peer}: the others must know the port, so it cannot be 0`);
  }
  if (address?.host === "0.0.0.0" || address?.host === "::") {
    throw new StartRefused(
      `--peer ${peer}: the other nodes connect to this address, so name the machine's own, such as 10.0.0.1:${address.port}`,
    );
  }
}

function requireDistinct(addresses: Addresses): void {
  const seen = new Map<string, string>();
  for (const flag of ["sql", "peer", "http"] as const) {
    const address = addresses[flag];
    if (address === null || parseAddress(address)?.port === 0) continue;
    const other = seen.get(address);
    if (other !== undefined) {
      throw new StartRefused(
        `--${other} and --${flag} are both ${address}: give each its own port`,
      );
    }
    seen.set(address, flag);
  }
}

function resolveOrigin(
  flags: StartFlags,
  self: BootstrapMember,
  remembered: Identity | null,
): Origin | null {
  const bootstrap = flags.get("bootstrap");
  const join = flags.get("join");
  if (bootstrap !== undefined && join !== undefined) {
    throw new StartRefused(
      "--bootstrap and --join exclude each other: --bootstrap for the first nodes of a new cluster, --join for one more",
    );
  }
  if (bootstrap !== undefined) parseBootstrap(bootstrap, self);
  if (remembered?.kind === "member") return null;
  if (bootstrap !== undefined) {
    return { kind: "bootstrap", members: parseBootstrap(bootstrap, self) };
  }
  if (join !== undefined) {
    return { kind: "join", seeds: list(join).map((seed) => checkAddress(seed, "--join")) };
  }
  if (remembered !== null) return remembered.origin;
  throw new StartRefused(
    `${self.name} has no cluster: give --bootstrap n1@A,n2@A,n3@A for a new one or --join A for one more node`,
  );
}

function parseBootstrap(text: string, self: BootstrapMember): readonly BootstrapMember[] {
  const members = list(text).map(parseBootstrapMember);
  const names = new Set(members.map((member) => member.name));
  const peers = new Set(members.map((member) => member.peer));
  if (names.size < members.length || peers.size < members.length) {
    throw new StartRefused(`--bootstrap ${text}: each name and each address may stand there once`);
  }
  if (members.length > MEMBERS_MAX) {
    throw new StartRefused(`--bootstrap names ${members.length} nodes, at most ${MEMBERS_MAX}`);
  }
  const own = members.find((member) => member.name === self.name);
  if (own === undefined) {
    throw new StartRefused(`--bootstrap ${text}: ${self.name} itself is not in it; list all nodes`);
  }
  if (own.peer !== self.peer) {
    throw new StartRefused(
      `--bootstrap says that ${self.name} is at ${own.peer}, but its --peer is ${self.peer}: make them the same`,
    );
  }
  return members;
}

function parseBootstrapMember(text: string): BootstrapMember {
  const at = text.indexOf("@");
  if (at < 1) {
    throw new StartRefused(
      `--bootstrap: "${text}" is not name@host:port, such as n1@127.0.0.1:7001`,
    );
  }
  return {
    name: checkName(text.slice(0, at), "--bootstrap"),
    peer: checkAddress(text.slice(at + 1), "--bootstrap"),
  };
}

function list(text: string): string[] {
  return text.split(",").map((item) => item.trim());
}

function resolveReads(flags: StartFlags): "quorum" {
  const text = flags.get("reads") ?? "quorum";
  if (text === "quorum") return text;
  throw new StartRefused(`--reads ${text} is not supported: this release has only --reads quorum`);
}

interface Range {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

function count(flags: StartFlags, flag: string, range: Range): number {
  const text = flags.get(flag);
  if (text === undefined) return range.fallback;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= range.min && value <= range.max) return value;
  throw new StartRefused(
    `--${flag} ${text}: give a whole number from ${range.min} to ${range.max}`,
  );
}

function byteCount(flags: StartFlags, flag: string, fallback: number): number {
  const text = flags.get(flag);
  if (text === undefined) return fallback;
  const match = /^(\d{1,12})(KiB|MiB|GiB)?$/.exec(text);
  const value = Number(match?.[1]) * (BYTE_UNITS[match?.[2] ?? ""] ?? 1);
  if (match !== null && value >= 64 * 1024 && Number.isSafeInteger(value)) return value;
  throw new StartRefused(
    `--${flag} ${text}: give a size from 64KiB on, in bytes or with KiB, MiB or GiB, such as 64MiB`,
  );
}
