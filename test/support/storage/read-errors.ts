/** A disk with places that cannot be read: every read that touches one fails with EIO. */
import type { File, Files } from "../../../src/base/files.ts";
import { FileSystemError } from "../faulty-disk-image.ts";

export interface BadPlaces {
  /** By path: numbers of the 512-byte sectors that cannot be read. */
  readonly sectors: ReadonlyMap<string, ReadonlySet<number>>;
  /** Directories that cannot be listed. */
  readonly directories: ReadonlySet<string>;
}

export const NO_BAD_PLACES: BadPlaces = { sectors: new Map(), directories: new Set() };

const SECTOR_BYTES = 512;

export function withReadErrors(files: Files, bad: BadPlaces): Files {
  return {
    ...files,
    open: async (path, mode) => {
      const sectors = bad.sectors.get(path);
      const file = await files.open(path, mode);
      return sectors === undefined ? file : fileWithErrors(file, path, sectors);
    },
    list: async (directory) => {
      if (bad.directories.has(directory)) throw new FileSystemError("EIO", directory);
      return files.list(directory);
    },
  };
}

/** A sector that is written anew can be read again, as on real disks. */
function fileWithErrors(file: File, path: string, sectors: ReadonlySet<number>): File {
  return {
    read: async (offset, length) => {
      const end = Math.min(offset + length, await file.size());
      for (const sector of sectors) {
        const start = sector * SECTOR_BYTES;
        if (start < end && start + SECTOR_BYTES > offset) throw new FileSystemError("EIO", path);
      }
      return file.read(offset, length);
    },
    write: (offset, bytes) => file.write(offset, bytes),
    sync: () => file.sync(),
    truncate: (length) => file.truncate(length),
    size: () => file.size(),
    close: () => file.close(),
  };
}
