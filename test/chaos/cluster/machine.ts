/** What this machine can do, asked of the machine itself. What it cannot is skipped, and said. */
import { execFileSync, spawn } from "node:child_process";

/** Null: it can. Else what is missing, in words. */
export type Missing = string | null;

export interface MachineAbilities {
  readonly strace: Missing;
  readonly loopDisk: Missing;
  readonly namespaces: Missing;
}

export function probeMachine(): MachineAbilities {
  const isRoot = process.getuid?.() === 0;
  return {
    strace: works("strace", ["-qf", "-e", "inject=fdatasync:delay_enter=1", "true"])
      ? null
      : "strace with syscall injection",
    loopDisk: missingForLoop(isRoot),
    namespaces: missingForNamespaces(isRoot),
  };
}

function missingForLoop(isRoot: boolean): Missing {
  if (!isRoot) return "root, to mount a file system";
  if (!works("mkfs.ext4", ["-V"])) return "mkfs.ext4";
  return works("losetup", ["-f"]) ? null : "a free loop device";
}

function missingForNamespaces(isRoot: boolean): Missing {
  if (!isRoot) return "root, to make network namespaces";
  const name = `synod-probe-${process.pid}`;
  if (!works("ip", ["netns", "add", name])) return "ip netns";
  works("ip", ["netns", "del", name]);
  return works("tc", ["-V"]) ? null : "tc, to drop packets";
}

function works(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore", timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

/** Runs a program of the system to its end. Throws with what it said if it fails. */
export function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

const ATTACH_MS = 5_000;

/** Faults in the system calls of a running process, until it is detached. */
export class Strace {
  readonly #child: ReturnType<typeof spawn>;
  readonly #ended: Promise<void>;

  private constructor(child: ReturnType<typeof spawn>) {
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once("exit", () => resolve()));
  }

  /**
   * `injection` as strace takes it, such as "fdatasync:error=EIO:when=1"; in calls for these files
   * only, or for any if there are none.
   */
  static async attach(
    processId: number,
    injection: string,
    paths: readonly string[] = [],
  ): Promise<Strace> {
    const [calls = ""] = injection.split(":");
    const only = paths.flatMap((path) => ["-P", path]);
    const inject = ["-e", `trace=${calls}`, "-e", `inject=${injection}`];
    const what = [...only, ...inject, "-o", "/dev/null"];
    const child = spawn("strace", ["-f", "-p", String(processId), ...what], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const strace = new Strace(child);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ATTACH_MS);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        if (text.includes("attached")) done();
      });
      child.once("exit", done);
      child.once("error", done);
    });
    return strace;
  }

  /** The process goes on as if nothing had been. */
  async detach(): Promise<void> {
    this.#child.kill("SIGINT");
    await this.#ended;
  }
}
