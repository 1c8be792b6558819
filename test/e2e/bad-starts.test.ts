/**
 * Goal: a start that cannot succeed says why in one line, exits with a code that is not 0 and leaves
 * the disk as it was. Method: the built program with one thing wrong at a time; the directory tree,
 * with the bytes of every file, is compared before and after.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { testCluster } from "../support/cluster/cluster.ts";
import { HOST } from "../support/cluster/cluster-node.ts";
import { freePorts } from "../support/cluster/ports.ts";
import { type Finished, runSynod } from "../support/cluster/program.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

interface Flags {
  readonly [flag: string]: string | null;
}

/** Every name below `directory`, with its kind, rights, and a file's content. */
function tree(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .toSorted()
    .map((name) => {
      const path = join(directory, name);
      const facts = statSync(path);
      if (facts.isDirectory()) return `${name}/ ${facts.mode}`;
      return `${name} ${facts.mode} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`;
    });
}

/** Right in every respect; each test spoils one thing. A null takes the flag away. */
async function start(directory: string, spoiled: Flags): Promise<Finished> {
  const [sql, peer, http] = await freePorts(3);
  const flags: Flags = {
    data: join(directory, "n1"),
    id: "n1",
    sql: `${HOST}:${sql}`,
    peer: `${HOST}:${peer}`,
    http: `${HOST}:${http}`,
    bootstrap: `n1@${spoiled["peer"] ?? `${HOST}:${peer}`}`,
    ...spoiled,
  };
  const args = Object.entries(flags).flatMap(([name, value]) =>
    value === null ? [] : [`--${name}`, value],
  );
  return runSynod(["start", ...args], { deadlineMs: 20_000 });
}

function expectRefused(finished: Finished, message: RegExp): void {
  const lines = finished.stderr.trimEnd().split("\n");
  expect(lines, "one line").toHaveLength(1);
  expect(lines[0]).toMatch(/^synod: /);
  expect(lines[0]).toMatch(message);
  expect(finished.signal).toBeNull();
  expect(finished.code).toBeGreaterThan(0);
}

async function listenAnywhere(): Promise<string> {
  const [port] = await freePorts(1);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, HOST, resolve));
  onTestFinished(() => {
    server.close();
  });
  return `${HOST}:${port}`;
}

const BAD_FLAGS: readonly (readonly [string, Flags, RegExp])[] = [
  ["an unknown flag", { dta: "x" }, /unknown flag --dta; did you mean --data\?/],
  ["a flag without its value", { "log-level": "" }, /--log-level needs a value/],
  ["no --data", { data: null }, /--data DIR/],
  ["no --id", { id: null }, /name the new one with --id/],
  ["a bad id", { id: "N 1" }, /--id N 1: a node's name/],
  ["an address without a port", { sql: "127.0.0.1" }, /--sql 127.0.0.1: an address is host:port/],
  ["a port above 65535", { peer: "127.0.0.1:70000" }, /--peer 127.0.0.1:70000/],
  ["a peer address that nobody can reach", { peer: "0.0.0.0:7001" }, /--peer 0.0.0.0:7001/],
  ["--bootstrap without the node itself", { bootstrap: "n2@127.0.0.1:7002" }, /n1 itself is not/],
  ["--bootstrap and --join", { join: "127.0.0.1:7001" }, /exclude each other/],
  ["neither --bootstrap nor --join", { bootstrap: null }, /n1 has no cluster/],
  ["a number out of its range", { "write-timeout-ms": "1" }, /--write-timeout-ms 1: give/],
  ["an election shorter than heartbeats", { "election-timeout-ms": "60" }, /is too short/],
  ["an unknown log level", { "log-level": "loud" }, /--log-level loud is unknown/],
  ["--reads lease", { reads: "lease" }, /--reads lease is not supported/],
];

describe("a start that is refused", () => {
  test.each(BAD_FLAGS)("%s: one line, nothing on disk", async (_name, spoiled, message) => {
    const directory = temporaryDirectory();
    const finished = await start(directory, spoiled);
    expectRefused(finished, message);
    expect(tree(directory)).toEqual([]);
  });

  test.each(["sql", "peer", "http"])("--%s is taken: one line, nothing on disk", async (flag) => {
    const directory = temporaryDirectory();
    const address = await listenAnywhere();
    const finished = await start(directory, { [flag]: address });
    expectRefused(finished, new RegExp(`port ${address} is taken .*--${flag}`));
    expect(tree(directory)).toEqual([]);
  });

  test("the data directory's parent is missing: one line, nothing on disk", async () => {
    const directory = temporaryDirectory();
    const finished = await start(directory, { data: join(directory, "no", "n1") });
    expectRefused(finished, /no does not exist/);
    expect(tree(directory)).toEqual([]);
  });

  test("the data directory is a file, or lies below one: one line, the file as it was", async () => {
    const directory = temporaryDirectory();
    const file = join(directory, "file");
    writeFileSync(file, "mine");
    const before = tree(directory);
    expectRefused(await start(directory, { data: file }), /not a directory/);
    expectRefused(await start(directory, { data: join(file, "n1") }), /cannot|not a directory/);
    expect(tree(directory)).toEqual(before);
  });

  test("nothing can be created in the data directory: one line, nothing on disk", async () => {
    const directory = temporaryDirectory();
    // /proc refuses new names to everybody, to root too.
    expectRefused(await start(directory, { data: "/proc/synod" }), /cannot write to \/proc\/synod/);
    expect(tree(directory)).toEqual([]);
  });

  test("somebody else's directory: one line, everything as it was", async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, "n1"));
    writeFileSync(join(directory, "n1", "letter"), "dear all");
    const before = tree(directory);
    expectRefused(await start(directory, {}), /is not empty and holds no Synod node/);
    expect(tree(directory)).toEqual(before);
  });

  test("an unknown command: one line that says what was meant", async () => {
    const finished = await runSynod(["strat"]);
    expectRefused(finished, /unknown command strat; did you mean start\?/);
  });
});

describe("beside a running node", () => {
  const cluster = testCluster({ nodes: 1 });

  test("its data directory is in use: the holder is named, the node notices nothing", async () => {
    const node = cluster.node("n1");
    const finished = await start(cluster.directory, { data: node.data, id: null, bootstrap: null });
    expectRefused(finished, new RegExp(`in use by another process \\(pid ${node.processId}\\)`));
    await node.ready();
  });

  test("a name that is taken: the joining node is refused and leaves nothing", async () => {
    const directory = temporaryDirectory();
    const node = cluster.node("n1");
    const finished = await start(directory, { bootstrap: null, join: node.peerAddress });
    expectRefused(finished, /name n1 is taken|incarnation/);
    expect(tree(directory)).toEqual([]);
    await node.ready();
  });

  test("a node of the directory under another id is refused", async () => {
    const node = cluster.node("n1");
    await node.stop();
    const before = tree(node.data);
    const finished = await start(cluster.directory, { data: node.data, id: "n9" });
    expectRefused(finished, /belongs to node n1, not n9/);
    expect(tree(node.data)).toEqual(before);
    await cluster.restart(node);
  });
});
