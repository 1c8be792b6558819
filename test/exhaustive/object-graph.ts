/**
 * Copies and texts of object graphs: what makes a replica a state that can be stored, compared and
 * stepped from twice.
 *
 * - Instances of classes, maps, sets, and arrays that an instance holds are copied.
 * - Plain objects are copied if they hold a map or a set directly; all others are values that
 *   nobody changes, and are shared. They are frozen, so that whoever changes one fails at once.
 *
 * Two graphs have the same text exactly if they are equal but for the order of maps and sets. The
 * order is kept where the caller says that it counts. Node numbers may be exchanged on the way.
 */

/** From the number of a node to the number it is to have. */
export type Renaming = ReadonlyMap<number, number>;

export interface GraphOptions {
  /** Stand for themselves: neither copied nor looked into. */
  readonly opaque: ReadonlyMap<object, string>;
  /** "Class.field" that no step in the world at hand reads: left out of texts. */
  readonly ignored: ReadonlySet<string>;
  /** "Class.field" of a map whose order counts. */
  readonly ordered: ReadonlySet<string>;
  /** Names of array fields whose order does not count. */
  readonly unordered: ReadonlySet<string>;
}

/** Copies `root` and all that may change in it. */
export function copyGraph<Root extends object>(root: Root, options: GraphOptions): Root {
  const copies = new Map<object, object>();
  const copy = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null || options.opaque.has(value)) return value;
    const known = copies.get(value);
    if (known !== undefined) return known;
    if (value instanceof Map) {
      const made = new Map<unknown, unknown>();
      copies.set(value, made);
      for (const [key, held] of value) made.set(key, copy(held));
      return made;
    }
    if (value instanceof Set) {
      const made = new Set<unknown>(value);
      copies.set(value, made);
      return made;
    }
    if (isInstance(value)) return copyInstance(value);
    if (isShared(value)) return value;
    const made: Record<string, unknown> = {};
    copies.set(value, made);
    for (const [name, held] of Object.entries(value)) made[name] = copy(held);
    return made;
  };
  const copyInstance = (value: object): object => {
    const made = Object.create(Object.getPrototypeOf(value)) as Record<string, unknown>;
    copies.set(value, made);
    for (const [name, held] of Object.entries(value)) {
      made[name] = Array.isArray(held) ? [...(held as unknown[])] : copy(held);
    }
    return made;
  };
  return copy(root) as Root;
}

function isInstance(value: object): boolean {
  if (Array.isArray(value) || value instanceof Uint8Array) return false;
  return Object.getPrototypeOf(value) !== Object.prototype;
}

/** Values: nobody changes them. Freezes what it finds to be one. */
function isShared(value: object): boolean {
  if (Object.isFrozen(value) || value instanceof Uint8Array) return true;
  const parts: unknown[] = Object.values(value);
  if (parts.some((part) => part instanceof Map || part instanceof Set)) return false;
  Object.freeze(value);
  for (const part of parts) {
    if (typeof part === "object" && part !== null && !isShared(part)) {
      throw new Error("a value holds something that may change");
    }
  }
  return true;
}

/** Writes graphs as text, under one renaming. */
export class GraphText {
  readonly #options: GraphOptions;
  readonly #renaming: Renaming;
  readonly #renamed: RegExp | null;
  readonly #values = new WeakMap<object, string>();

  constructor(options: GraphOptions, renaming: Renaming) {
    this.#options = options;
    this.#renaming = renaming;
    this.#renamed = renaming.size === 0 ? null : new RegExp([...renaming.keys()].join("|"), "g");
  }

  of(root: unknown): string {
    const seen = new Map<object, number>();
    const text = (value: unknown): string => {
      if (typeof value !== "object" || value === null) return this.#plain(value);
      const opaque = this.#options.opaque.get(value);
      if (opaque !== undefined) return opaque;
      if (value instanceof Map || value instanceof Set) return mapText(value, "");
      if (!isInstance(value))
        return isShared(value) ? this.#valueText(value) : fieldsText(value, "");
      const number = seen.get(value);
      if (number !== undefined) return `@${number}`;
      seen.set(value, seen.size);
      return fieldsText(value, value.constructor.name);
    };
    const fieldsText = (value: object, owner: string): string => {
      let whole = `${owner}{`;
      for (const [name, held] of Object.entries(value) as [string, unknown][]) {
        const place = `${owner}.${name}`;
        if (this.#options.ignored.has(place)) continue;
        whole += `${name}:${heldText(held, place)};`;
      }
      return `${whole}}`;
    };
    const heldText = (held: unknown, place: string): string => {
      if (held instanceof Map || held instanceof Set) return mapText(held, place);
      return Array.isArray(held) ? `[${held.map(text).join()}]` : text(held);
    };
    const mapText = (value: Map<unknown, unknown> | Set<unknown>, place: string): string => {
      const parts: string[] =
        value instanceof Map
          ? [...value].map(([key, held]) => `${text(key)}=${text(held)}`)
          : [...value].map(text);
      if (!this.#options.ordered.has(place)) parts.sort();
      return `<${parts.join()}>`;
    };
    return text(root);
  }

  /** A value that never changes has one text. */
  #valueText(value: object): string {
    const known = this.#values.get(value);
    if (known !== undefined) return known;
    const text = this.#freshValueText(value);
    this.#values.set(value, text);
    return text;
  }

  #freshValueText(value: object): string {
    if (value instanceof Uint8Array) return `x${Buffer.from(value).toString("hex")}`;
    if (Array.isArray(value)) return `[${value.map((part) => this.of(part)).join()}]`;
    const fields = Object.entries(value) as [string, unknown][];
    const texts = fields.map(([name, held]) => {
      if (Array.isArray(held) && this.#options.unordered.has(name)) {
        const parts = held.map((part) => this.of(part)).toSorted();
        return `${name}:[${parts.join()}]`;
      }
      return `${name}:${this.of(held)}`;
    });
    return `{${texts.join(";")}}`;
  }

  #plain(value: unknown): string {
    switch (typeof value) {
      case "number":
        return String(this.#renaming.get(value) ?? value);
      case "string":
        return this.#renamed === null ? `"${value}"` : `"${this.#rename(value, this.#renamed)}"`;
      case "boolean":
      case "undefined":
        return String(value);
      case "object":
        return "null";
      default:
        throw new Error(`a ${typeof value} has no text`);
    }
  }

  #rename(text: string, pattern: RegExp): string {
    return text.replace(pattern, (found) => String(this.#renaming.get(Number(found))));
  }
}
