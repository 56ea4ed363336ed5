/**
 * What happens to SQLite's files in a power cut: an index, with its log, is as the killed process
 * left it, lost, as it was some time ago, or damaged. Other caches are lost now and then.
 */
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isCache } from '../disk/caches.ts';

export type Snapshot = ReadonlyMap<string, Buffer>;

/** Reads all caches below a folder. */
export function takeSnapshot(root: string): Snapshot {
  const files = new Map<string, Buffer>();
  for (const entry of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const path = join(root, entry);
    if (isCache(path) && !path.endsWith('-shm') && statSync(path).isFile())
      files.set(path, readFileSync(path));
  }
  return files;
}

function restore(root: string, snapshot: Snapshot): void {
  for (const entry of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (isCache(entry)) rmSync(join(root, entry), { force: true });
  }
  for (const [path, bytes] of snapshot) writeFileSync(path, bytes);
}

/** Damages an index so that it can no longer be believed. */
function damage(path: string, random: () => number): void {
  const bytes = readFileSync(path);
  const at = Math.floor(random() * bytes.length);
  const kind = random();
  if (kind < 0.3) writeFileSync(path, bytes.subarray(0, at));
  else {
    const start = kind < 0.6 ? 0 : Math.floor(at / 4096) * 4096;
    for (let index = start; index < Math.min(bytes.length, start + 4096); index += 1)
      bytes[index] = Math.floor(random() * 256);
    writeFileSync(path, bytes);
  }
}

export interface Loss {
  readonly kind: 'kept' | 'lost' | 'old' | 'damaged';
}

/**
 * Leaves what the power cut leaves. `killed`: the caches when the power failed. `older`: earlier
 * ones. Must be called while no process has the files open.
 */
export function loseCaches(
  root: string,
  killed: Snapshot,
  older: readonly Snapshot[],
  random: () => number,
): Loss {
  const chance = random();
  const before = older[Math.floor(random() * older.length)];
  const isOld = chance >= 0.55 && chance < 0.75 && before !== undefined;
  restore(root, isOld ? withoutLostFolders(before, killed) : killed);
  if (isOld) return { kind: 'old' };
  const indexes = [...killed.keys()].filter((path) => path.endsWith('.index'));
  const some = indexes.filter(() => random() < 0.7);
  if (chance < 0.4 || some.length === 0) return { kind: 'kept' };
  for (const path of some) {
    if (chance < 0.75) for (const suffix of ['', '-wal']) rmSync(path + suffix, { force: true });
    else damage(path, random);
  }
  return { kind: chance < 0.75 ? 'lost' : 'damaged' };
}

/** A folder that was made since is still there, and one that was lost is not. */
function withoutLostFolders(before: Snapshot, killed: Snapshot): Snapshot {
  return new Map([...before].filter(([path]) => killed.has(path)));
}
