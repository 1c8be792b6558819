import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { nodeId, slot } from "../../../src/paxos/types.ts";
import { encodeFrame, FrameDecoder } from "../../../src/transport/frame.ts";
import {
  decodeHelloAnswer,
  encodeHello,
  encodeHelloAnswer,
  PROTOCOL_VERSION,
} from "../../../src/transport/hello.ts";
import type { PeerMessage } from "../../../src/transport/peer-messages.ts";
import {
  sendRaw,
  startRawServer,
  startRelay,
  startTestCluster,
  startTestNode,
  until,
} from "./loopback.ts";

const fetchFrom = (from: number): PeerMessage => ({ kind: "fetch", from: slot(from) });

function proposal(bytes: number): PeerMessage {
  return { kind: "propose", commands: [new Uint8Array(bytes).fill(5)] };
}

function helloBytes(change: Partial<Parameters<typeof encodeHello>[0]> = {}): Uint8Array {
  const frame = encodeHello({
    protocolVersion: PROTOCOL_VERSION,
    purpose: "peer",
    clusterId: "c",
    nodeId: nodeId(1),
    name: "n1",
    incarnation: "i1",
    target: nodeId(2),
    softwareVersion: "test",
    ...change,
  });
  return Buffer.concat([...frame.parts]);
}

describe("transport over loopback", () => {
  test("messages arrive in order with their sender, large ones among small ones", async () => {
    const [a, b] = await startTestCluster(2);
    if (a === undefined || b === undefined) throw new Error("no cluster");
    const messages = [fetchFrom(1), proposal(5_000_000), fetchFrom(2), proposal(10), fetchFrom(3)];
    for (const message of messages) a.transport.send(b.peer.id, message);
    await until(() => b.received.length === messages.length);
    expect(b.received.map(({ from }) => from)).toEqual(messages.map(() => a.peer.id));
    const kinds = b.received.map(({ message }) => message.kind);
    expect(kinds).toEqual(messages.map((message) => message.kind));
    const [, large, , small] = b.received.map(({ message }) => message);
    expect(small).toEqual(proposal(10));
    const command = large?.kind === "propose" ? large.commands[0] : undefined;
    expect(command?.length).toBe(5_000_000);
    expect(command?.every((byte) => byte === 5)).toBe(true);
  });

  test("a broadcast reaches those named and nobody else", async () => {
    const [a, b, c, d] = await startTestCluster(4);
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error();
    a.transport.broadcast([b.peer.id, c.peer.id], fetchFrom(7));
    await until(() => b.received.length === 1 && c.received.length === 1);
    expect(d.received).toEqual([]);
    expect(c.received).toEqual([{ from: a.peer.id, message: fetchFrom(7) }]);
  });

  test("a cut connection comes back by itself and carries messages again", async () => {
    const a = await startTestNode(1);
    const b = await startTestNode(2);
    const relay = await startRelay(b.peer.address);
    a.transport.setPeers([{ ...b.peer, address: relay.address }]);
    b.transport.setPeers([a.peer]);
    const connected = () => a.transport.peers()[0]?.connected === true;
    await until(connected);
    relay.cut();
    await until(() => !connected());
    a.transport.send(b.peer.id, fetchFrom(1));
    expect(a.transport.peers()[0]).toMatchObject({ dropped: 1, queuedBytes: 0 });
    await until(connected);
    a.transport.send(b.peer.id, fetchFrom(2));
    await until(() => b.received.length > 0);
    expect(b.received.map(({ message }) => message)).toEqual([fetchFrom(2)]);
  });

  test("a peer that stops reading costs a bounded queue, and the newest messages win", async () => {
    const answer = Buffer.concat([
      ...encodeHelloAnswer({ kind: "accepted", softwareVersion: "t" }).parts,
    ]);
    const address = await startRawServer((socket) => {
      socket.once("data", () => {
        socket.write(answer);
        socket.pause();
      });
    });
    const a = await startTestNode(1, { queueBytesMax: 3_000_000 });
    a.transport.setPeers([{ id: nodeId(2), name: "n2", incarnation: "i2", address }]);
    await until(() => a.transport.peers()[0]?.connected === true);
    for (let round = 0; round < 40; round += 1) {
      a.transport.send(nodeId(2), proposal(1_000_000));
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    const state = a.transport.peers()[0];
    expect(state?.dropped).toBeGreaterThan(10);
    // Our queue, what the socket may hold, and one frame above that.
    expect(state?.queuedBytes).toBeLessThan(3_000_000 + 4 * 1024 * 1024 + 2_000_000);
  });

  test("a member of another cluster is refused with the reason on both sides", async () => {
    const a = await startTestNode(1, { clusterId: "X" });
    const b = await startTestNode(2, { clusterId: "Y" });
    a.transport.setPeers([b.peer]);
    b.transport.setPeers([a.peer]);
    const reason = "node n1 belongs to cluster X, this is cluster Y";
    await until(() => a.transport.peers()[0]?.refusal?.includes(reason) === true);
    expect(a.logged.some((line) => line.includes(reason))).toBe(true);
    expect(b.logged.some((line) => line.includes(reason))).toBe(true);
    expect(a.transport.peers()[0]?.connected).toBe(false);
  });

  test("a node that came back without its past is refused and told what to do", async () => {
    const b = await startTestNode(2);
    const known = await startTestNode(1);
    b.transport.setPeers([known.peer]);
    const wiped = await startTestNode(1, { incarnation: "new" });
    wiped.transport.setPeers([b.peer]);
    await until(() => wiped.transport.peers()[0]?.refusal !== null);
    expect(wiped.transport.peers()[0]?.refusal).toContain("`synod members remove n1`");
  });

  test("a member that is removed loses its connection and is refused from then on", async () => {
    const [a, b] = await startTestCluster(2);
    if (a === undefined || b === undefined) throw new Error("no cluster");
    b.transport.setPeers([]);
    await until(() => a.transport.peers()[0]?.refusal !== null);
    expect(a.transport.peers()[0]?.refusal).toContain("is not a member of cluster c");
    expect(b.transport.peers()).toEqual([]);
  });

  test("a member whose address changes is dialed at the new one", async () => {
    const [a, b] = await startTestCluster(2);
    if (a === undefined || b === undefined) throw new Error("no cluster");
    const relay = await startRelay(b.peer.address);
    a.transport.setPeers([{ ...b.peer, address: relay.address }]);
    await until(() => a.transport.peers()[0]?.connected === true);
    a.transport.send(b.peer.id, fetchFrom(9));
    await until(() => b.received.length === 1);
    relay.cut();
    await until(() => a.transport.peers()[0]?.connected === false);
  });
});

describe("peer port under bad input", () => {
  const cases: [string, () => Uint8Array][] = [
    ["text", () => new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["a length of 4 GB", () => new Uint8Array(64).fill(0xff)],
    [
      "a hello with a wrong checksum",
      () => helloBytes().map((byte, at) => (at === 20 ? 99 : byte)),
    ],
    [
      "a message before the hello",
      () => Buffer.concat([...encodeFrame(29, [new Uint8Array(8)]).parts]),
    ],
    ["garbage after the hello", () => Buffer.concat([helloBytes(), new Uint8Array(64).fill(0xff)])],
    [
      "an unknown message after the hello",
      () => Buffer.concat([helloBytes(), ...encodeFrame(200, []).parts]),
    ],
  ];

  test.each(cases)("%s ends that connection; the members go on", async (_name, bytes) => {
    const [a, b] = await startTestCluster(2);
    if (a === undefined || b === undefined) throw new Error("no cluster");
    await sendRaw(b.peer.address, bytes());
    expect(b.logged.some((line) => line.includes("garbage"))).toBe(true);
    a.transport.send(b.peer.id, fetchFrom(1));
    b.transport.send(a.peer.id, fetchFrom(2));
    await until(() => a.received.length === 1);
  });

  test("a hello of another protocol version is refused by name", async () => {
    const b = await startTestNode(2);
    const answer = await sendRaw(b.peer.address, helloBytes({ protocolVersion: 77 }));
    const [frame] = [...new FrameDecoder(10_000).push(answer)];
    if (frame === undefined) throw new Error("no answer");
    expect(decodeHelloAnswer(frame)).toMatchObject({
      code: "protocolVersion",
      reason: expect.stringContaining("77 and 1"),
    });
  });

  test("a hello that arrives byte by byte is understood", async () => {
    const a = await startTestNode(1);
    const b = await startTestNode(2);
    b.transport.setPeers([a.peer]);
    const bytes = Buffer.concat([helloBytes(), ...encodeFrame(29, [new Uint8Array(8)]).parts]);
    const [host, port] = b.peer.address.split(":");
    const socket = connect({ host: host ?? "", port: Number(port), noDelay: true });
    for (const byte of bytes) {
      socket.write(new Uint8Array([byte]));
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    await until(() => b.received.length === 1);
    expect(b.received[0]?.message).toEqual(fetchFrom(0));
    socket.destroy();
  });

  test("more connections than may wait for a handshake: the surplus is cut, members get in", async () => {
    const b = await startTestNode(2);
    const [host, port] = b.peer.address.split(":");
    let cut = 0;
    const sockets = Array.from({ length: 80 }, () => {
      const socket = connect({ host: host ?? "", port: Number(port) });
      socket.on("error", () => undefined);
      socket.on("close", () => {
        cut += 1;
      });
      return socket;
    });
    await until(() => cut === 16);
    for (const socket of sockets) socket.destroy();
    const a = await startTestNode(1);
    b.transport.setPeers([a.peer]);
    a.transport.setPeers([b.peer]);
    await until(() => a.transport.peers()[0]?.connected === true);
  });
});
