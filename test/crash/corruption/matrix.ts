/**
 * The targeted corruptions: every combination of four items on three nodes, each damaged or not.
 * Of the 2^12 combinations 7^4 leave one good copy of each item.
 *
 * Source: Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage" (FAST '18),
 * section 5.1.
 */

import type { DiskFiles } from "../../support/storage/disk-files.ts";
import { STATE_PATHS } from "../../support/storage/stored-node.ts";
import { flip, hurtItem, PARTS, type Part, replaced, without } from "./damage.ts";
import type { DamagedNode } from "./experiment.ts";
import type { CorruptionCase, Group } from "./groups.ts";
import { NODES, type Template } from "./template.ts";

const COMBINATIONS = 2 ** 12;
const ITEM_BITS = 4;

/** Bit n * 4 + i of a combination: item i of node n is hurt. */
export function isHurt(combination: number, node: number, item: number): boolean {
  return ((combination >> ((node - 1) * ITEM_BITS + item)) & 1) === 1;
}

function keepsAllItems(combination: number): boolean {
  return [0, 1, 2, 3].every((item) => NODES.some((node) => !isHurt(combination, node, item)));
}

/** The items' data: what the paper enumerates. */
export function payloadMatrix(template: Template): Group {
  const disks = hurtDisks(template, "payload");
  return {
    name: `item data, ${template.name}`,
    states: COMBINATIONS,
    caseOf: (combination) => ({
      ...combinationCase(template, combination, disks),
      expected: keepsAllItems(combination) ? "recover" : "refuse",
    }),
  };
}

/** Record headers, which say slot and ballot. What is owed depends on what the nodes can tell. */
export function recordHeaderMatrix(template: Template): Group {
  const disks = hurtDisks(template, "recordHeader");
  return {
    name: `record headers, ${template.name}`,
    states: COMBINATIONS,
    caseOf: (combination) => combinationCase(template, combination, disks),
  };
}

/** Batch headers: what they say the record headers say as well, so nothing may be lost. */
export function batchHeaderMatrix(template: Template): Group {
  const disks = hurtDisks(template, "batchHeader");
  return {
    name: `batch headers, ${template.name}`,
    states: COMBINATIONS,
    caseOf: (combination) => ({
      ...combinationCase(template, combination, disks),
      expected: "recover",
    }),
  };
}

function combinationCase(
  template: Template,
  combination: number,
  diskOf: (node: number, hurt: number) => DiskFiles,
): CorruptionCase {
  const nodes = new Map<number, DamagedNode>();
  const mask = 2 ** ITEM_BITS - 1;
  for (const node of NODES) {
    nodes.set(node, { files: diskOf(node, (combination >> ((node - 1) * ITEM_BITS)) & mask) });
  }
  return { label: `combination ${combination.toString(2).padStart(12, "0")}`, template, nodes };
}

/** Each node's sixteen disks, made once. */
function hurtDisks(template: Template, part: Part): (node: number, hurt: number) => DiskFiles {
  const made = new Map<string, DiskFiles>();
  return (node, hurt) => {
    const key = `${node} ${hurt}`;
    const files = made.get(key) ?? hurtItems(template, { node, hurt, part });
    made.set(key, files);
    return files;
  };
}

interface Hurt {
  readonly node: number;
  readonly hurt: number;
  readonly part: Part;
}

function hurtItems(template: Template, { node, hurt, part }: Hurt): DiskFiles {
  let files = filesOf(template, node);
  for (const [item, slot] of template.items.entries()) {
    if (((hurt >> item) & 1) === 1) files = hurtItem(files, slot, part);
  }
  return files;
}

/** Each item on one node, in all 3^4 ways, by each kind of damage. */
export function helix(template: Template): Group {
  const ways = NODES.length ** template.items.length;
  return {
    name: `helix, ${template.name}`,
    states: ways * PARTS.length,
    caseOf: (index) => {
      const part = PARTS[Math.floor(index / ways)] ?? "payload";
      let rest = index % ways;
      const disks = new Map<number, DiskFiles>();
      for (const node of NODES) disks.set(node, filesOf(template, node));
      for (const slot of template.items) {
        const node = (rest % NODES.length) + 1;
        rest = Math.floor(rest / NODES.length);
        disks.set(node, hurtItem(disks.get(node) ?? new Map(), slot, part));
      }
      const label = `${part} of each item on one node, way ${index % ways}`;
      return { label, template, nodes: asNodes(disks) };
    },
  };
}

/** One item on all nodes, by each kind of damage, also of different kinds. */
export function sameSlot(template: Template): Group {
  const kinds = PARTS.length ** NODES.length;
  return {
    name: `same slot everywhere, ${template.name}`,
    states: template.items.length * kinds,
    caseOf: (index) => {
      const slot = template.items[Math.floor(index / kinds)] ?? 0;
      let rest = index % kinds;
      const disks = new Map<number, DiskFiles>();
      for (const node of NODES) {
        const part = PARTS[rest % PARTS.length] ?? "payload";
        rest = Math.floor(rest / PARTS.length);
        disks.set(node, hurtItem(filesOf(template, node), slot, part));
      }
      return { label: `slot ${slot}, kinds ${index % kinds}`, template, nodes: asNodes(disks) };
    },
  };
}

const COPY_DAMAGES: readonly ((files: DiskFiles, path: string) => DiskFiles)[] = [
  (files, path) => flip(files, path, 30),
  (files, path) => replaced(files, path, new Uint8Array(0)),
  (files, path) => replaced(files, path, (files.get(path) ?? new Uint8Array(0)).slice(0, 20)),
  (files, path) => without(files, path),
];

/** Every combination of the two copies of promise and floor on three nodes, by each kind of damage. */
export function metadataCopies(template: Template): Group {
  const combinations = 2 ** (STATE_PATHS.length * NODES.length);
  return {
    name: `metadata copies, ${template.name}`,
    states: combinations * COPY_DAMAGES.length,
    caseOf: (index) => {
      const combination = index % combinations;
      const damage = COPY_DAMAGES[Math.floor(index / combinations)] ?? without;
      const disks = new Map<number, DiskFiles>();
      let starting = 0;
      for (const node of NODES) {
        const hurt = (combination >> ((node - 1) * 2)) & 3;
        let files = filesOf(template, node);
        for (const [copy, path] of STATE_PATHS.entries()) {
          if (((hurt >> copy) & 1) === 1) files = damage(files, path);
        }
        if (hurt !== 3) starting += 1;
        disks.set(node, files);
      }
      const label = `copies ${combination.toString(2).padStart(6, "0")}`;
      const expected = starting >= 2 ? "recover" : "refuse";
      return { label, template, nodes: asNodes(disks), expected };
    },
  };
}

function filesOf(template: Template, node: number): DiskFiles {
  return template.disks.get(node) ?? new Map<string, Uint8Array>();
}

function asNodes(disks: ReadonlyMap<number, DiskFiles>): Map<number, DamagedNode> {
  return new Map([...disks].map(([node, files]) => [node, { files }]));
}
