/**
 * What earlier runs of prove found, by user: when the user was last looked at, when all was proved,
 * and since when each open difference is known. A run adds a line for each user as it goes, so a
 * run that was killed is continued where it ended. Opening the file drops outdated lines.
 */
import { join } from 'node:path';
import { BackupError } from '../../errors.ts';
import { AppendedFile } from '../../fs/small/appendedFile.ts';
import { makeFolders } from '../../fs/folders.ts';
import { replaceFile } from '../../fs/replaceFile.ts';
import { readRegular } from '../../fs/small/wholeFiles.ts';

export interface UserMemory {
  /** Unix seconds. */
  readonly checked: number;
  /** When the backup was last proved as a whole; null if it never was. */
  readonly proved: number | null;
  /** When each open difference was first seen, by fingerprint. */
  readonly open: Readonly<Record<string, number>>;
}

export class ProofMemory {
  readonly #file: AppendedFile;
  readonly #users: Map<string, UserMemory>;

  private constructor(file: AppendedFile, users: Map<string, UserMemory>) {
    this.#file = file;
    this.#users = users;
  }

  /** `server`: each server has a memory of its own. */
  static open(folder: string, server: string): ProofMemory {
    makeFolders(folder);
    const name = server.toLowerCase().replaceAll(/[^a-z0-9.-]/g, '_');
    const path = join(folder, `prove-${name}.jsonl`);
    const users = readLines(path);
    const lines = [...users].map((entry) => `${JSON.stringify(entry)}\n`);
    replaceFile(path, Buffer.from(lines.join('')));
    return new ProofMemory(AppendedFile.continue(path), users);
  }

  get(userid: string): UserMemory | undefined {
    return this.#users.get(userid);
  }

  set(userid: string, memory: UserMemory): void {
    this.#users.set(userid, memory);
    this.#file.append(`${JSON.stringify([userid, memory])}\n`);
  }

  close(): void {
    this.#file.close();
  }
}

/** A line that was cut off by a kill is left out: its user is looked at again. */
function readLines(path: string): Map<string, UserMemory> {
  const users = new Map<string, UserMemory>();
  for (const line of textOf(path).split('\n')) {
    try {
      const [userid, memory] = JSON.parse(line) as [string, UserMemory];
      if (typeof userid === 'string' && typeof memory.checked === 'number') users.set(userid, memory);
    } catch {
      // Not a whole line.
    }
  }
  return users;
}

function textOf(path: string): string {
  try {
    return readRegular(path).toString();
  } catch (error) {
    if (error instanceof BackupError && error.kind === 'not-found') return '';
    throw error;
  }
}
