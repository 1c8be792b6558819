/** Promise and floor: every step of writing them, and of the opening that heals them. */
import { Metadata } from "../../../wal/metadata.ts";
import { FaultyDisk } from "../../support/faulty-files.ts";
import type { CrashScenario, Reading } from "./enumerate.ts";

/** Written in turn: lengths differ, so that a copy is longer or shorter than what it replaces. */
const CONTENT_BYTES = [4600, 6000, 900, 5100] as const;

function contentOf(generation: number): Uint8Array {
  const bytes = CONTENT_BYTES[generation % CONTENT_BYTES.length] ?? 0;
  return new Uint8Array(bytes).fill(generation);
}

function openOn(disk: FaultyDisk): Promise<Metadata> {
  return Metadata.open(disk.files, "/node", "state");
}

/** `written` generations are durable; then `writes` more are written, after `spoil`. */
function scenario(
  name: string,
  written: number,
  work: { readonly writes: number; readonly spoil?: string; readonly failSync?: number },
): CrashScenario {
  const prepare = async () => {
    const disk = new FaultyDisk();
    const before = await openOn(disk);
    for (let generation = 1; generation <= written; generation += 1) {
      await before.write(contentOf(generation));
    }
    if (work.spoil !== undefined) disk.flip(work.spoil, 600);
    const state = { acknowledged: written, tried: written };
    return {
      disk,
      work: async () => {
        const metadata = await openOn(disk);
        if (work.failSync !== undefined) {
          disk.fail({ operation: "sync", code: "EIO", after: work.failSync });
        }
        for (let left = work.writes; left > 0; left -= 1) {
          state.tried += 1;
          const generation = state.tried;
          await metadata.write(contentOf(generation)).then(
            () => {
              state.acknowledged = generation;
            },
            (error: unknown) => {
              if (work.failSync === undefined) throw error;
            },
          );
        }
        await disk.files.exists("/still running");
      },
      told: () => `${state.acknowledged} of ${state.tried}`,
      open: (found: FaultyDisk) => reading(found, state),
    };
  };
  return { name: `metadata: ${name}`, prepare };
}

async function reading(
  found: FaultyDisk,
  state: { readonly acknowledged: number; readonly tried: number },
): Promise<Reading> {
  const { content } = await openOn(found);
  const generation = content?.[0] ?? 0;
  const complaints: string[] = [];
  if (generation < state.acknowledged) {
    complaints.push(`went back to ${generation}, ${state.acknowledged} was acknowledged`);
  }
  if (generation > state.tried) complaints.push(`${generation} was never written`);
  const expected = generation === 0 ? new Uint8Array(0) : contentOf(generation);
  if (Buffer.compare(content ?? new Uint8Array(0), expected) !== 0) complaints.push("torn");
  return { read: `${generation}`, complaints };
}

export const METADATA_SCENARIOS: readonly CrashScenario[] = [
  scenario("first write ever", 0, { writes: 1 }),
  scenario("a longer content over a shorter", 4, { writes: 1 }),
  scenario("a shorter content over a longer", 1, { writes: 2 }),
  scenario("three writes in a row", 3, { writes: 3 }),
  scenario("the sync of the first copy fails", 2, { writes: 2, failSync: 0 }),
  scenario("the sync of the second copy fails", 2, { writes: 2, failSync: 1 }),
  scenario("opening that heals the first copy", 2, { writes: 1, spoil: "/node/state.a" }),
  scenario("opening that heals the second copy", 3, { writes: 1, spoil: "/node/state.b" }),
];
