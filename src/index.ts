/**
 * The public API: reads a store of backups from another program, without backupd and without a
 * mount.
 *
 * ```ts
 * import { openStore } from 'cyrus-backups';
 *
 * const store = openStore({ config: '/etc/imapd.conf' });
 * const anne = store.backup('anne', { at: new Date('2026-11-20T12:00:00Z') });
 * for (const mailbox of anne.mailboxes())
 *   for (const record of anne.records(mailbox)) await pipeline(anne.message(record.guid), process.stdout);
 * anne.close();
 * store.close();
 * ```
 *
 * Reading takes no lock and never makes a writer wait. An open backup is one steady snapshot: what
 * arrives after it was opened is seen by the next one that is opened. Nothing here writes to the
 * store.
 *
 * Every error is a `BackupError`; its `kind` says what to do (see `ErrorKind`): `config`
 * (imapd.conf), `not-found` (no such user, message or time), `damaged` (bytes that are not what was
 * written), `permission` and `io` (what the system refused).
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { Catalog } from './catalog/catalog.ts';
import { readOnlyCatalog } from './catalog/catalogOptions.ts';
import { loadConfig } from './config/imapdConf.ts';
import { BackupError } from './errors.ts';
import type { Mailbox as MailboxRow } from './index/types.ts';
import { folderLevels } from './restore/folderLevels.ts';
import { RestoreSource } from './restore/source.ts';

export { BackupError } from './errors.ts';
export type { ErrorKind } from './errors.ts';

export interface StoreOptions {
  /** Path of the imapd.conf that backupd runs with. */
  readonly config: string;
}

export interface BackupOptions {
  /** Shows the backup as it was at this time, to the second. Without it: as it is now. */
  readonly at?: Date;
}

/** A mailbox at the time for which its backup was opened. */
export interface Mailbox {
  /** Stays the same when the mailbox is renamed. */
  readonly uniqueid: string;
  /** Cyrus' internal name, such as `user.anne.Archive`. */
  readonly name: string;
  /** The name as decoded folder names: `['Archive', '2024']`, or `['INBOX']` for the INBOX. */
  readonly path: readonly string[];
  readonly uidvalidity: number;
  /** The highest UID that was given out. */
  readonly lastUid: number;
  readonly highestModseq: bigint;
}

/** A message's entry in a mailbox. */
export interface MailRecord {
  readonly uid: number;
  /** Hex SHA-1 of the message: the key for `UserBackup.message`. */
  readonly guid: string;
  readonly sizeBytes: number;
  readonly internalDate: Date;
  readonly modseq: bigint;
  /** System flags and keywords, such as `\Seen`. */
  readonly flags: readonly string[];
  /** When the message was expunged; undefined while it lives. */
  readonly expunged: Date | undefined;
  /** False where the master never supplied the message's bytes. */
  readonly isStored: boolean;
}

/** A store of backups: one for each user. Close it when it is no longer needed. */
export interface Store {
  /** Userids that have a backup, in byte order. `%SHARED` has all shared mailboxes. */
  users(): Generator<string>;
  /**
   * Opens one user's backup. Throws `not-found` for an unknown user, and for a time of which
   * compaction has dropped what was there.
   */
  backup(userid: string, options?: BackupOptions): UserBackup;
  close(): void;
}

/** One user's backup at one time. Holds two file descriptors until it is closed. */
export interface UserBackup {
  readonly userid: string;
  /** The mailboxes that existed at the time, by name, with those that Cyrus had yet to delete. */
  mailboxes(): Mailbox[];
  /**
   * A mailbox's records by UID, a thousand held in memory at a time. Expunged ones come too, as far
   * as the retention keeps them: see `MailRecord.expunged`. Throws `not-found` where the mailbox is
   * not in this backup.
   */
  records(mailbox: Pick<Mailbox, 'uniqueid'>): Generator<MailRecord>;
  /**
   * A message's bytes as a stream. Its SHA-1 is checked on the way: the stream fails with `damaged`
   * at its end where the bytes are not those of the GUID, and with `not-found` at its start where
   * there are none. The backup must stay open until the stream ends.
   */
  message(guid: string): Readable;
  close(): void;
}

/** Opens a store. Throws `config`, `not-found` (no backups.db) or `permission`. */
export function openStore(options: StoreOptions): Store {
  const config = loadConfig(options.config);
  return new CatalogStore(Catalog.open(readOnlyCatalog(config)), config.deletedprefix);
}

class CatalogStore implements Store {
  readonly #catalog: Catalog;
  readonly #deletedPrefix: string;

  constructor(catalog: Catalog, deletedPrefix: string) {
    this.#catalog = catalog;
    this.#deletedPrefix = deletedPrefix;
  }

  *users(): Generator<string> {
    for (const { userid } of this.#catalog.list()) yield fromBytes(userid);
  }

  backup(userid: string, options: BackupOptions = {}): UserBackup {
    const key = Buffer.from(userid, 'utf8').toString('latin1');
    const path = this.#catalog.find(key);
    if (path === null) throw new BackupError('not-found', `${userid} has no backup`, { subject: userid });
    const time = options.at === undefined ? null : Math.floor(options.at.getTime() / 1000);
    return new SourceBackup(new RestoreSource(key, path, time), this.#deletedPrefix);
  }

  close(): void {
    this.#catalog.close();
  }
}

class SourceBackup implements UserBackup {
  readonly #source: RestoreSource;
  readonly #deletedPrefix: string;
  #rows: ReadonlyMap<string, MailboxRow> | undefined;

  constructor(source: RestoreSource, deletedPrefix: string) {
    this.#source = source;
    this.#deletedPrefix = deletedPrefix;
  }

  get userid(): string {
    return fromBytes(this.#source.userid);
  }

  mailboxes(): Mailbox[] {
    return [...this.#byUniqueid().values()].map((row) => ({
      uniqueid: row.uniqueid,
      name: fromBytes(row.name),
      path: folderLevels(row.name, this.#deletedPrefix),
      uidvalidity: row.uidvalidity,
      lastUid: row.lastUid,
      highestModseq: BigInt(row.highestmodseq),
    }));
  }

  *records(mailbox: Pick<Mailbox, 'uniqueid'>): Generator<MailRecord> {
    const row = this.#byUniqueid().get(mailbox.uniqueid);
    if (row === undefined) {
      throw new BackupError('not-found', `no mailbox ${mailbox.uniqueid} in the backup of ${this.userid}`);
    }
    for (const record of this.#source.records(row)) {
      yield {
        uid: record.uid,
        guid: record.guid,
        sizeBytes: record.size,
        internalDate: new Date(record.internaldate * 1000),
        modseq: BigInt(record.modseq),
        flags: record.flags === '' ? [] : record.flags.split(' '),
        expunged: record.expunged === null ? undefined : new Date(record.expunged * 1000),
        isStored: record.chunkId !== null,
      };
    }
  }

  message(guid: string): Readable {
    return Readable.from(checkedPieces(this.#source, guid.toLowerCase()), { objectMode: false });
  }

  close(): void {
    this.#source.close();
  }

  #byUniqueid(): ReadonlyMap<string, MailboxRow> {
    this.#rows ??= new Map(this.#source.mailboxes().map((row) => [row.uniqueid, row]));
    return this.#rows;
  }
}

function* checkedPieces(source: RestoreSource, guid: string): Generator<Buffer> {
  const hash = createHash('sha1');
  for (const piece of source.pieces(guid)) {
    hash.update(piece);
    if (piece.length > 0) yield piece;
  }
  if (hash.digest('hex') !== guid) {
    throw new BackupError('damaged', `message ${guid}: its bytes do not match its GUID`, { subject: guid });
  }
}

/** Userids and mailbox names are byte strings inside; outside they are text. */
function fromBytes(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
