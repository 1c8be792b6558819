/**
 * Goal: the oracles of the simulated worlds bite, and the table of mutants (docs/mutants.md) does not
 * rot. Method: every mutant must fit the sources as they are; two canaries and a few mutants that
 * die fast are planted and hunted here. `npm run mutants` hunts all. Needs the build (npm run build).
 */
import { expect, test } from "vitest";
import { MUTANTS, mutantNamed, NOT_APPLICABLE } from "../mutants/catalogue.ts";
import { hunt, kill } from "../mutants/kill.ts";
import { PlantedBuild, plant, transpile } from "../mutants/planted-build.ts";

/** The order of seeds is fixed here: a canary that lives is news about the change that let it live. */
const FIRST_SEED = 1;

test.each(MUTANTS)("$id fits its file and is a program", ({ patches }) => {
  for (const file of new Set(patches.map((patch) => patch.file))) {
    const planted = plant(file, patches);
    expect(transpile(file, planted)).not.toBe(transpile(file, plant(file, [])));
  }
});

test("the 42 mistakes of the catalogue are all there, each name once", () => {
  const ids = [...MUTANTS, ...NOT_APPLICABLE].map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const wanted = Array.from({ length: 42 }, (_, at) => `m${at + 1}`);
  expect(wanted.filter((id) => !ids.includes(id))).toEqual([]);
});

test("a build without a mutant passes", async () => {
  const build = PlantedBuild.create([]);
  try {
    const verdict = await hunt(build, { world: "core", first: FIRST_SEED, seedsMax: 5 });
    expect(verdict).toEqual({ kind: "survived", seeds: 5 });
  } finally {
    build.remove();
  }
});

test("canary: a log that is never synced is noticed when power is lost", async () => {
  const [verdict] = await kill(mutantNamed("no-sync"), [FIRST_SEED]);
  expect(verdict).toMatchObject({ kind: "killed" });
});

test("canary: a quorum of one is noticed", async () => {
  const [verdict] = await kill(mutantNamed("m3"), [FIRST_SEED]);
  expect(verdict).toMatchObject({ kind: "killed" });
});

test.each(["m2", "m5", "m7", "m15", "m19"])("%s is noticed", async (id) => {
  const [verdict] = await kill(mutantNamed(id), [FIRST_SEED]);
  expect(verdict).toMatchObject({ kind: "killed" });
});
