/**
 * The password file of backupd (option backup_passwd_file). It has two lines per user:
 *
 *   USER:SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY
 *   USER:SCRAM-SHA-1$...
 *
 * The same file serves PLAIN and both kinds of SCRAM, and knowing its content is not enough to log
 * in with PLAIN. If a user has only one of the lines, only the mechanisms that need the other one
 * fail.
 *
 * The file must not be readable by others. It is replaced by a rename, never changed in place, and
 * read again after a change.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { dirname } from 'node:path';
import { BackupError, asBackupError } from '../errors.ts';
import { decoyCredential, deriveCredential, formatCredential, newCredential } from './scramCredential.ts';
import { SCRAM_MECHANISMS, parseCredential } from './scramCredential.ts';
import type { Derive, ScramCredential, ScramMechanism } from './scramCredential.ts';
import { disk } from '../fs/disk/current.ts';
import type { ExactFileStats } from '../fs/disk/disk.ts';
import { giveOwner } from '../fs/keepOwner.ts';
import { lstatExisting } from '../fs/names.ts';
import { createExclusively, openRegular } from '../fs/open.ts';
import { lockSync } from '../fs/posixLock.ts';
import { replaceFile } from '../fs/replaceFile.ts';

/** Mode bits that the file must not have: write access for the group, and any access for others. */
const FORBIDDEN_MODE = 0o027n;

const MOST_PROVED = 64;

type Credentials = ReadonlyMap<ScramMechanism, ScramCredential>;
type PasswordTable = Map<string, Credentials>;

function parseTable(text: string, path: string): PasswordTable {
  const table: PasswordTable = new Map();
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return;
    const fail = (what: string): BackupError =>
      new BackupError('config', `${path}, line ${index + 1}: ${what}`, { subject: path });
    const colon = line.indexOf(':');
    const user = line.slice(0, colon);
    const parsed = colon < 1 ? null : parseCredential(line.slice(colon + 1));
    if (parsed === null) throw fail('not a password entry');
    const earlier = table.get(user) ?? new Map();
    if (earlier.has(parsed[0])) throw fail(`${user} was there before`);
    table.set(user, new Map([...earlier, parsed]));
  });
  return table;
}

function formatTable(table: PasswordTable): string {
  return [...table]
    .flatMap(([user, all]) => [...all].map((entry) => `${user}:${formatCredential(...entry)}\n`))
    .join('');
}

function statFile(path: string): ExactFileStats | null {
  return disk.exactStat(path) ?? null;
}

function readTable(path: string, stats: ExactFileStats): PasswordTable {
  if ((stats.mode & FORBIDDEN_MODE) !== 0n) {
    const text = `${path} must be neither open to others nor writable by its group (chmod 0600 or 0640)`;
    throw new BackupError('config', text, { subject: path });
  }
  try {
    return parseTable(disk.readFile(path).toString('utf8'), path);
  } catch (error) {
    throw asBackupError(error, `cannot read ${path}`);
  }
}

/** Verifies passwords against the file. */
export class PasswordFile {
  readonly path: string;
  readonly #unknownUserSecret = randomBytes(32);
  readonly #proofKey = randomBytes(32);
  /**
   * Keyed hashes of passwords that were correct. Each hash is valid only in this process, for one
   * user and one entry of the file.
   */
  readonly #proved = new Set<string>();
  #table: PasswordTable = new Map();
  #version = '';

  constructor(path: string) {
    this.path = path;
  }

  exists(): boolean {
    return statFile(this.path) !== null;
  }

  /**
   * Returns the user's stored credential. Returns null if the user is not in the file, or if there
   * is no file.
   */
  lookup(user: string, mechanism: ScramMechanism = 'SCRAM-SHA-256'): ScramCredential | null {
    return this.#credentials(user)?.get(mechanism) ?? null;
  }

  /**
   * Reports whether the password is correct. For an unknown user, the same key derivation runs,
   * with a salt that is constant for the name. So neither the duration nor SCRAM reveals which
   * users exist.
   *
   * A password that was correct before is recognized at once by a keyed hash. So a reconnecting
   * master is not delayed by clients that guess passwords.
   */
  async verify(user: string, password: string, derive?: Derive): Promise<boolean> {
    const all = this.#credentials(user);
    const mechanism = SCRAM_MECHANISMS.find((kept) => all?.has(kept));
    const known = mechanism === undefined ? undefined : all?.get(mechanism);
    const credential = known ?? this.decoy(user, 'SCRAM-SHA-256');
    const proof = createHmac('sha256', this.#proofKey)
      .update(JSON.stringify([user, password, credential.storedKey.toString('base64')]))
      .digest('base64');
    if (this.#proved.has(proof)) return true;
    const offered = await deriveCredential(mechanism ?? 'SCRAM-SHA-256', password, credential, derive);
    const isRight = timingSafeEqual(offered.storedKey, credential.storedKey) && known !== undefined;
    if (isRight) this.#remember(proof);
    return isRight;
  }

  #remember(proof: string): void {
    for (const oldest of this.#proved) {
      if (this.#proved.size < MOST_PROVED) break;
      this.#proved.delete(oldest);
    }
    this.#proved.add(proof);
  }

  /** Returns the credential that SCRAM uses for an unknown user. No password matches it. */
  decoy(user: string, mechanism: ScramMechanism): ScramCredential {
    return decoyCredential(mechanism, user, this.#unknownUserSecret);
  }

  #credentials(user: string): Credentials | undefined {
    const stats = statFile(this.path);
    if (stats === null) return undefined;
    const version = `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
    if (version !== this.#version) {
      this.#table = readTable(this.path, stats);
      this.#version = version;
    }
    return this.#table.get(user);
  }
}

/** How long to wait for the lock, which another passwd process holds only for milliseconds. */
const LOCK_TIMEOUT_MS = 10_000;

/**
 * Opens the file, or creates it if it is missing. Neither follows nor replaces anything else that
 * has the name.
 */
function openOrCreate(path: string): number {
  for (;;) {
    try {
      return openRegular(path, 'read-write');
    } catch (error) {
      if (!(error instanceof BackupError) || error.kind !== 'not-found') throw error;
    }
    try {
      const fd = createExclusively(path);
      giveOwner(fd, lstatExisting(dirname(path)));
      return fd;
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'EEXIST')
        throw asBackupError(error, `cannot create ${path}`);
    }
  }
}

/**
 * Opens the file and locks it against another passwd process. The lock belongs to the descriptor,
 * so a killed process leaves none behind. Throws 'not-found' if the file is missing and must not be
 * created.
 */
function lockFile(path: string, isCreated: boolean): number {
  for (;;) {
    const fd = isCreated ? openOrCreate(path) : openRegular(path, 'read-write');
    try {
      if (!lockSync(fd, 'write', LOCK_TIMEOUT_MS, 'descriptor')) {
        throw new BackupError('locked', `${path} is locked by another passwd: try again`, { subject: path });
      }
      // Another file may have been renamed over this one during the wait for the lock.
      if (disk.lstat(path)?.ino === disk.fstat(fd).ino) return fd;
      disk.close(fd);
    } catch (error) {
      disk.close(fd);
      throw error;
    }
  }
}

/** Applies a change to the table of users, and replaces the file with the result. */
function rewrite(path: string, isCreated: boolean, change: (table: PasswordTable) => void): void {
  const fd = lockFile(path, isCreated);
  try {
    const table = readTable(path, disk.exactFstat(fd));
    change(table);
    replaceFile(path, Buffer.from(formatTable(table)));
  } finally {
    disk.close(fd);
  }
}

/** Adds or changes a user's password. Creates the file with mode 0600 if it is missing. */
export async function setPassword(path: string, user: string, password: string): Promise<void> {
  if (!/^[^:\p{Cc}]+$/u.test(user) || user.startsWith('#')) {
    throw new BackupError('usage', `not a user name: ${JSON.stringify(user)}`);
  }
  if (password === '' || password.includes('\0')) {
    throw new BackupError('usage', 'a password cannot be empty or contain a NUL');
  }
  const credentials = new Map<ScramMechanism, ScramCredential>();
  for (const mechanism of SCRAM_MECHANISMS) {
    credentials.set(mechanism, await newCredential(mechanism, password));
  }
  rewrite(path, true, (table) => table.set(user, credentials));
}

/** Removes a user. Throws BackupError 'not-found' if the user is not in the file. */
export function removePassword(path: string, user: string): void {
  rewrite(path, false, (table) => {
    if (table.delete(user)) return;
    throw new BackupError('not-found', `${user} is not in ${path}`, { subject: user });
  });
}
