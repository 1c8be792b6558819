/** Three Synod nodes on this machine, each a process of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startServer, stopServer, until } from "./child.ts";
import { freePorts } from "./ports.ts";
import type { Contender, Target } from "./target.ts";

const NODES = 3;
const MAIN = join(dirname(fileURLToPath(import.meta.url)), "../src/main.js");

export async function startSynod(): Promise<Contender> {
  const root = mkdtempSync(join(tmpdir(), "synod-bench-"));
  const ports = await freePorts(NODES * 3);
  const port = (node: number, kind: number): number => ports[node * 3 + kind] ?? 0;
  const names = Array.from({ length: NODES }, (_, node) => `n${node + 1}`);
  const bootstrap = names.map((name, node) => `${name}@127.0.0.1:${port(node, 0)}`).join();
  const children = names.map((name, node) =>
    startServer(process.execPath, [
      MAIN,
      "start",
      `--id=${name}`,
      `--data=${join(root, name)}`,
      `--bootstrap=${bootstrap}`,
      `--peer=127.0.0.1:${port(node, 0)}`,
      `--sql=127.0.0.1:${port(node, 1)}`,
      `--http=127.0.0.1:${port(node, 2)}`,
      "--log-level=warn",
    ]),
  );
  const leader = await until("the start of Synod", async () => {
    for (const node of names.keys()) {
      const ready = await fetch(`http://127.0.0.1:${port(node, 2)}/readyz`);
      if (!ready.ok) return null;
    }
    const status: unknown = await (await fetch(`http://127.0.0.1:${port(0, 2)}/status`)).json();
    return leaderOf(status);
  });
  const target = (name: string, node: number): Target => ({
    name,
    host: "127.0.0.1",
    port: port(node, 1),
    user: "synod",
    database: "synod",
  });
  const leading = names.indexOf(leader);
  return {
    nodes: names.map((name, node) => target(name, node)),
    targets: [
      target("Synod, through the leader", leading),
      target("Synod, through a follower", (leading + 1) % NODES),
    ],
    async stop() {
      for (const child of children) await stopServer(child);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function leaderOf(status: unknown): string | null {
  if (typeof status !== "object" || status === null || !("leader" in status)) return null;
  const { leader } = status;
  if (typeof leader !== "object" || leader === null || !("id" in leader)) return null;
  return typeof leader.id === "string" ? leader.id : null;
}
