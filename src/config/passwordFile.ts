/**
 * The password file of backupd (option backup_passwd_file): one line a user,
 *
 *   USER:SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY        (the last three in base64)
 *
 * which are the values of RFC 5802, so that the same file serves PLAIN and SCRAM-SHA-256, and knowing it is not
 * enough to log in with PLAIN. The file must not be readable by others. It is replaced by rename, never changed in
 * place, and read again when it has changed.
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, fchmodSync, fchownSync, fsyncSync, openSync, readFileSync, renameSync } from 'node:fs';
import { rmSync, statSync, writeFileSync, type BigIntStats } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { BackupError, asBackupError } from '../errors.ts';

const derive = promisify(pbkdf2);

const ITERATIONS = 100_000;
const MAX_ITERATIONS = 10_000_000;
const SALT_SIZE = 16;
const KEY_SIZE = 32;
const SCHEME = 'SCRAM-SHA-256';
/** Group write, and anything for others. */
const FORBIDDEN_MODE = 0o027n;

export interface ScramCredential {
  iterations: number;
  salt: Buffer;
  storedKey: Buffer;
  serverKey: Buffer;
}

type PasswordTable = Map<string, ScramCredential>;

/** RFC 5802 wants SASLprep; its normalisation is NFKC, which leaves ASCII as it is. */
function saltedPassword(password: string, salt: Buffer, iterations: number): Promise<Buffer> {
  return derive(password.normalize('NFKC'), salt, iterations, KEY_SIZE, 'sha256');
}

function keysOf(salted: Buffer): { storedKey: Buffer; serverKey: Buffer } {
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const serverKey = createHmac('sha256', salted).update('Server Key').digest();
  return { storedKey: createHash('sha256').update(clientKey).digest(), serverKey };
}

async function makeCredential(password: string, iterations = ITERATIONS): Promise<ScramCredential> {
  const salt = randomBytes(SALT_SIZE);
  return { iterations, salt, ...keysOf(await saltedPassword(password, salt, iterations)) };
}

const base64 = (bytes: Buffer): string => bytes.toString('base64');

function formatLine(user: string, { iterations, salt, storedKey, serverKey }: ScramCredential): string {
  return `${user}:${SCHEME}$${iterations}:${base64(salt)}$${base64(storedKey)}:${base64(serverKey)}\n`;
}

const LINE = /^([^:]+):SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/;

function parseLine(text: string, path: string, line: number): [string, ScramCredential] {
  const match = LINE.exec(text);
  const bytes = (group: number): Buffer => Buffer.from(match?.[group] ?? '', 'base64');
  const iterations = Number(match?.[2]);
  const credential = { iterations, salt: bytes(3), storedKey: bytes(4), serverKey: bytes(5) };
  const isWhole = credential.storedKey.length === KEY_SIZE && credential.serverKey.length === KEY_SIZE;
  if (match === null || !isWhole || iterations < 1 || iterations > MAX_ITERATIONS) {
    throw new BackupError('config', `${path}, line ${line}: not a password entry`, { subject: path });
  }
  return [match[1] as string, credential];
}

function parseTable(text: string, path: string): PasswordTable {
  const table: PasswordTable = new Map();
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return;
    const [user, credential] = parseLine(line, path, index + 1);
    if (table.has(user)) {
      throw new BackupError('config', `${path}, line ${index + 1}: ${user} was there before`, {
        subject: path,
      });
    }
    table.set(user, credential);
  });
  return table;
}

function statFile(path: string): BigIntStats | null {
  return statSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
}

function readTable(path: string, stats: BigIntStats): PasswordTable {
  if ((stats.mode & FORBIDDEN_MODE) !== 0n) {
    const text = `${path} must be neither open to others nor writable by its group (chmod 0600 or 0640)`;
    throw new BackupError('config', text, { subject: path });
  }
  try {
    return parseTable(readFileSync(path, 'utf8'), path);
  } catch (error) {
    throw asBackupError(error, `cannot read ${path}`);
  }
}

/** The file as a verifier of passwords. */
export class PasswordFile {
  readonly path: string;
  readonly #unknownUserKey = randomBytes(KEY_SIZE);
  #table: PasswordTable = new Map();
  #version = '';

  constructor(path: string) {
    this.path = path;
  }

  exists(): boolean {
    return statFile(this.path) !== null;
  }

  /** What is stored of a user; null where the user is not in the file, or the file is not there. */
  lookup(user: string): ScramCredential | null {
    const stats = statFile(this.path);
    if (stats === null) return null;
    const version = `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
    if (version !== this.#version) {
      this.#table = readTable(this.path, stats);
      this.#version = version;
    }
    return this.#table.get(user) ?? null;
  }

  /**
   * Whether it is the user's password. An unknown user costs the same derivation as a known one, with a salt that
   * stays the same for the name, so that neither time nor SCRAM tells them apart.
   */
  async verify(user: string, password: string): Promise<boolean> {
    const known = this.lookup(user);
    const { salt, iterations, storedKey } = known ?? this.#decoy(user);
    const offered = keysOf(await saltedPassword(password, salt, iterations));
    const matches = timingSafeEqual(offered.storedKey, storedKey);
    return matches && known !== null;
  }

  #decoy(user: string): ScramCredential {
    const digest = createHmac('sha256', this.#unknownUserKey).update(user).digest();
    return {
      iterations: ITERATIONS,
      salt: digest.subarray(0, SALT_SIZE),
      storedKey: digest,
      serverKey: digest,
    };
  }
}

/** Replaces the file by one with these contents. The new file's name serves as the lock against a second writer. */
function rewrite(path: string, change: (table: PasswordTable) => void): void {
  const newPath = `${path}.new`;
  const fd = openNew(newPath);
  try {
    const stats = statFile(path);
    const table = stats === null ? (new Map() as PasswordTable) : readTable(path, stats);
    change(table);
    writeFileSync(fd, [...table].map(([user, credential]) => formatLine(user, credential)).join(''));
    if (stats !== null) {
      fchmodSync(fd, Number(stats.mode & 0o777n));
      if (process.getuid?.() === 0) fchownSync(fd, Number(stats.uid), Number(stats.gid));
    }
    fsyncSync(fd);
    renameSync(newPath, path);
    syncDirectory(dirname(path));
  } catch (error) {
    rmSync(newPath, { force: true });
    throw asBackupError(error, `cannot rewrite ${path}`);
  } finally {
    closeSync(fd);
  }
}

function openNew(newPath: string): number {
  try {
    return openSync(newPath, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw asBackupError(error, `cannot create ${newPath}`);
    }
    const text = `${newPath} exists: another passwd is at work, or was killed (then remove the file)`;
    throw new BackupError('locked', text, { subject: newPath });
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Enters or changes a user's password; makes the file, mode 0600, where there is none. */
export async function setPassword(path: string, user: string, password: string): Promise<void> {
  if (!/^[^:\p{Cc}]+$/u.test(user) || user.startsWith('#')) {
    throw new BackupError('usage', `not a user name: ${JSON.stringify(user)}`);
  }
  if (password === '' || password.includes('\0')) {
    throw new BackupError('usage', 'a password cannot be empty or contain a NUL');
  }
  const credential = await makeCredential(password);
  rewrite(path, (table) => table.set(user, credential));
}

/** Throws BackupError 'not-found' where the user is not in the file. */
export function removePassword(path: string, user: string): void {
  rewrite(path, (table) => {
    if (table.delete(user)) return;
    throw new BackupError('not-found', `${user} is not in ${path}`, { subject: user });
  });
}
