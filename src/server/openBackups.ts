/**
 * The backups that one session holds, from the first command for a user until RESTART, EXIT,
 * idleness or the end of the connection. A held backup is locked against every other writer. If a
 * session visits many users without a RESTART (sync_client -A), it releases the least recently used
 * backups.
 */
import { dirname } from 'node:path';
import { Backup } from '../backup/backup.ts';
import type { BackupOptions, Notice } from '../backup/options.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { isDamagedIndex } from '../index/store/indexErrors.ts';
import type { IndexFile } from '../index/store/indexFile.ts';
import type { IndexError } from '../index/store/indexErrors.ts';
import { mailboxByName, mailboxByUniqueid } from '../index/queries/mailboxes.ts';
import { missingCount } from '../index/queries/missing.ts';
import type { LiveMailbox } from '../index/types.ts';
import { backupUseridOf, inboxOf } from '../mailbox/names.ts';
import { getString } from '../protocol/dlist.ts';
import type { KeyValues } from '../protocol/dlist.ts';
import { BackupError } from '../errors.ts';
import type { DiskSpace } from './limits/diskSpace.ts';
import { isHeldMailboxLater } from './renamedInbox.ts';

export interface OpenBackupsOptions extends BackupOptions {
  readonly deletedPrefix: string;
  /** The most backups that a session holds at once. */
  readonly openBackups: number;
}

/** The most backups that all sessions together hold. Beyond this limit, each session holds one. */
const MOST_OPEN_IN_ALL = 256;
let openInAll = 0;

/** A mailbox that is not deleted, and its backup. */
export interface Holding {
  readonly backup: Backup;
  readonly mailbox: LiveMailbox;
}

export interface Surroundings {
  readonly disk: DiskSpace;
  readonly notice: Notice;
  /** Called when a command looks at the backup of a user. */
  readonly names: (userid: string) => void;
  /** Called when a user was renamed. */
  readonly renamed: (from: string, to: string) => void;
}

/** The number of open backups in the process. */
export function openBackupCount(): number {
  return openInAll;
}

export class OpenBackups {
  readonly #catalog: Catalog;
  readonly #options: OpenBackupsOptions;
  readonly #notice: Notice;
  readonly #disk: DiskSpace;
  readonly #surroundings: Surroundings;
  /** The held backups, the least recently used first. */
  readonly #open = new Map<string, Backup>();
  /** Users that the master has mentioned since the backups were last released. */
  readonly #spokenOf = new Set<string>();

  constructor(catalog: Catalog, options: OpenBackupsOptions, surroundings: Surroundings) {
    this.#catalog = catalog;
    this.#options = options;
    this.#notice = surroundings.notice;
    this.#disk = surroundings.disk;
    this.#surroundings = surroundings;
  }

  /** Returns the userid whose backup an internal mailbox name belongs to. */
  ownerOf(mboxname: string): string {
    return backupUseridOf(mboxname, this.#options.deletedPrefix);
  }

  /** Returns the user's backup, or null if there is none yet. Throws 'locked', 'no-user'. */
  async find(userid: string): Promise<Backup | null> {
    const open = this.#touch(userid);
    if (open?.isBroken === false) {
      this.#surroundings.names(userid);
      return open;
    }
    if (open !== undefined) {
      // Opening the backup again makes the index match the log.
      this.#open.delete(userid);
      openInAll -= 1;
      await open.close();
    }
    const path = this.#catalog.find(userid);
    return path === null ? null : this.#openBackup(userid, path);
  }

  /**
   * Returns the mailbox with this internal name, unless it is deleted, and the backup that holds
   * it. Returns null if there is none. After a rename of a user, the mailbox is in the backup that
   * was moved to the new userid, until the mailbox gets a new name there.
   *
   * `absent` is for callers with many names. It collects users who have neither a backup nor a
   * later name, so that each user is looked up only once.
   */
  async holding(mboxname: string, absent?: Set<string>): Promise<Holding | null> {
    const seen = new Set<string>();
    let userid: string | null = this.ownerOf(mboxname);
    if (absent?.has(userid) === true) return null;
    while (userid !== null && !seen.has(userid)) {
      seen.add(userid);
      const backup: Backup | null = await this.find(userid);
      const mailbox = backup === null ? undefined : mailboxByName(backup.index, mboxname);
      if (backup !== null && mailbox !== undefined) return { backup, mailbox };
      const laterName: string | null = this.#catalog.inboxes.laterName(userid);
      if (backup === null && laterName === null) absent?.add(userid);
      userid = laterName;
    }
    return null;
  }

  /** Returns the backup for writing. Also throws 'no-space' if the disk is nearly full. */
  async findOrCreate(userid: string): Promise<Backup> {
    const backup =
      (await this.find(userid)) ?? (await this.#openBackup(userid, this.#catalog.create(userid)));
    this.#disk.requireRoom(dirname(backup.path));
    return backup;
  }

  /** Records that the master has mentioned this user as existing. */
  speaksOf(userid: string): void {
    this.#spokenOf.add(userid);
  }

  /**
   * Records which user's INBOX has this uniqueid. Call it after a backup is created and before its
   * first line: a backup with a recorded INBOX has held something (Catalog.beginAgain).
   */
  noteInbox(userid: string, uniqueid: string): void {
    const { inboxes } = this.#catalog;
    if (inboxes.userOf(uniqueid) !== userid) inboxes.put(uniqueid, userid);
  }

  /**
   * Moves another user's backup to this user if all of these are true:
   *
   * - The INBOX belonged to the other user.
   * - This user has no backup yet.
   * - There are signs that the user was renamed (renamedInbox.ts).
   */
  async followInbox(userid: string, inbox: KeyValues): Promise<void> {
    const known = this.#catalog.inboxes.userOf(getString(inbox, 'UNIQUEID'));
    if (known === null || known === userid) return;
    if ((await this.find(userid)) === null) await this.#followFrom(known, userid, inbox);
  }

  async #followFrom(known: string, userid: string, inbox: KeyValues): Promise<void> {
    const backup = await this.find(known);
    const held = backup === null ? undefined : mailboxByUniqueid(backup.index, getString(inbox, 'UNIQUEID'));
    if (backup === null || held?.deleted !== null || held.name !== inboxOf(known)) return;
    // If two masters both had the mailbox, the backup would move back and forth between the users.
    const wasBefore = this.#catalog.inboxes.laterName(userid) === known;
    if (!wasBefore && !this.#spokenOf.has(known) && isHeldMailboxLater(backup.index, held, inbox)) {
      await this.renameUser(known, userid);
      return;
    }
    this.#notice(
      `${userid}: the INBOX has the uniqueid of ${known}'s, and nothing shows that ${known} was renamed: ` +
        `${userid} gets a backup of their own`,
    );
  }

  /** Moves the user's backup to another userid, which must not have one yet. */
  async renameUser(from: string, to: string): Promise<void> {
    const held = this.#open.get(from);
    if (this.#open.delete(from)) openInAll -= 1;
    await held?.close();
    // Record the rename first, because a completed rename must not be refused. As long as the later
    // name has no backup, the record has no effect.
    this.#catalog.inboxes.putLaterName(from, to);
    this.#catalog.rename(from, to);
    this.#surroundings.renamed(from, to);
    this.#notice(`${from} is ${to} from now on, with all of the backup`);
  }

  /**
   * Runs a command. If an index turns out to be damaged, rebuilds the index and runs the command
   * again. If a part of the answer was already sent, the command fails instead, and the master
   * repeats it.
   */
  async withSoundIndexes(command: () => Promise<void>, hasAnswered: () => boolean): Promise<void> {
    try {
      await command();
    } catch (error) {
      if (!isDamagedIndex(error) || !(await this.#giveUpIndex(error)) || hasAnswered()) throw error;
      await command();
    }
  }

  /**
   * Closes the backup. Its next open rebuilds the index from the log. Returns false if no held
   * backup has this index.
   */
  async #giveUpIndex({ path, message }: IndexError): Promise<boolean> {
    for (const [userid, backup] of this.#open) {
      if (backup.index.path !== path) continue;
      this.#open.delete(userid);
      openInAll -= 1;
      await backup.closeWithoutIndex(message);
      return true;
    }
    return false;
  }

  /**
   * Call before a master is asked to upload. Throws 'no-space'. If a user has no backup yet, the
   * check is made when the mail arrives.
   */
  requireRoomForMail(paths: readonly string[]): void {
    for (const path of paths) this.#disk.requireRoomForMail(dirname(path));
  }

  /** The backups held at present. */
  held(): Iterable<Backup> {
    return this.#open.values();
  }

  /** The number of missing messages of a held backup; undefined if that is unknown. */
  missingCountOf(userid: string): number | undefined {
    const backup = this.#open.get(userid);
    if (backup === undefined || backup.isBroken) return undefined;
    try {
      return missingCount(backup.index);
    } catch {
      return undefined; // the index is damaged, which the next command notices
    }
  }

  /** The index of a held backup; undefined if it is not held. */
  indexOf(userid: string): IndexFile | undefined {
    const backup = this.#open.get(userid);
    return backup === undefined || backup.isBroken ? undefined : backup.index;
  }

  /** Ends all chunks and releases all locks. */
  async release(): Promise<void> {
    this.#spokenOf.clear();
    for (const [userid, backup] of this.#open) {
      this.#open.delete(userid);
      openInAll -= 1;
      await backup.close();
    }
  }

  #touch(userid: string): Backup | undefined {
    const backup = this.#open.get(userid);
    if (backup === undefined) return undefined;
    this.#open.delete(userid);
    this.#open.set(userid, backup);
    return backup;
  }

  async #openBackup(userid: string, path: string): Promise<Backup> {
    this.#surroundings.names(userid);
    for (const [oldest, held] of this.#open) {
      if (this.#open.size < this.#options.openBackups && openInAll < MOST_OPEN_IN_ALL) break;
      this.#open.delete(oldest);
      openInAll -= 1;
      await held.close();
    }
    const backup = await this.#openWhereItIs(userid, path);
    this.#open.set(userid, backup);
    openInAll += 1;
    return backup;
  }

  /** Opens the backup, even if it was moved while this session waited for its lock. */
  async #openWhereItIs(userid: string, path: string): Promise<Backup> {
    try {
      return await Backup.open(userid, path, this.#options, this.#notice);
    } catch (error) {
      const present = this.#catalog.find(userid);
      const isGone = error instanceof BackupError && error.kind === 'not-found' && present !== null;
      if (!isGone) throw error;
      if (present === path) {
        this.#catalog.beginAgain(userid, path);
        this.#notice(
          `${userid}: the data file was gone, and had held nothing: an empty one was made, ${path}`,
        );
      }
      return Backup.open(userid, present, this.#options, this.#notice);
    }
  }
}
