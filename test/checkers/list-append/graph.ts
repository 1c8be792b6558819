/** A directed graph in flat arrays: millions of edges, each with a kind and a label. */

/** Bits, so that a set of kinds is a mask. */
export const EDGE = {
  /** Appended right before. */
  ww: 1,
  /** Appended what the other read last. */
  wr: 2,
  /** Read the list that the other appended to next. */
  rw: 4,
  /** Done before by the same process. */
  process: 8,
  /** Completed before the other was invoked. */
  realtime: 16,
  /** From a node that only stands between others: it means nothing and changes nothing. */
  through: 32,
} as const;

export class Graph {
  #from = new Int32Array(1024);
  #to = new Int32Array(1024);
  #kind = new Uint8Array(1024);
  #label = new Int32Array(1024);
  #edgeCount = 0;
  #nodeCount: number;
  /** Of node n: #out from #start[n] until #start[n + 1]; built at the first look. */
  #start = new Int32Array(0);
  #out = new Int32Array(0);

  constructor(nodeCount: number) {
    this.#nodeCount = nodeCount;
  }

  get nodeCount(): number {
    return this.#nodeCount;
  }

  get edgeCount(): number {
    return this.#edgeCount;
  }

  addNode(): number {
    this.#nodeCount += 1;
    return this.#nodeCount - 1;
  }

  addEdge(from: number, to: number, kind: number, label: number): void {
    if (this.#edgeCount === this.#from.length) this.#grow();
    const edge = this.#edgeCount;
    this.#from[edge] = from;
    this.#to[edge] = to;
    this.#kind[edge] = kind;
    this.#label[edge] = label;
    this.#edgeCount += 1;
  }

  from(edge: number): number {
    return this.#from[edge] ?? -1;
  }

  to(edge: number): number {
    return this.#to[edge] ?? -1;
  }

  kind(edge: number): number {
    return this.#kind[edge] ?? 0;
  }

  label(edge: number): number {
    return this.#label[edge] ?? -1;
  }

  /** The edges that leave a node are edgeAt(firstOut(node)) until edgeAt(firstOut(node + 1)), exclusive. */
  firstOut(node: number): number {
    if (this.#start.length !== this.#nodeCount + 1 || this.#out.length !== this.#edgeCount) {
      this.#index();
    }
    return this.#start[node] ?? 0;
  }

  edgeAt(position: number): number {
    return this.#out[position] ?? -1;
  }

  #index(): void {
    const start = new Int32Array(this.#nodeCount + 1);
    for (let edge = 0; edge < this.#edgeCount; edge += 1) {
      const after = this.from(edge) + 1;
      start[after] = (start[after] ?? 0) + 1;
    }
    for (let node = 1; node <= this.#nodeCount; node += 1) {
      start[node] = (start[node] ?? 0) + (start[node - 1] ?? 0);
    }
    const free = start.slice();
    const out = new Int32Array(this.#edgeCount);
    for (let edge = 0; edge < this.#edgeCount; edge += 1) {
      const from = this.from(edge);
      const at = free[from] ?? 0;
      out[at] = edge;
      free[from] = at + 1;
    }
    this.#start = start;
    this.#out = out;
  }

  #grow(): void {
    const size = this.#from.length * 2;
    const larger = (old: Int32Array): Int32Array<ArrayBuffer> => {
      const array = new Int32Array(size);
      array.set(old);
      return array;
    };
    this.#from = larger(this.#from);
    this.#to = larger(this.#to);
    this.#label = larger(this.#label);
    const kind = new Uint8Array(size);
    kind.set(this.#kind);
    this.#kind = kind;
  }
}

/** The part of a graph between some of its nodes; labels are edges of the whole. */
export function partOf(whole: Graph, nodes: readonly number[]): Graph {
  const numberOf = new Map(nodes.map((node, at) => [node, at]));
  const part = new Graph(nodes.length);
  for (const [at, node] of nodes.entries()) {
    for (let out = whole.firstOut(node); out < whole.firstOut(node + 1); out += 1) {
      const edge = whole.edgeAt(out);
      const to = numberOf.get(whole.to(edge));
      if (to !== undefined) part.addEdge(at, to, whole.kind(edge), edge);
    }
  }
  return part;
}
