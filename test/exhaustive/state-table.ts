/**
 * The states that were seen: rows of whole numbers in the order of discovery, found again by their
 * content. Rows are compared in full, so no two states are ever taken for one.
 */

const FIRST_ROWS = 1 << 12;

export class Rows {
  readonly width: number;
  #data: Int32Array;
  #length = 0;

  constructor(width: number) {
    this.width = width;
    this.#data = new Int32Array(width * FIRST_ROWS);
  }

  get length(): number {
    return this.#length;
  }

  push(row: Int32Array): void {
    const at = this.#length * this.width;
    if (at === this.#data.length) {
      const larger = new Int32Array(this.#data.length * 2);
      larger.set(this.#data);
      this.#data = larger;
    }
    this.#data.set(row, at);
    this.#length += 1;
  }

  read(index: number, into: Int32Array): void {
    const at = index * this.width;
    for (let column = 0; column < this.width; column += 1) {
      into[column] = this.#data[at + column] ?? 0;
    }
  }

  cell(index: number, column: number): number {
    return this.#data[index * this.width + column] ?? 0;
  }

  equals(index: number, row: Int32Array): boolean {
    const at = index * this.width;
    for (let column = 0; column < this.width; column += 1) {
      if (this.#data[at + column] !== row[column]) return false;
    }
    return true;
  }

  hash(index: number): number {
    let hash = 17;
    for (let column = 0; column < this.width; column += 1)
      hash = mix(hash, this.cell(index, column));
    return hash >>> 0;
  }
}

/** A set of rows; each gets the number of its first appearance. */
export class StateTable {
  readonly rows: Rows;
  /** Number + 1 of the row, by hash with linear probing. */
  #slots = new Int32Array(FIRST_ROWS * 2);

  constructor(width: number) {
    this.rows = new Rows(width);
  }

  /** True: the row is new. */
  add(row: Int32Array): boolean {
    if (this.rows.length * 2 >= this.#slots.length) this.#grow();
    const mask = this.#slots.length - 1;
    let at = hashOf(row) & mask;
    for (let found = this.#slots[at] ?? 0; found !== 0; found = this.#slots[at] ?? 0) {
      if (this.rows.equals(found - 1, row)) return false;
      at = (at + 1) & mask;
    }
    this.rows.push(row);
    this.#slots[at] = this.rows.length;
    return true;
  }

  #grow(): void {
    const larger = new Int32Array(this.#slots.length * 2);
    const mask = larger.length - 1;
    for (let index = 0; index < this.rows.length; index += 1) {
      let at = this.rows.hash(index) & mask;
      while (larger[at] !== 0) at = (at + 1) & mask;
      larger[at] = index + 1;
    }
    this.#slots = larger;
  }
}

function hashOf(row: Int32Array): number {
  let hash = 17;
  for (const cell of row) hash = mix(hash, cell);
  return hash >>> 0;
}

function mix(hash: number, cell: number): number {
  let mixed = Math.imul(hash ^ cell, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
