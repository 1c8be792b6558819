/** Valid bytes in the wrong place (faults D10): a checksum says nothing against them. */
import { RECORD_HEADER_BYTES } from "../../../wal/record.ts";
import type { DiskFiles } from "../../support/storage/disk-files.ts";
import { overwrite, replaced } from "./damage.ts";
import type { DamagedNode } from "./experiment.ts";
import type { Group } from "./groups.ts";
import { type RecordPlace, recordPlaces } from "./places.ts";
import { NODES, type Template } from "./template.ts";

type Move = (files: DiskFiles, from: RecordPlace, to: RecordPlace) => DiskFiles;

/** The header of one record over that of another, a whole batch over another, a segment over another. */
const MOVES: readonly Move[] = [
  (files, from, to) =>
    copied(files, from.path, [from.headerAt, RECORD_HEADER_BYTES], [to.path, to.headerAt]),
  (files, from, to) =>
    copied(files, from.path, [from.batchAt, lengthOf(from)], [to.path, to.batchAt]),
  (files, from, to) => replaced(files, to.path, files.get(from.path) ?? new Uint8Array(0)),
];

/** Each item's bytes at each other item's place, on each set of nodes. */
export function misplacedWrites(template: Template): Group {
  const count = template.items.length;
  const nodeSets = 2 ** NODES.length - 1;
  return {
    name: `misplaced writes, ${template.name}`,
    states: MOVES.length * count * count * nodeSets,
    caseOf: (index) => {
      const hurt = (index % nodeSets) + 1;
      const pair = Math.floor(index / nodeSets);
      const from = template.items[pair % count];
      const to = template.items[Math.floor(pair / count) % count];
      const move = MOVES[Math.floor(pair / (count * count))];
      const nodes = new Map<number, DamagedNode>();
      for (const node of NODES) {
        const files = template.disks.get(node) ?? new Map<string, Uint8Array>();
        const places = recordPlaces(files);
        const source = places.find(({ slot }) => slot === from);
        const target = places.find(({ slot }) => slot === to);
        const isHurt = ((hurt >> (node - 1)) & 1) === 1;
        const isMoved =
          isHurt && move !== undefined && source !== undefined && target !== undefined;
        nodes.set(node, { files: isMoved ? move(files, source, target) : files });
      }
      return { label: `misplaced ${index}: slot ${from} at ${to}`, template, nodes };
    },
  };
}

function lengthOf({ batchAt, payloadAt, payloadBytes }: RecordPlace): number {
  return payloadAt + payloadBytes - batchAt;
}

function copied(
  files: DiskFiles,
  path: string,
  [at, length]: readonly [number, number],
  [to, toAt]: readonly [string, number],
): DiskFiles {
  const bytes = files.get(path)?.slice(at, at + length) ?? new Uint8Array(0);
  return overwrite(files, to, toAt, bytes);
}
