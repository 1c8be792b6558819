import { type AddressInfo, createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { DemoCluster } from "../../../../src/cli/demo/demo-cluster.ts";
import type { PlannedNode } from "../../../../src/cli/demo/demo-plan.ts";
import { NodeProcess } from "../../../../src/cli/demo/node-process.ts";
import { onCleanup, until } from "../../transport/loopback.ts";
import { RecordingConsole } from "../recording-console.ts";
import { FAKE_NODE } from "./fake-node.ts";

const program = [process.execPath, "-e", FAKE_NODE, "--"];

afterEach(() => {
  delete process.env["FAKE_NODE"];
});

async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return `127.0.0.1:${port}`;
}

async function planned(count: number): Promise<PlannedNode[]> {
  const nodes: PlannedNode[] = [];
  for (let at = 1; at <= count; at += 1) {
    const http = await freeAddress();
    const name = `n${at}`;
    const startArguments = [`--http=${http}`];
    nodes.push({ name, data: `/d/${name}`, sql: "a:1", peer: "a:2", http, startArguments });
  }
  return nodes;
}

async function startDemo(restarts = false) {
  const console = new RecordingConsole();
  const demo = new DemoCluster(await planned(2), { program, restarts }, console);
  const code = demo.run();
  onCleanup(async () => {
    demo.stop();
    demo.stop();
    await code;
  });
  return { console, demo, code, has: (text: string) => console.lines.join("\n").includes(text) };
}

function processIdOf(console: RecordingConsole, name: string): number {
  const line = console.lines.find((text) => text.includes(`# ${name}; again`));
  return Number(/kill -9 (\d+)/.exec(line ?? "")?.[1]);
}

describe("demo cluster", () => {
  test("comes up with progress, says how to connect, stops on demand with exit 0", async () => {
    const { console, demo, code, has } = await startDemo();
    await until(() => has("The cluster is ready"));
    expect(has("waiting for n1, n2")).toBe(true);
    expect(has("n2| up")).toBe(true);
    demo.stop();
    expect(await code).toBe(0);
    expect(has("n1| stopping")).toBe(true);
    expect(console.lines.at(-1)).toBe("all nodes are stopped; the data stays");
  });

  test("a node that is killed is reported with the command that starts it again", async () => {
    const { console, has } = await startDemo();
    await until(() => has("The cluster is ready"));
    process.kill(processIdOf(console, "n2"), "SIGKILL");
    await until(() => has("n2 was killed by SIGKILL; start it again"));
    expect(console.lines.at(-1)).toContain("start --data /d/n2");
  });

  test("with restarts, a node that is killed comes back", async () => {
    const { console, has } = await startDemo(true);
    await until(() => has("The cluster is ready"));
    process.kill(processIdOf(console, "n1"), "SIGKILL");
    await until(() => console.lines.filter((line) => line === "n1| up").length === 2);
    expect(has("n1 was killed by SIGKILL; starting it again")).toBe(true);
  });

  test("a node that is refused stops the demo with exit 1", async () => {
    process.env["FAKE_NODE"] = "refused";
    const { console, code, has } = await startDemo();
    expect(await code).toBe(1);
    expect(has("| synod: refused")).toBe(true);
    expect(console.errors[0]).toMatch(/n\d ended with code 1 before the cluster was ready/);
  });

  test("a node that ignores SIGTERM is killed by the second stop", async () => {
    process.env["FAKE_NODE"] = "stubborn";
    const { demo, code, has } = await startDemo();
    await until(() => has("The cluster is ready"));
    demo.stop();
    await until(() => has("n1| ignored") && has("n2| ignored"));
    demo.stop();
    expect(await code).toBe(0);
  });
});

describe("node process", () => {
  test("one that ignores SIGTERM is killed after the deadline", async () => {
    process.env["FAKE_NODE"] = "stubborn";
    const lines: string[] = [];
    const http = await freeAddress();
    const node = new NodeProcess([...program, `--http=${http}`], (line) => lines.push(line));
    await until(() => lines.includes("up"));
    await node.stop(100);
    expect(await node.ended).toEqual({ code: null, signal: "SIGKILL" });
  });

  test("a program that does not exist ends at once with a line", async () => {
    const lines: string[] = [];
    const node = new NodeProcess(["/no/such/program"], (line) => lines.push(line));
    expect(await node.ended).toEqual({ code: null, signal: null });
    expect(lines[0]).toContain("ENOENT");
  });
});
