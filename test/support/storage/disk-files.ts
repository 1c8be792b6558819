/** All files of a faulty disk as a value: to make many disks of one, and to look a disk over. */
import { join } from "node:path";
import { FaultyDisk } from "../faulty-files.ts";

/** Contents by path. */
export type DiskFiles = ReadonlyMap<string, Uint8Array>;

/** Every file below `directory`, as visible. */
export function filesOf(disk: FaultyDisk, directory: string): DiskFiles {
  const files = new Map<string, Uint8Array>();
  for (const name of disk.isDirectory(directory) ? disk.list(directory) : []) {
    const path = join(directory, name);
    if (!disk.isDirectory(path)) files.set(path, disk.contents(path));
    else for (const [below, bytes] of filesOf(disk, path)) files.set(below, bytes);
  }
  return files;
}

/** A disk that holds `files`, all of it durable. */
export function diskOf(files: DiskFiles): FaultyDisk {
  const disk = new FaultyDisk();
  for (const [path, bytes] of files) disk.replace(path, bytes);
  return disk;
}
