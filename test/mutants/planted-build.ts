/**
 * A copy of the built program in a temporary directory, with patches in it. The copy is a package of
 * its own, so that nothing in it can reach the sound build:
 *
 *     DIRECTORY/package.json, DIRECTORY/node_modules -> the project's, DIRECTORY/dist/...
 */
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import type { Patch } from "./mutant.ts";
import { PROJECT } from "./project.ts";

/** Directories that are there now: whatever ends this process, they go. */
const copies = new Set<string>();
process.once("exit", () => {
  for (const directory of copies) rmSync(directory, { recursive: true, force: true });
});

export class PlantedBuild {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Copies dist/, which must be there and up to date, and plants the patches, if any. */
  static create(patches: readonly Patch[]): PlantedBuild {
    const dist = join(PROJECT, "dist");
    if (!existsSync(join(dist, "test/mutants"))) {
      throw new Error("dist/ is missing: npm run build");
    }
    const directory = mkdtempSync(join(tmpdir(), "synod-mutant-"));
    copies.add(directory);
    cpSync(dist, join(directory, "dist"), {
      recursive: true,
      filter: (path) => !path.endsWith(".map"),
    });
    cpSync(join(PROJECT, "package.json"), join(directory, "package.json"));
    symlinkSync(realpathSync(join(PROJECT, "node_modules")), join(directory, "node_modules"));
    for (const file of new Set(patches.map((patch) => patch.file))) {
      const planted = plant(file, patches);
      writeFileSync(
        join(directory, "dist", file.replace(/\.ts$/, ".js")),
        transpile(file, planted),
      );
    }
    return new PlantedBuild(directory);
  }

  /** The path of a compiled file; `source` is from the project's root. */
  pathOf(source: string): string {
    return join(this.#directory, "dist", source.replace(/\.ts$/, ".js"));
  }

  remove(): void {
    copies.delete(this.#directory);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** The source of `file` with all patches for it. Throws where a `find` does not stand there once. */
export function plant(file: string, patches: readonly Patch[]): string {
  const source = readFileSync(join(PROJECT, file), "utf8");
  return patches
    .filter((patch) => patch.file === file)
    .reduce((text, { find, replace }) => {
      const pieces = text.split(find);
      if (pieces.length !== 2) {
        throw new Error(`${file} has this ${pieces.length - 1} times, not once:\n${find}`);
      }
      return pieces.join(replace);
    }, source);
}

/** Throws where the patched text is no TypeScript. */
export function transpile(file: string, text: string): string {
  const { outputText, diagnostics = [] } = ts.transpileModule(text, {
    // The compiler sees one file and no package.json: it must be told that this is no CommonJS.
    compilerOptions: {
      ...compilerOptions(),
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      sourceMap: false,
    },
    fileName: join(PROJECT, file),
    reportDiagnostics: true,
  });
  const [first] = diagnostics;
  if (first !== undefined) {
    throw new Error(`${file}: ${ts.flattenDiagnosticMessageText(first.messageText, "\n")}`);
  }
  return outputText;
}

let options: ts.CompilerOptions | null = null;

function compilerOptions(): ts.CompilerOptions {
  options ??= readCompilerOptions();
  return options;
}

function readCompilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(PROJECT, "tsconfig.json"), (path) =>
    ts.sys.readFile(path),
  );
  return ts.convertCompilerOptionsFromJson(config.compilerOptions, PROJECT).options;
}
