/** A directory for one test file, removed afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function makeScratch(): string {
  return mkdtempSync(join(tmpdir(), 'catalog-'));
}

export function removeScratch(path: string): void {
  rmSync(path, { recursive: true, force: true });
}
