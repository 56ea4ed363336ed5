/**
 * Determines the owner of the files and folders in the mount. By default, one owner has everything.
 * With `-o owner=`, each user's folder belongs to the system user to whom the user is mapped.
 * System users are looked up in batches with getent(1), which queries every source configured on
 * the machine. An unknown name is looked up again after a minute.
 */
import { execFileSync } from 'node:child_process';
import { BackupError, asBackupError } from '../../src/errors.ts';
import { disk } from '../../src/fs/disk/current.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
  /** The permission bits of its folders and files. */
  readonly folderMode: number;
  readonly fileMode: number;
}

const ASK_AGAIN_MS = 60_000;
const NAMES_EACH = 500;
/** The exit code of getent(1) if some of the names were not found. */
const SOME_UNKNOWN = 2;

/**
 * Maps userids to owners. If `map` is 'map', the owner is the system user of the same name.
 * Otherwise, `map` is the path of a file with lines `USERID NAME` or `USERID UID:GID`.
 */
export class Owners {
  readonly #default: Owner;
  readonly #names: ReadonlyMap<string, string>;
  readonly #isByName: boolean;
  readonly #known = new Map<string, { readonly owner: Owner; readonly askedAtMs: number }>();

  constructor(owner: Owner, map: string | undefined) {
    this.#default = owner;
    this.#isByName = map === 'map';
    this.#names = map === undefined || map === 'map' ? new Map() : readMap(map);
  }

  /** Whether users own their folders. If so, the mount's root must let these users pass. */
  get isMapped(): boolean {
    return this.#isByName || this.#names.size > 0;
  }

  /** Returns the owner of a user's folder, or the mount's owner if the user is not mapped. */
  of(userid: string): Owner {
    const name = this.#nameOf(userid);
    if (name === undefined) return this.#default;
    const known = this.#known.get(name);
    const isLost = known?.owner === this.#default && Date.now() - known.askedAtMs > ASK_AGAIN_MS;
    if (known === undefined || isLost) this.#ask([name]);
    return this.#known.get(name)?.owner ?? this.#default;
  }

  /** Looks up all names of a listing in one call of getent(1), instead of one call per name. */
  prepare(userids: Iterable<string>): void {
    if (!this.isMapped) return;
    const wanted = new Set<string>();
    for (const userid of userids) {
      const name = this.#nameOf(userid);
      if (name !== undefined && !this.#known.has(name)) wanted.add(name);
    }
    const names = [...wanted];
    for (let at = 0; at < names.length; at += NAMES_EACH) this.#ask(names.slice(at, at + NAMES_EACH));
  }

  #nameOf(userid: string): string | undefined {
    return this.#isByName ? userid : (this.#names.get(userid) ?? this.#names.get('*'));
  }

  #ask(names: readonly string[]): void {
    const askedAtMs = Date.now();
    for (const name of names) {
      const ids = /^(\d+):(\d+)$/.exec(name);
      const owner =
        ids === null ? this.#default : { ...this.#default, uid: Number(ids[1]), gid: Number(ids[2]) };
      this.#known.set(name, { owner, askedAtMs });
    }
    // getent(1) would interpret a numeric name as a UID.
    const asked = names.filter((name) => !/^-|^\d+$|[:\n]/.test(name));
    for (const line of asked.length === 0 ? [] : passwdLines(asked)) {
      const [name, , uid, gid] = line.split(':');
      if (name !== undefined && uid !== undefined && gid !== undefined && uid !== '') {
        const owner = { ...this.#default, uid: Number(uid), gid: Number(gid) };
        this.#known.set(name, { owner, askedAtMs });
      }
    }
  }
}

function passwdLines(names: readonly string[]): string[] {
  try {
    return linesOf(
      execFileSync('getent', ['passwd', ...names], {
        encoding: 'latin1',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
  } catch (error) {
    const { status, stdout } = error as { readonly status?: unknown; readonly stdout?: unknown };
    if (status === SOME_UNKNOWN && typeof stdout === 'string') return linesOf(stdout);
    throw asBackupError(error, 'cannot ask for system users (getent passwd)');
  }
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** Reads the map file. If the file is malformed, it throws 'config' with the file and the line. */
function readMap(path: string): Map<string, string> {
  const names = new Map<string, string>();
  let text: string;
  try {
    text = disk.readFile(path).toString('latin1');
  } catch (error) {
    throw asBackupError(error, `cannot read the map of owners ${path}`);
  }
  for (const [at, line] of text.split('\n').entries()) {
    const [userid, name, ...more] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (userid === undefined || userid === '') continue;
    if (name === undefined || more.length > 0 || name.startsWith('-')) {
      throw new BackupError('config', `${path} line ${at + 1}: not USERID NAME or USERID UID:GID`, {
        subject: path,
      });
    }
    names.set(userid, name);
  }
  return names;
}
