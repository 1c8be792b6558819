import type { Random } from "../../../src/base/random.ts";
import { HOST, type NodePlace } from "../../support/cluster/cluster-node.ts";
import { freePorts } from "../../support/cluster/ports.ts";
import type { ChaosNetwork } from "./chaos-network.ts";
import { PeerProxy } from "./proxy.ts";

/** All nodes on the loopback interface, with the proxy between them. */
export class ProxiedNetwork implements ChaosNetwork {
  readonly kind = "proxy";
  readonly #proxy: PeerProxy;

  private constructor(proxy: PeerProxy) {
    this.#proxy = proxy;
  }

  static async open(random: Random): Promise<ProxiedNetwork> {
    return new ProxiedNetwork(await PeerProxy.listen(random));
  }

  get fine(): PeerProxy {
    return this.#proxy;
  }

  async place(name: string): Promise<NodePlace> {
    const [sql = 0, peer = 0, http = 0] = await freePorts(3);
    const env = this.#proxy.environment(name, `${HOST}:${peer}`);
    return { host: HOST, ports: { sql, peer, http }, wrapper: [], env };
  }

  block(from: string, to: string): Promise<void> {
    this.#proxy.rules(from, to).blocked = true;
    return Promise.resolve();
  }

  unblock(from: string, to: string): Promise<void> {
    this.#proxy.rules(from, to).blocked = false;
    this.#proxy.apply();
    return Promise.resolve();
  }

  heal(): Promise<void> {
    this.#proxy.heal();
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.#proxy.close();
  }
}
