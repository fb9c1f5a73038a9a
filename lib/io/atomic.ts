// Writing a file so that there is always a whole one under its name: the old one, or the new one.
import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/**
 * Writes a file from pieces: into a temporary one beside it, which takes its name once all of it is on the disk.
 * Whatever fails, and whenever the process ends, the file is as it was or as it is to be.
 */
export function writeAtomically(path: string, pieces: Iterable<Uint8Array>): void {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.${randomBytes(6).toString("hex")}.tmp`);
  const file = openSync(temporary, "wx");
  try {
    try {
      for (const piece of pieces) writeWhole(file, piece);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  flushFolder(folder);
}

function writeWhole(file: number, bytes: Uint8Array): void {
  // A single write takes at most 2 GiB on Linux.
  for (let written = 0; written < bytes.length;)
    written += writeSync(file, bytes, written, Math.min(bytes.length - written, 2 ** 30));
}

/** The new name is on the disk too, where folders can be flushed. */
function flushFolder(folder: string): void {
  if (process.platform === "win32") return;
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
