import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { pino } from "pino";
import { afterEach } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { SeededRandom } from "../../../src/base/random.ts";
import { type NodeId, nodeId } from "../../../src/paxos/types.ts";
import type { LinkSettings } from "../../../src/transport/peer-link.ts";
import { PeerListener } from "../../../src/transport/peer-listener.ts";
import type { PeerMessage } from "../../../src/transport/peer-messages.ts";
import { TcpTransport } from "../../../src/transport/tcp-transport.ts";
import type { Peer } from "../../../src/transport/transport.ts";

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

export function onCleanup(action: () => Promise<void> | void): void {
  cleanups.push(action);
}

/** One member on a free port, with what it received and logged. */
export interface TestNode {
  readonly transport: TcpTransport;
  readonly listener: PeerListener;
  readonly peer: Peer;
  readonly received: { from: NodeId; message: PeerMessage }[];
  readonly logged: string[];
}

interface TestNodeOptions extends Partial<Pick<LinkSettings, "queueBytesMax" | "queueFramesMax">> {
  readonly clusterId?: string;
  readonly incarnation?: string;
  readonly port?: number;
}

export async function startTestNode(id: number, options: TestNodeOptions = {}): Promise<TestNode> {
  const logged: string[] = [];
  const log = pino({ level: "debug" }, { write: (line) => void logged.push(line) });
  const name = `n${id}`;
  const { clusterId = "c", incarnation = `i${id}`, port = 0, ...bounds } = options;
  const listener = await PeerListener.open(
    { host: "127.0.0.1", port },
    { clock: systemClock, log, softwareVersion: "test" },
  );
  const local = { clusterId, id: nodeId(id), name, incarnation, softwareVersion: "test" };
  const random = new SeededRandom(id);
  const transport = new TcpTransport(listener, {
    local,
    clock: systemClock,
    random,
    log,
    ...bounds,
  });
  const received: TestNode["received"] = [];
  transport.onMessage((from, message) => received.push({ from, message }));
  onCleanup(() => transport.close());
  const peer = { id: nodeId(id), name, incarnation, address: listener.address };
  return { transport, listener, peer, received, logged };
}

/** Nodes that all know each other and are connected. */
export async function startTestCluster(count: number): Promise<TestNode[]> {
  const nodes: TestNode[] = [];
  for (let id = 1; id <= count; id += 1) nodes.push(await startTestNode(id));
  for (const node of nodes) node.transport.setPeers(nodes.map((other) => other.peer));
  await until(() =>
    nodes.every((node) => node.transport.peers().every((state) => state.connected)),
  );
  return nodes;
}

export async function until(condition: () => boolean, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("waited too long");
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}

/** A bare TCP server: a peer that misbehaves as the test says. */
export async function startRawServer(onSocket: (socket: Socket) => void): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => undefined);
    onCleanup(() => void socket.destroy());
    onSocket(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onCleanup(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A bare TCP client; resolves with everything the other side sent once it has ended the connection. */
export function sendRaw(address: string, bytes: Uint8Array): Promise<Uint8Array> {
  const [host = "", port = ""] = address.split(":");
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    const socket = connect({ host, port: Number(port) }, () => socket.write(bytes));
    onCleanup(() => void socket.destroy());
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(Buffer.concat(chunks)));
  });
}

/** A relay between a node and its peer whose connections the test can cut. */
export async function startRelay(target: string): Promise<{ address: string; cut: () => void }> {
  const [host = "", port = ""] = target.split(":");
  const sockets = new Set<Socket>();
  const address = await startRawServer((near) => {
    const far = connect({ host, port: Number(port) });
    far.on("error", () => near.destroy());
    onCleanup(() => void far.destroy());
    near.pipe(far).pipe(near);
    sockets.add(near).add(far);
  });
  return {
    address,
    cut: () => {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
  };
}
