/** The drawn corruptions: blocks, read errors, nodes that are away or behind, snapshots, the file system. */
import { type Random, SeededRandom } from "../../../src/base/random.ts";
import { SECTOR_BYTES } from "../../../wal/batch.ts";
import type { DiskFiles } from "../../support/storage/disk-files.ts";
import { SNAPSHOTS, STATE_PATHS, WAL } from "../../support/storage/stored-node.ts";
import { drawFrom, drawSector, flip, hurtItem, overwrite, replaced, without } from "./damage.ts";
import type { DamagedNode } from "./experiment.ts";
import type { CorruptionCase, Group } from "./groups.ts";
import { isHurt } from "./matrix.ts";
import { recordPlaces } from "./places.ts";
import { NODES, type Template } from "./template.ts";

const BLOCK_STREAM = 1;
const READ_STREAM = 2;
const AWAY_STREAM = 3;
const SNAPSHOT_STREAM = 4;
const NAMES_STREAM = 5;
/** Damaged places a node. */
const PLACES_MAX = 3;

type Draw = (random: Random) => Omit<CorruptionCase, "label">;

function drawn(name: string, states: number, stream: number, draw: Draw): Group {
  return {
    name,
    states,
    caseOf: (index) => ({
      label: `${name} ${index}`,
      ...draw(new SeededRandom(index, stream)),
    }),
  };
}

/** Sectors of the log and of the metadata hold something else: zeros, noise, or another sector. */
export function blockCorruptions(templates: readonly Template[], states: number): Group {
  return drawn("block corruptions", states, BLOCK_STREAM, (random) => {
    const template = drawFrom(templates, random);
    const nodes = eachNode(template, (files) => {
      let hurt = files;
      for (let left = random.below(PLACES_MAX + 1); left > 0; left -= 1) {
        hurt = corruptBlock(hurt, random);
      }
      return { files: hurt };
    });
    return { template, nodes };
  });
}

function corruptBlock(files: DiskFiles, random: Random): DiskFiles {
  const { path, sector } = drawSector(files, random, isLogOrState);
  const from = drawSector(files, random, isLogOrState);
  const start = from.sector * SECTOR_BYTES;
  const other = files.get(from.path)?.slice(start, start + SECTOR_BYTES) ?? new Uint8Array(0);
  const content = drawFrom(
    [new Uint8Array(SECTOR_BYTES), random.bytes(SECTOR_BYTES), other],
    random,
  );
  return overwrite(files, path, sector * SECTOR_BYTES, content);
}

/** Sectors of the log and of the metadata cannot be read (EIO). */
export function readErrors(templates: readonly Template[], states: number): Group {
  return drawn("block read errors", states, READ_STREAM, (random) => {
    const template = drawFrom(templates, random);
    const nodes = eachNode(template, (files) => {
      const sectors = new Map<string, Set<number>>();
      for (let left = random.below(PLACES_MAX + 1); left > 0; left -= 1) {
        const { path, sector } = drawSector(files, random, isLogOrState);
        sectors.set(path, (sectors.get(path) ?? new Set()).add(sector));
      }
      return { files, bad: { sectors, directories: new Set() } };
    });
    // What a read error costs is what the same sector full of zeros would: a node stays away only
    // if both copies of its metadata are hurt.
    return { template, nodes };
  });
}

/** Item data rots while a node is away; then it comes back. */
export function awayNodes(templates: readonly Template[], states: number): Group {
  return drawn("crashed and lagging nodes", states, AWAY_STREAM, (random) => {
    const template = drawFrom(templates, random);
    const away = drawFrom(NODES, random);
    const combination = random.below(2 ** 12) & random.below(2 ** 12);
    const nodes = new Map<number, DamagedNode>();
    for (const node of NODES) {
      let files = template.disks.get(node) ?? new Map<string, Uint8Array>();
      for (const [item, slot] of template.items.entries()) {
        if (isHurt(combination, node, item)) files = hurtItem(files, slot, "payload");
      }
      nodes.set(node, { files, down: node === away });
    }
    const others = NODES.filter((node) => node !== away);
    return {
      template,
      nodes,
      expected: owed(template, combination, others),
      expectedWithAll: owed(template, combination, NODES),
    };
  });
}

function owed(
  template: Template,
  combination: number,
  running: readonly number[],
): "recover" | "refuse" {
  const isThere = (slot: number, item: number): boolean =>
    running.some((node) => holds(template, node, slot) && !isHurt(combination, node, item));
  return template.items.every(isThere) ? "recover" : "refuse";
}

function holds(template: Template, node: number, slot: number): boolean {
  const files = template.disks.get(node) ?? new Map<string, Uint8Array>();
  return recordPlaces(files).some((place) => place.slot === slot);
}

/** Snapshots rot; the state machines stand at their end, or are lost so that the snapshot is needed. */
export function snapshotCorruptions(template: Template, states: number): Group {
  return drawn("snapshot corruptions", states, SNAPSHOT_STREAM, (random) => {
    const nodes = eachNode(template, (files, node) => {
      let hurt = files;
      for (let left = random.below(2); left > 0; left -= 1) hurt = corruptSnapshot(hurt, random);
      const notes = template.notes.get(node);
      return random.below(2) === 0 || notes === undefined
        ? { files: hurt }
        : { files: hurt, notes };
    });
    return { template, nodes };
  });
}

function corruptSnapshot(files: DiskFiles, random: Random): DiskFiles {
  const path = drawFrom(
    [...files.keys()].filter((name) => name.startsWith(SNAPSHOTS)),
    random,
  );
  const content = files.get(path) ?? new Uint8Array(0);
  const at = random.below(content.length);
  return drawFrom(
    [flip(files, path, at), replaced(files, path, content.slice(0, at)), without(files, path)],
    random,
  );
}

/** Files are missing, empty, cut or longer than they were made, and directories cannot be listed (faults D13). */
export function fileSystemFaults(templates: readonly Template[], states: number): Group {
  return drawn("file system faults", states, NAMES_STREAM, (random) => {
    const template = drawFrom(templates, random);
    const nodes = eachNode(template, (files) => {
      if (random.below(3) === 0) return { files };
      const directories = new Set(
        random.below(8) === 0 ? [drawFrom([WAL, SNAPSHOTS], random)] : [],
      );
      let hurt = files;
      for (let left = 1 + random.below(2); left > 0; left -= 1) hurt = spoilFile(hurt, random);
      return { files: hurt, bad: { sectors: new Map(), directories } };
    });
    return { template, nodes };
  });
}

function spoilFile(files: DiskFiles, random: Random): DiskFiles {
  const path = drawFrom([...files.keys()].filter(isLogOrState), random);
  const content = files.get(path) ?? new Uint8Array(0);
  const longer = new Uint8Array(content.length + 1 + random.below(3 * SECTOR_BYTES));
  longer.set(content);
  longer.set(content.subarray(0, longer.length - content.length), content.length);
  const shorter = content.slice(0, random.below(content.length + 1));
  const spoilt = drawFrom([new Uint8Array(0), longer, shorter, null], random);
  return spoilt === null ? without(files, path) : replaced(files, path, spoilt);
}

function isLogOrState(path: string): boolean {
  return path.endsWith(".wal") || STATE_PATHS.some((state) => state === path);
}

function eachNode(
  template: Template,
  make: (files: DiskFiles, node: number) => DamagedNode,
): Map<number, DamagedNode> {
  return new Map(
    NODES.map((node) => [node, make(template.disks.get(node) ?? new Map(), node)] as const),
  );
}
