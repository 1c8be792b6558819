/**
 * Damaged disks as a world: a seed is one cluster that starts on what is left of its disks. The damage
 * is a case of the corruption matrix (test/crash/corruption) or, in every fourth seed, a write that
 * went to a wrong place of the log (faults D10), of which the matrix has few.
 */
import { type Random, SeededRandom } from "../../src/base/random.ts";
import { SECTOR_BYTES } from "../../wal/batch.ts";
import { allGroups } from "../crash/corruption/all-groups.ts";
import { drawFrom, overwrite } from "../crash/corruption/damage.ts";
import { type CorruptionCase, type Group, runGroup } from "../crash/corruption/groups.ts";
import { makeTemplate, NODES, type Template } from "../crash/corruption/template.ts";
import type { World } from "../simulator/world.ts";
import type { DiskFiles } from "../support/storage/disk-files.ts";
import { Violation } from "../support/violation.ts";

interface Prepared {
  readonly groups: readonly Group[];
  readonly templates: readonly Template[];
}

/** Takes a while: made once. */
let prepared: Promise<Prepared> | null = null;

export const damagedDisks: World = async (seed) => {
  prepared ??= prepare();
  const { groups, templates } = await prepared;
  const random = new SeededRandom(seed);
  const wanted =
    random.below(4) === 0 ? misplaced(drawFrom(templates, random), random) : drawn(groups, random);
  const one = { name: "one case", states: 1, caseOf: () => wanted };
  const { violations } = await runGroup(one, 1, () => undefined);
  const [first] = violations;
  return {
    seed,
    violation:
      first === undefined
        ? null
        : new Violation("D, Q: damage is mended or refused", wanted.label, first),
    traceHash: `${wanted.label} ${violations.length}`,
    events: 1,
    lastEvents: violations,
    virtualMs: 0,
    counts: new Map([["damage", 1]]),
    faults: 1,
  };
};

async function prepare(): Promise<Prepared> {
  const templates = [await makeTemplate("sealed"), await makeTemplate("closed")];
  return { groups: await allGroups(), templates };
}

function drawn(groups: readonly Group[], random: Random): CorruptionCase {
  const group = drawFrom(groups, random);
  return group.caseOf(random.below(group.states));
}

/** On each node perhaps, what belongs into one sector of the log stands in another one as well. */
function misplaced(template: Template, random: Random): CorruptionCase {
  const nodes = NODES.map((node) => {
    const files = template.disks.get(node) ?? new Map<string, Uint8Array>();
    const isHurt = random.below(2) === 0;
    return [node, { files: isHurt ? misplacedIn(files, random) : files }] as const;
  });
  return { label: `a misplaced sector, ${template.name}`, template, nodes: new Map(nodes) };
}

function misplacedIn(files: DiskFiles, random: Random): DiskFiles {
  const sectors = [...files].flatMap(([path, bytes]) =>
    path.endsWith(".wal") ? used(path, bytes) : [],
  );
  const { bytes } = drawFrom(sectors, random);
  const { path, at } = drawFrom(sectors, random);
  return overwrite(files, path, at, bytes);
}

/** The sectors that hold something. */
function used(path: string, content: Uint8Array) {
  const sectors = [];
  for (let at = 0; at < content.length; at += SECTOR_BYTES) {
    const bytes = content.slice(at, at + SECTOR_BYTES);
    if (bytes.some((byte) => byte !== 0)) sectors.push({ path, at, bytes });
  }
  return sectors;
}
