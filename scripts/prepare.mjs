/**
 * What must be there before anything runs: the right Node, the packages, the build. Uses nothing but
 * Node's own modules, because it runs before anything is installed.
 */
import { spawn } from "node:child_process";
import { readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const NODE_MIN = [20, 19];
const PROGRESS_MS = 10_000;
const SOURCES = ["src", "wal", "snapshots", "test", "bench", "tsconfig.json", "package-lock.json"];
const BUILD_STAMP = "dist/.complete";

export async function prepare() {
  checkNode();
  await ensureInstalled();
  await ensureBuilt();
}

/** Runs a command in the project's directory; resolves with its exit code. */
export function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: "inherit" });
    // Ctrl-C reaches the child as well; this process waits for it to end in order.
    const forward = () => child.kill("SIGTERM");
    process.on("SIGINT", ignoreSignal);
    process.on("SIGTERM", forward);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      process.off("SIGINT", ignoreSignal);
      process.off("SIGTERM", forward);
      resolve(signal === null ? (code ?? 1) : 1);
    });
  });
}

function ignoreSignal() {}

function say(line) {
  process.stdout.write(`${line}\n`);
}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  fail(`Synod needs Node ${NODE_MIN.join(".")} or later; this is ${process.versions.node}`);
}

async function ensureInstalled() {
  const installed = modified("node_modules/.package-lock.json");
  if (installed !== null && installed >= (modified("package-lock.json") ?? 0)) return;
  say("Installing packages (about a minute where better-sqlite3 has to be compiled) …");
  const [command, ...args] = npm();
  await step("install", command, [...args, "ci", "--include=dev", "--no-audit", "--no-fund"]);
}

async function ensureBuilt() {
  const built = modified(BUILD_STAMP);
  if (built !== null && SOURCES.every((path) => newest(join(root, path)) <= built)) return;
  const startedAt = new Date();
  say("Building …");
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const options = ["-p", ".", "--incremental", "--tsBuildInfoFile", "dist/.tsbuildinfo"];
  await step("build", process.execPath, [tsc, ...options]);
  writeFileSync(join(root, BUILD_STAMP), "");
  // A source that was saved during the build must count as newer than it.
  utimesSync(join(root, BUILD_STAMP), startedAt, startedAt);
}

/** A step of the set-up, with a sign of life while it takes long; ends the process if it fails. */
async function step(name, command, args) {
  const startedAt = Date.now();
  const seconds = () => Math.round((Date.now() - startedAt) / 1000);
  const progress = setInterval(() => say(`… ${name} goes on (${seconds()} s)`), PROGRESS_MS);
  const code = await run(command, args);
  clearInterval(progress);
  if (code !== 0) fail(`the ${name} failed (exit code ${code}); see above`);
  say(`… ${name} done (${seconds()} s)`);
}

/** The npm that runs this script, or the one on the path. */
function npm() {
  const path = process.env.npm_execpath;
  if (path?.endsWith("js")) return [process.execPath, path];
  return [process.platform === "win32" ? "npm.cmd" : "npm"];
}

/** When a file was last changed, in milliseconds; null if it is not there. */
function modified(path) {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? null;
}

/** The last change of anything under a path; 0 if it is not there. */
function newest(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return readdirSync(path).reduce(
    (latest, name) => Math.max(latest, newest(join(path, name))),
    stat.mtimeMs,
  );
}

function fail(reason) {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}
