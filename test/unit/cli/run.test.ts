import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { VERSION } from "../../../src/base/version.ts";
import { runCommand } from "../../../src/cli/run.ts";
import type { StartNode } from "../../../src/cli/start.ts";
import { RefusedAfterContact } from "../../../src/node/enter-cluster.ts";
import { StartRefused } from "../../../src/node/start-refused.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { onCleanup } from "../transport/loopback.ts";
import { RecordingConsole } from "./recording-console.ts";

const neverStarted: StartNode = async () => {
  throw new Error("the node was started");
};

async function run(typed: string[], startNode = neverStarted) {
  const console = new RecordingConsole();
  const code = await runCommand(typed, console, startNode);
  return { code, out: console.lines.join("\n"), error: console.errors.join("\n") };
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

/** Takes a port; one that somebody else has is as good. */
async function takenPort(wanted = 0): Promise<number> {
  const server = createTcpServer();
  const isTaken = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(true));
    server.listen(wanted, "127.0.0.1", () => resolve(false));
  });
  if (isTaken) return wanted;
  onCleanup(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const PORTS = ["--sql", "127.0.0.1:0", "--http", "off"];

describe("commands", () => {
  test("the version is that of package.json", async () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    expect(VERSION).toBe(version);
    expect(await run(["--version"])).toEqual({ code: 0, out: `synod ${version}`, error: "" });
  });

  test("nothing typed prints the help and exits 2", async () => {
    const { code, error } = await run([]);
    expect(code).toBe(2);
    for (const name of ["start", "demo", "status", "members", "snapshot"]) {
      expect(error).toContain(`  ${name}`);
    }
  });

  test("help of a command names its flags", async () => {
    for (const typed of [
      ["help", "start"],
      ["start", "--help"],
    ]) {
      const { code, out } = await run(typed);
      expect(code).toBe(0);
      expect(out).toContain("--bootstrap LIST");
    }
  });

  test.each([
    [["strat"], "synod: unknown command strat; did you mean start?"],
    [["start", "--dtaa", "x"], "synod: unknown flag --dtaa; did you mean --data?"],
    [["start", "now"], "synod: start takes no now"],
    [["members"], "synod: members takes list, add ID, remove ID or promote ID"],
    [["members", "remove"], "synod: members remove needs the ID of a node"],
    [["help", "strat"], "did you mean start?"],
  ])("%j is one line with a hint and exits 2", async (typed, line) => {
    const { code, error } = await run(typed);
    expect(code).toBe(2);
    expect(error).toContain(line);
    expect(error).not.toContain("\n");
  });

  test("a node that is not there: one line and exit 1", async () => {
    for (const typed of [["status"], ["members", "list"], ["snapshot"]]) {
      const bad = await run([...typed, "--http", "localhost:80x"]);
      expect([bad.code, bad.error]).toEqual([1, expect.stringContaining("is host:port")]);
      const absent = await run([...typed, "--http", "127.0.0.1:1"]);
      expect(absent.code).toBe(1);
      expect(absent.error).toContain("no node answers at 127.0.0.1:1");
    }
  });
});

describe("synod start, refused", () => {
  test("no --data, a bad flag value, a taken port: exit 1 and nothing on disk", async () => {
    const root = temporaryDirectory();
    const data = join(root, "n1");
    const taken = `127.0.0.1:${await takenPort()}`;
    const join1 = ["--id", "n1", "--join", "127.0.0.1:7001"];
    const cases: [string[], string][] = [
      [join1, "--data DIR"],
      [["--data", data, ...join1, "--peer", "here"], "an address is host:port"],
      [["--data", data, ...join1, "--peer", taken, ...PORTS], `port ${taken} is taken`],
      [["--data", data, "--id", "n1"], "give --bootstrap"],
    ];
    for (const [flags, reason] of cases) {
      const { code, error } = await run(["start", ...flags]);
      expect([code, error]).toEqual([1, expect.stringContaining(reason)]);
      expect(error).not.toContain("\n");
      expect(readdirSync(root)).toEqual([]);
    }
  });

  test("refused by the cluster: the directory that was made goes away", async () => {
    const data = join(temporaryDirectory(), "n1");
    const refused = await start(data, new StartRefused("n1 is in use"));
    expect([refused.code, refused.error]).toEqual([1, "synod: n1 is in use"]);
    expect(existsSync(data)).toBe(false);
  });

  test("refused after others may know the incarnation: the directory stays", async () => {
    const data = join(temporaryDirectory(), "n1");
    const refused = await start(data, new RefusedAfterContact("n1 is in use"));
    expect(refused.code).toBe(1);
    expect(readdirSync(data)).not.toEqual([]);
  });

  async function start(data: string, error: Error) {
    const peer = `127.0.0.1:${await freePort()}`;
    const flags = ["--data", data, "--id", "n1", "--join", "127.0.0.1:7001", "--peer", peer];
    return run(["start", ...flags, "--log-level", "error", ...PORTS], async (config) => {
      const { addresses, directory, origin } = config;
      if (origin === null) throw new Error("no origin");
      await directory.store({ kind: "candidate", name: "n1", incarnation: "i", addresses, origin });
      throw error;
    });
  }
});

describe("synod demo, refused", () => {
  test("a taken port: one line that says how to move all ports, nothing is started or made", async () => {
    const data = join(temporaryDirectory(), "demo");
    const port = await takenPort();
    const { code, error } = await run(["demo", "--data", data, "--base-port", String(port)]);
    expect(code).toBe(1);
    expect(error).toContain(`port 127.0.0.1:${port} is taken by another process`);
    expect(error).toContain("npm start -- --base-port 15432");
    expect(existsSync(data)).toBe(false);
  });

  test("a taken port of the example: another example", async () => {
    const port = await takenPort(15432);
    const data = join(temporaryDirectory(), "demo");
    const { error } = await run(["demo", "--data", data, "--base-port", String(port)]);
    expect(error).toContain("npm start -- --base-port 25432");
  });

  test("another number of nodes than the directory holds is refused", async () => {
    const data = temporaryDirectory();
    for (const name of ["n1", "n2", "n3"]) mkdirSync(join(data, name));
    const { code, error } = await run(["demo", "--data", data, "--nodes", "5"]);
    expect([code, error]).toEqual([1, expect.stringContaining("holds a cluster of 3 nodes")]);
  });
});

describe("members", () => {
  test("a refusal of the node is passed on with exit 1, what was done with exit 0", async () => {
    const server = createServer((request, response) => {
      const ok = request.url === "/admin/snapshot";
      response.writeHead(ok ? 200 : 409, { "content-type": "application/json" });
      response.end(JSON.stringify({ ok, message: ok ? "snapshot at slot 7" : "n9 is no member" }));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    onCleanup(() => void server.close());
    const http = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await run(["members", "remove", "n9", "--http", http])).toEqual({
      code: 1,
      out: "",
      error: "synod: n9 is no member",
    });
    expect(await run(["snapshot", "--http", http])).toMatchObject({
      code: 0,
      out: "snapshot at slot 7",
    });
  });
});
