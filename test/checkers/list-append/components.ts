import type { Graph } from "./graph.ts";

/**
 * Strongly connected components of more than one node, over the edges whose kind is in the mask
 * (Tarjan's algorithm, without recursion): exactly the nodes that lie on cycles. No edge of ours leads
 * from a node to itself.
 */
export function cyclicComponents(graph: Graph, mask: number): number[][] {
  return new Tarjan(graph, mask).run();
}

class Tarjan {
  readonly #graph: Graph;
  readonly #mask: number;
  /** From 1, in the order of discovery; 0: not seen. */
  readonly #number: Int32Array;
  /** The least number that is reached from the node and still on the stack. */
  readonly #low: Int32Array;
  readonly #onStack: Uint8Array;
  /** The next edge to follow, for the nodes on the path. */
  readonly #position: Int32Array;
  readonly #stack: number[] = [];
  readonly #path: number[] = [];
  readonly #components: number[][] = [];
  #count = 0;

  constructor(graph: Graph, mask: number) {
    this.#graph = graph;
    this.#mask = mask;
    this.#number = new Int32Array(graph.nodeCount);
    this.#low = new Int32Array(graph.nodeCount);
    this.#onStack = new Uint8Array(graph.nodeCount);
    this.#position = new Int32Array(graph.nodeCount);
  }

  run(): number[][] {
    for (let root = 0; root < this.#graph.nodeCount; root += 1) {
      if (this.#number[root] === 0) this.#enter(root);
      for (let node = this.#path.at(-1); node !== undefined; node = this.#path.at(-1)) {
        const position = this.#position[node] ?? 0;
        if (position < this.#graph.firstOut(node + 1)) {
          this.#position[node] = position + 1;
          this.#follow(node, this.#graph.edgeAt(position));
        } else {
          this.#path.pop();
          this.#leave(node);
        }
      }
    }
    return this.#components;
  }

  #enter(node: number): void {
    this.#count += 1;
    this.#number[node] = this.#count;
    this.#low[node] = this.#count;
    this.#onStack[node] = 1;
    this.#position[node] = this.#graph.firstOut(node);
    this.#stack.push(node);
    this.#path.push(node);
  }

  #follow(node: number, edge: number): void {
    if ((this.#graph.kind(edge) & this.#mask) === 0) return;
    const to = this.#graph.to(edge);
    const number = this.#number[to] ?? 0;
    if (number === 0) this.#enter(to);
    else if (this.#onStack[to] === 1) this.#lower(node, number);
  }

  #lower(node: number, number: number): void {
    if (number < (this.#low[node] ?? 0)) this.#low[node] = number;
  }

  #leave(node: number): void {
    const low = this.#low[node] ?? 0;
    const parent = this.#path.at(-1);
    if (parent !== undefined) this.#lower(parent, low);
    if (low !== this.#number[node]) return;
    const component = this.#stack.splice(this.#stack.lastIndexOf(node));
    for (const member of component) this.#onStack[member] = 0;
    if (component.length > 1) this.#components.push(component);
  }
}
