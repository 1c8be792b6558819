/**
 * A network namespace a node, joined by a bridge: what is lost is lost by the kernel, and the nodes
 * run without anything in between.
 *
 *   namespace of n1: eth0 10.213.X.1 ── veth ──┐
 *   namespace of n2: eth0 10.213.X.2 ── veth ──┼── bridge 10.213.X.254, where the clients are
 *
 * A classic BPF program at the bridge's end of a node's cable drops what goes from it to another.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { NodePlace } from "../../support/cluster/cluster-node.ts";
import type { ChaosNetwork } from "./chaos-network.ts";

const exec = promisify(execFile);
const PORTS = { sql: 5432, peer: 7001, http: 8001 };
/** Filters of a cable are told apart by their preference: this and the number of the other node. */
const PREFERENCE = 100;
const NUMBERS_MAX = 250;

export class NamespacesNetwork implements ChaosNetwork {
  readonly kind = "namespaces";
  readonly fine = null;
  readonly #tag: string;
  readonly #subnet: string;
  readonly #names: string[] = [];
  readonly #blocked = new Set<string>();

  private constructor() {
    this.#tag = (process.pid % 46_656).toString(36);
    this.#subnet = `10.213.${process.pid % 200}`;
  }

  static async open(): Promise<NamespacesNetwork> {
    const network = new NamespacesNetwork();
    await ip("link", "add", network.#bridge, "type", "bridge");
    await ip("addr", "add", `${network.#subnet}.254/24`, "dev", network.#bridge);
    await ip("link", "set", network.#bridge, "up");
    return network;
  }

  async place(name: string): Promise<NodePlace> {
    this.#names.push(name);
    const number = this.#numberOf(name);
    if (number > NUMBERS_MAX) throw new Error("no address is left for another node");
    const host = `${this.#subnet}.${number}`;
    const space = this.#space(name);
    const cable = this.#cable(name);
    await ip("netns", "add", space);
    await ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space);
    await ip("link", "set", cable, "master", this.#bridge, "up");
    await ip("-n", space, "addr", "add", `${host}/24`, "dev", "eth0");
    await ip("-n", space, "link", "set", "eth0", "up");
    await ip("-n", space, "link", "set", "lo", "up");
    await tc("qdisc", "add", "dev", cable, "clsact");
    const wrapper = ["ip", "netns", "exec", space];
    return { host, ports: PORTS, httpHost: "0.0.0.0", wrapper, env: {} };
  }

  async block(from: string, to: string): Promise<void> {
    const key = `${from} ${to}`;
    if (this.#blocked.has(key)) return;
    this.#blocked.add(key);
    const program = dropsTo(`${this.#subnet}.${this.#numberOf(to)}`);
    await tc("filter", "add", ...this.#filter(from, to), "bpf", "da", "bytecode", program);
  }

  async unblock(from: string, to: string): Promise<void> {
    if (this.#blocked.delete(`${from} ${to}`)) {
      await tc("filter", "del", ...this.#filter(from, to));
    }
  }

  async heal(): Promise<void> {
    for (const key of this.#blocked) {
      const [from = "", to = ""] = key.split(" ");
      await this.unblock(from, to);
    }
  }

  async close(): Promise<void> {
    for (const name of this.#names) {
      // A namespace goes when its last connection has timed out; its cable must not stay so long.
      await ip("link", "del", this.#cable(name));
      await ip("netns", "del", this.#space(name));
    }
    await ip("link", "del", this.#bridge);
  }

  get #bridge(): string {
    return `sb${this.#tag}`;
  }

  #space(name: string): string {
    return `synod-${this.#tag}-${name}`;
  }

  #cable(name: string): string {
    return `sv${this.#tag}-${this.#numberOf(name)}`;
  }

  #numberOf(name: string): number {
    return this.#names.indexOf(name) + 1;
  }

  #filter(from: string, to: string): readonly string[] {
    const preference = String(PREFERENCE + this.#numberOf(to));
    return ["dev", this.#cable(from), "ingress", "pref", preference];
  }
}

async function ip(...args: readonly string[]): Promise<void> {
  await exec("ip", args);
}

async function tc(...args: readonly string[]): Promise<void> {
  await exec("tc", args);
}

/**
 * Classic BPF, its instructions as "code jump-if-true jump-if-false value":
 *
 *   load the type of the frame; not IPv4: go on
 *   load the destination; not `address`: go on
 *   drop (2, TC_ACT_SHOT)
 *   go on (-1, TC_ACT_UNSPEC)
 */
function dropsTo(address: string): string {
  const value = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const program = [
    "40 0 0 12",
    "21 0 3 2048",
    "32 0 0 30",
    `21 0 1 ${value}`,
    "6 0 0 2",
    "6 0 0 4294967295",
  ];
  return `${program.length},${program.join(",")}`;
}
