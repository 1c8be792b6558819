/**
 * Goal: `npm run sim` says what it found, and its exit code can be trusted; no program of the tests
 * passes because it was asked for nothing. Method: the built commands as processes, on the sound
 * build and on builds with a mistake in them.
 */
import { spawnSync } from "node:child_process";
import { afterAll, expect, test } from "vitest";
import { mutantNamed } from "../mutants/catalogue.ts";
import { PlantedBuild } from "../mutants/planted-build.ts";

const MAIN = "test/simulator/main.ts";

interface Ended {
  readonly status: number | null;
  readonly text: string;
}

function sim(build: PlantedBuild, ...options: readonly string[]): Ended {
  return run(build, MAIN, ...options);
}

function run(build: PlantedBuild, main: string, ...options: readonly string[]): Ended {
  const args = [build.pathOf(main), ...options];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  return { status, text: `${stdout}${stderr}` };
}

let sound: PlantedBuild | null = null;

/** A copy of the sound build, made once. */
function soundBuild(): PlantedBuild {
  sound ??= PlantedBuild.create([]);
  return sound;
}

afterAll(() => sound?.remove());

function withBuild(id: string | null, look: (build: PlantedBuild) => void): void {
  if (id === null) return look(soundBuild());
  const build = PlantedBuild.create(mutantNamed(id).patches);
  try {
    look(build);
  } finally {
    build.remove();
  }
}

test("seeds of a sound build: a summary by world, exit code 0", () => {
  withBuild(null, (build) => {
    const { status, text } = sim(build, "--seeds", "10", "--from", "1", "--jobs", "2", "--twice");
    expect(text).toMatch(/^10 seeds in .* simulated$/m);
    expect(text).toMatch(/^ {2}nodes {3}2 seeds, /m);
    expect(status).toBe(0);
  });
});

test("one seed: its world and its trace, the same at every run", () => {
  withBuild(null, (build) => {
    const [first, second] = [sim(build, "--seed", "9"), sim(build, "--seed", "9")];
    expect(first.text).toMatch(/^seed 9 of world "nodes": no violation \(\d+ events/);
    expect(second.text).toBe(first.text);
  });
});

test("wrong flags: what is wrong and the help, exit code 2", () => {
  withBuild(null, (build) => {
    expect(sim(build, "--seeds", "many")).toMatchObject({ status: 2 });
    expect(sim(build, "--world", "moon").text).toMatch(
      /^there is no world "moon"; there are core, nodes/,
    );
    expect(sim(build, "--sedes", "3").text).toMatch(/Unknown option '--sedes'/);
  });
});

test("what is misspelt or asks for nothing never passes: the help, exit code 2", () => {
  const wrong: readonly (readonly [string, ...string[]])[] = [
    [MAIN, "--seeds", "0"],
    ["test/mutants/main.ts", "m3", "--starts", "0"],
    ["test/mutants/main.ts", "m3", "--jobs", "0"],
    ["test/mutants/main.ts", "m0"],
    ["test/exhaustive/main.ts", "--world", "moon"],
    ["test/crash/corruption/main.ts", "--group", "moon"],
    ["test/crash/states/main.ts", "--scenario", "moon"],
    ["test/crash/states/main.ts", "--stop-every", "x"],
    ["test/checkers/proof/main.ts", "many"],
  ];
  withBuild(null, (build) => {
    for (const [main, ...options] of wrong) {
      const { status, text } = run(build, main, ...options);
      expect(text).toMatch(/^npm run [a-z-]+ .*\[/m);
      expect([main, ...options, status]).toEqual([main, ...options, 2]);
    }
  });
});

test("a quorum of one: the failing seed, how to repeat it, and a smaller set of faults", () => {
  withBuild("m3", (build) => {
    const { status, text } = sim(
      build,
      "--world",
      "core",
      "--seeds",
      "200",
      "--from",
      "1",
      "--jobs",
      "1",
    );
    expect(status).toBe(1);
    const seed = /repeat: npm run sim -- --world core --seed (\d+)/.exec(text)?.[1] ?? "";
    const shrunk = sim(build, "--world", "core", "--seed", seed, "--shrink");
    expect(shrunk.status).toBe(1);
    const [, left, all] = /(\d+) of (\d+) faults are left/.exec(shrunk.text) ?? [];
    expect(Number(left)).toBeLessThan(Number(all));
    const flags = /repeat: .*? --seed \d+(.*)$/m.exec(shrunk.text)?.[1] ?? "";
    const again = /--without "([^"]*)"/.exec(flags)?.[1] ?? "";
    const skip = /--skip (\S+)/.exec(flags)?.[1] ?? "";
    const repeated = sim(
      build,
      "--world",
      "core",
      "--seed",
      seed,
      "--without",
      again,
      "--skip",
      skip,
    );
    expect(repeated).toMatchObject({ status: 1 });
  });
});
