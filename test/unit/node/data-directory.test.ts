import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { systemFiles } from "../../../src/base/files.ts";
import { DataDirectory } from "../../../src/node/data-directory.ts";
import type { Candidate, MemberIdentity } from "../../../src/node/identity.ts";
import { nodeId } from "../../../src/paxos/types.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const candidate: Candidate = {
  kind: "candidate",
  name: "n1",
  incarnation: "i1",
  addresses: { sql: "127.0.0.1:5432", peer: "127.0.0.1:7001", http: null },
  origin: { kind: "join", seeds: ["127.0.0.1:7002"] },
};
const member: MemberIdentity = {
  ...candidate,
  kind: "member",
  clusterId: "c",
  nodeId: nodeId(4),
  window: 64,
  membership: new Uint8Array([1, 2, 3]),
};

describe("data directory", () => {
  test("a new one is made for its owner alone and remembers the identity", async () => {
    const path = join(temporaryDirectory(), "n1");
    const directory = await DataDirectory.open(systemFiles, path);
    expect(directory.current).toBeNull();
    await directory.store(candidate);
    await directory.store(member);
    await directory.close();
    expect(statSync(path).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(path)) {
      expect(statSync(join(path, name)).mode & 0o077).toBe(0);
    }
    const again = await DataDirectory.open(systemFiles, path);
    expect(again.current).toMatchObject({ kind: "member", nodeId: 4, clusterId: "c" });
    await again.close();
  });

  test("an existing directory is closed to others once it is used", async () => {
    const path = join(temporaryDirectory(), "open");
    mkdirSync(path, { mode: 0o755 });
    const directory = await DataDirectory.open(systemFiles, path);
    await directory.store(candidate);
    await directory.close();
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  test("a missing parent is refused and nothing is made", async () => {
    const root = temporaryDirectory();
    const opening = DataDirectory.open(systemFiles, join(root, "typo", "n1"));
    await expect(opening).rejects.toThrow(`${join(root, "typo")} does not exist; make it first`);
    expect(readdirSync(root)).toEqual([]);
  });

  test("a file in its place is refused", async () => {
    const path = join(temporaryDirectory(), "n1");
    writeFileSync(path, "");
    await expect(DataDirectory.open(systemFiles, path)).rejects.toThrow("is not a directory");
  });

  test("a place where nothing can be made is refused", async () => {
    await expect(DataDirectory.open(systemFiles, "/proc/n1")).rejects.toThrow(
      "cannot write to /proc/n1",
    );
  });

  test("somebody else's files without an identity are refused", async () => {
    const path = temporaryDirectory();
    writeFileSync(join(path, "holiday.jpg"), "");
    await expect(DataDirectory.open(systemFiles, path)).rejects.toThrow("holds no Synod node");
  });

  test("a second use is refused with the holder's process id until the first is closed", async () => {
    const path = temporaryDirectory();
    const first = await DataDirectory.open(systemFiles, path);
    await expect(DataDirectory.open(systemFiles, path)).rejects.toThrow(`pid ${process.pid}`);
    await first.close();
    const second = await DataDirectory.open(systemFiles, path);
    await second.close();
  });

  test("the lock of a process that was killed with SIGKILL is free at once", async () => {
    const path = temporaryDirectory();
    const script = `
      const net = require("node:net"); const fs = require("node:fs");
      const { dev, ino } = fs.statSync(process.argv[1], { bigint: true });
      const name = process.platform === "linux"
        ? "\\0synod-data-directory-" + dev + "-" + ino : process.argv[1] + "/lock";
      net.createServer((s) => s.end(String(process.pid))).listen(name, () => console.log("locked"));`;
    const holder = spawn(process.execPath, ["-e", script, path]);
    await new Promise((resolve) => {
      holder.stdout.once("data", resolve);
    });
    await expect(DataDirectory.open(systemFiles, path)).rejects.toThrow(`pid ${holder.pid}`);
    holder.kill("SIGKILL");
    await new Promise((resolve) => {
      holder.once("close", resolve);
    });
    const directory = await DataDirectory.open(systemFiles, path);
    await directory.close();
  });

  test("both copies of the identity damaged: refused with the way out", async () => {
    const path = temporaryDirectory();
    const directory = await DataDirectory.open(systemFiles, path);
    await directory.store(candidate);
    await directory.close();
    for (const name of readdirSync(path)) writeFileSync(join(path, name), "damaged");
    await expect(DataDirectory.open(systemFiles, path)).rejects.toThrow(
      "start it again with an empty --data and --join",
    );
  });

  test("a refused start leaves no trace of a directory that it made", async () => {
    const root = temporaryDirectory();
    const directory = await DataDirectory.open(systemFiles, join(root, "n1"));
    await directory.store(candidate);
    await directory.abandon();
    expect(readdirSync(root)).toEqual([]);
  });

  test("a refused start empties a directory that was empty, and keeps one that had an identity", async () => {
    const path = temporaryDirectory();
    const fresh = await DataDirectory.open(systemFiles, path);
    await fresh.store(candidate);
    await fresh.abandon();
    expect(readdirSync(path)).toEqual([]);
    const used = await DataDirectory.open(systemFiles, path);
    await used.store(candidate);
    await used.close();
    const again = await DataDirectory.open(systemFiles, path);
    await again.abandon();
    expect(readdirSync(path)).not.toEqual([]);
  });
});
