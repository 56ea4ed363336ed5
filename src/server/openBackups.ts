/**
 * The backups that one session holds, from the first command that touches a user until RESTART, EXIT, idleness or the
 * end of the connection. Holding means: locked against every other writer. A session that goes through many users
 * without a RESTART (sync_client -A) gives up those it has not touched for long.
 */
import { dirname } from 'node:path';
import { Backup } from '../backup/backup.ts';
import type { BackupOptions, Notice } from '../backup/options.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { isDamagedIndex } from '../index/store/indexErrors.ts';
import type { IndexError } from '../index/store/indexErrors.ts';
import { mailboxByName, mailboxByUniqueid } from '../index/queries/current.ts';
import type { LiveMailbox } from '../index/types.ts';
import { backupUseridOf, inboxOf } from '../mailbox/names.ts';
import { getString } from '../protocol/dlist.ts';
import type { KeyValues } from '../protocol/dlist.ts';
import { BackupError } from '../errors.ts';
import type { DiskSpace } from './limits/diskSpace.ts';
import { isHeldMailboxLater } from './renamedInbox.ts';

export interface OpenBackupsOptions extends BackupOptions {
  readonly deletedPrefix: string;
  /** Most backups that a session holds at once. */
  readonly openBackups: number;
}

/** Of all sessions together: beyond it, each holds one. */
const MOST_OPEN_IN_ALL = 256;
let openInAll = 0;

/** A living mailbox, and where it is. */
export interface Holding {
  readonly backup: Backup;
  readonly mailbox: LiveMailbox;
}

export class OpenBackups {
  readonly #catalog: Catalog;
  readonly #options: OpenBackupsOptions;
  readonly #notice: Notice;
  readonly #disk: DiskSpace;
  /** Least recently used first. */
  readonly #open = new Map<string, Backup>();
  /** Users that the master has spoken of, since the last release. */
  readonly #spokenOf = new Set<string>();

  constructor(catalog: Catalog, options: OpenBackupsOptions, disk: DiskSpace, notice: Notice) {
    this.#catalog = catalog;
    this.#options = options;
    this.#notice = notice;
    this.#disk = disk;
  }

  /** The userid whose backup an internal mailbox name belongs to. */
  ownerOf(mboxname: string): string {
    return backupUseridOf(mboxname, this.#options.deletedPrefix);
  }

  /** The user's backup, or null where there is none yet. Throws 'locked', 'no-user'. */
  async find(userid: string): Promise<Backup | null> {
    const open = this.#touch(userid);
    if (open?.isBroken === false) return open;
    if (open !== undefined) {
      // Opening it brings log and index into step again.
      this.#open.delete(userid);
      openInAll -= 1;
      await open.close();
    }
    const path = this.#catalog.find(userid);
    return path === null ? null : this.#openBackup(userid, path);
  }

  /**
   * The backup that holds a living mailbox of that internal name, and the mailbox; null where there is none. A mailbox of a
   * user who was renamed is in the backup that followed the user, until it has a name of its own there. `absent`: for a caller
   * with many names, users who have proved to have no backup and no later name; they are looked up once.
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

  /** For writing. Throws 'no-space' too, where the disk is nearly full. */
  async findOrCreate(userid: string): Promise<Backup> {
    const backup =
      (await this.find(userid)) ?? (await this.#openBackup(userid, this.#catalog.create(userid)));
    this.#disk.requireRoom(dirname(backup.path));
    return backup;
  }

  /** The master speaks of a user as one that it has. */
  speaksOf(userid: string): void {
    this.#spokenOf.add(userid);
  }

  /**
   * Notes whose INBOX a uniqueid is. Called between the creation of a backup and the first line in it: a backup whose
   * INBOX is noted has held something (Catalog.beginAgain).
   */
  noteInbox(userid: string, uniqueid: string): void {
    const { inboxes } = this.#catalog;
    if (inboxes.userOf(uniqueid) !== userid) inboxes.put(uniqueid, userid);
  }

  /**
   * Where the INBOX was that of another user, this one has no backup yet, and there are signs that the user was renamed
   * (renamedInbox.ts), the other's backup becomes this one's.
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
    // Two masters that both have the mailbox would send one backup to and fro.
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

  /** The user's backup goes to another userid, which has none yet. */
  async renameUser(from: string, to: string): Promise<void> {
    const held = this.#open.get(from);
    if (this.#open.delete(from)) openInAll -= 1;
    await held?.close();
    // First, since a rename that is done must not be refused. Without a backup of the later name it means nothing.
    this.#catalog.inboxes.putLaterName(from, to);
    this.#catalog.rename(from, to);
    this.#notice(`${from} is ${to} from now on, with all of the backup`);
  }

  /**
   * Runs a command. Where an index turns out to be damaged in the middle of it, that index is built anew, and the command
   * is run again. If part of the answer has been sent, the command fails once: the master repeats it.
   */
  async withSoundIndexes(command: () => Promise<void>, hasAnswered: () => boolean): Promise<void> {
    try {
      await command();
    } catch (error) {
      if (!isDamagedIndex(error) || !(await this.#giveUpIndex(error)) || hasAnswered()) throw error;
      await command();
    }
  }

  /** The next open of the backup builds its index from the log. false: the index is none of a backup that is held. */
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

  /** Before a master is told to upload. Throws 'no-space'. Of a user without a backup it shows when the mail comes. */
  requireRoomForMail(paths: readonly string[]): void {
    for (const path of paths) this.#disk.requireRoomForMail(dirname(path));
  }

  /** Those held now. */
  held(): Iterable<Backup> {
    return this.#open.values();
  }

  /** Ends all chunks and gives up all locks. */
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

  /** A move may have taken it elsewhere while its lock was waited for. */
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
