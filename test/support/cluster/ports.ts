/**
 * Ports that nobody else takes: blocks below the range from which the system hands out ports to
 * outgoing connections, so that a node that is down finds its port free when it comes back.
 */
import { createServer, type Server } from "node:net";

const FIRST = 20_000;
const BLOCK_PORTS = 100;
const BLOCKS = 120;

interface Block {
  readonly first: number;
  used: number;
  /** Kept open as long as this process lives: two test runs never share a block. */
  readonly claim: Server;
}

let block: Block | null = null;

/** `count` ports on 127.0.0.1 on which nothing listens, never given before in this process. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    block ??= await claimBlock();
    const port = block.first + block.used;
    block.used += 1;
    if (block.used === BLOCK_PORTS) block = null;
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

async function claimBlock(): Promise<Block> {
  const start = process.pid % BLOCKS;
  for (let at = 0; at < BLOCKS; at += 1) {
    const first = FIRST + ((start + at) % BLOCKS) * BLOCK_PORTS;
    const claim = await listening(`\0synod-test-ports-${first}`);
    if (claim !== null) return { first, used: 0, claim: claim.unref() };
  }
  throw new Error("every block of ports is taken by a running test");
}

async function isFree(port: number): Promise<boolean> {
  const server = await listening(port);
  if (server === null) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}

/** Null if the address is taken. */
function listening(address: string | number): Promise<Server | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(null));
    server.once("listening", () => resolve(server));
    if (typeof address === "string") server.listen(address);
    else server.listen(address, "127.0.0.1");
  });
}
