/**
 * A view of a user's mail: living or deleted, now or at a past time. Every layout obtains its
 * folders and records from a view, so a layout does not deal with time.
 */
import { LRUCache } from 'lru-cache';
import type { BackupReader } from '../../../src/backup/reader.ts';
import { BackupError } from '../../../src/errors.ts';
import { horizon } from '../../../src/index/queries/horizon.ts';
import { mailboxByUniqueid, shownMailboxes } from '../../../src/index/queries/mailboxes.ts';
import {
  flaggedPage,
  listedPage,
  locationsPage,
  recordAt,
  recordsPage,
} from '../../../src/index/queries/records.ts';
import type {
  FlaggedRecord,
  ListedRecord,
  LocatedRecord,
  LocatedUid,
  RecordRange,
} from '../../../src/index/queries/records.ts';
import { FsError } from '../../vfs/fsError.ts';
import { countLinks, linksOf } from './hardlinks.ts';
import type { LinkCounts } from './hardlinks.ts';
import { inodeOf } from '../hash.ts';
import { timestampName } from '../timestampNames.ts';
import { PerBackup } from '../backup/perBackup.ts';
import { deletedMail, departedMail, livingMail } from './shownMailboxes.ts';
import { buildStructure, folderAt, identityOf, uniqueidIn } from './structure.ts';
import type { StructureFolder } from './structure.ts';
import type { UserBackup } from '../backup/userBackup.ts';
import { FOLDER_VALID_MS, MESSAGE_VALID_MS, UNNOTICED_VALID_MS } from '../validity.ts';

export interface ViewOptions {
  readonly part: 'living' | 'deleted';
  /**
   * The time to show in unix seconds, or null for now. It is evaluated at each use, because a
   * snapshot may begin or end in between.
   */
  readonly time: () => number | null;
  /** Returns the backup to read, if it is not the current one. */
  readonly pinned?: () => BackupReader | undefined;
  /**
   * Part of the input of inode numbers, so that the same mail has different inodes in different
   * views. Empty in the default view.
   */
  readonly salt: string;
  /**
   * How changes become visible:
   *
   * - `told`: each change is invalidated in the kernel (changes.ts);
   * - `never`: the mail shown cannot change;
   * - `unnoticed`: the kernel sees a change when its cached answer times out.
   */
  readonly changes: 'told' | 'never' | 'unnoticed';
  readonly deletedPrefix: string;
  /** Whether identical messages share an inode. */
  readonly hardlinks: boolean;
}

/**
 * Returns the error for a time before the complete history. It is deliberately not 'not-found',
 * because an incomplete history must not look like an empty folder.
 */
function notKnown(userid: string, time: number): BackupError {
  return new BackupError('io', `${userid}: what was at ${timestampName(time)} has been compacted away`, {
    subject: userid,
  });
}

const structures = new PerBackup<StructureFolder>();
const links = new PerBackup<LinkCounts>();
/**
 * The minimum interval between two counts of links. A count reads all records of a user, so it must
 * not run at every change.
 */
const COUNT_LINKS_EVERY_MS = 5000;

const PAGE_RECORDS = 1000;
const RECORDS_AHEAD = 64;
/**
 * The largest distance between the UIDs of two requests that still counts as sequential reading.
 * Expunged messages leave gaps between UIDs.
 */
const NEAR_UIDS = 16;

/**
 * The last page of records of a few folders that are being listed. Keeping pages for many thousands
 * of folders would take too much memory.
 */
const lastPages = new LRUCache<StructureFolder, readonly ListedRecord[]>({ max: 8 });

interface RecordsAhead {
  readonly records: ReadonlyMap<number, LocatedRecord>;
  readonly last: number;
}

export class MailView {
  readonly user: UserBackup;
  readonly options: ViewOptions;
  /** The inodes of folders. Every change creates a new structure with new folder objects. */
  readonly #inodes = new WeakMap<StructureFolder, bigint>();
  readonly #ahead = new WeakMap<StructureFolder, RecordsAhead>();

  constructor(user: UserBackup, options: ViewOptions) {
    this.user = user;
    this.options = options;
  }

  /**
   * How long the kernel may use what it has cached about a folder or a message, in milliseconds.
   */
  get folderValidMs(): number {
    return this.options.changes === 'unnoticed' ? UNNOTICED_VALID_MS : FOLDER_VALID_MS;
  }

  get messageValidMs(): number {
    return this.options.changes === 'unnoticed' ? UNNOTICED_VALID_MS : MESSAGE_VALID_MS;
  }

  reader(): BackupReader {
    return this.options.pinned?.() ?? this.user.reader();
  }

  /** Returns the structure of all folders. Throws the same errors as UserBackup.reader. */
  structure(): StructureFolder {
    const { part, deletedPrefix } = this.options;
    const reader = this.reader();
    const { index } = reader;
    const time = this.options.time();
    if (time !== null && time < horizon(index)) throw notKnown(this.user.userid, time);
    const version = String(index.dataVersion());
    return structures.get(reader, `${part}@${time ?? 'now'}`, version, () => {
      if (part === 'deleted') return buildStructure(deletedMail(index, time, deletedPrefix));
      const mailboxes = [...shownMailboxes(index, time)];
      // In a past view, the mtime of every folder is that time, so departed mailboxes are not
      // needed.
      const departed = time === null ? departedMail(index, mailboxes, deletedPrefix) : [];
      return buildStructure(livingMail(mailboxes, deletedPrefix), departed);
    });
  }

  /**
   * Returns the folder at a path of the structure. Throws 'not-found' if the folder is gone. If
   * `identity` is given and does not match, it throws ESTALE, so that messages of two mailboxes are
   * never confused.
   */
  folder(path: string, identity = ''): StructureFolder {
    const folder = folderAt(this.structure(), path);
    if (folder === undefined) throw new BackupError('not-found', `${this.user.userid}/${path} is gone`);
    if (identity !== '' && identity !== identityOf(folder)) throw new FsError('ESTALE');
    return folder;
  }

  /** Reports whether the folder lists present living mail, for which the index needs no history. */
  isPlain({ shown }: StructureFolder): boolean {
    return shown === 'living' && this.options.time() === null;
  }

  /**
   * Returns up to `limit` records in the order of their UIDs, or none at the end of the folder. If
   * a caller has used only part of a page, the next call returns the rest of that page.
   */
  page(folder: StructureFolder, afterUid: number, limit: number): readonly ListedRecord[] {
    const before = lastPages.get(folder) ?? [];
    const at = before.findLastIndex(({ uid }) => uid === afterUid);
    if (at >= 0 && at < before.length - 1) return before.slice(at + 1);
    const page = this.#newPage(folder, afterUid, limit);
    lastPages.set(folder, page);
    return page;
  }

  #newPage(folder: StructureFolder, afterUid: number, limit: number): ListedRecord[] {
    const range = this.#range(folder, afterUid, limit);
    if (range === undefined) return [];
    const { index } = this.reader();
    return this.isPlain(folder) ? listedPage(index, range) : recordsPage(index, range);
  }

  #range({ mailbox, shown }: StructureFolder, afterUid: number, limit: number): RecordRange | undefined {
    if (mailbox === null) return undefined;
    return { mailboxId: mailbox.id, time: this.options.time(), shown, afterUid, limit };
  }

  /** Like page(), with all fields of the records. */
  fullPage(folder: StructureFolder, afterUid: number, limit: number): LocatedRecord[] {
    const range = this.#range(folder, afterUid, limit);
    return range === undefined ? [] : recordsPage(this.reader().index, range);
  }

  /** Like page(), with the messages' locations. */
  locationsPage(folder: StructureFolder, afterUid: number, limit: number): LocatedUid[] {
    const range = this.#range(folder, afterUid, limit);
    return range === undefined ? [] : locationsPage(this.reader().index, range);
  }

  /** Like page(), with flags. */
  flaggedPage(folder: StructureFolder, afterUid: number, limit: number): readonly FlaggedRecord[] {
    const range = this.#range(folder, afterUid, limit);
    if (range === undefined) return [];
    const { index } = this.reader();
    return this.isPlain(folder) ? flaggedPage(index, range) : recordsPage(index, range);
  }

  /** Yields all records of a folder with their flags, in the order of their UIDs. */
  *flagged(folder: StructureFolder): Generator<FlaggedRecord> {
    for (let after = 0; ;) {
      const page = this.flaggedPage(folder, after, PAGE_RECORDS);
      yield* page;
      if (page.length < PAGE_RECORDS) return;
      after = page.at(-1)?.uid ?? after;
    }
  }

  /**
   * Returns the record of a UID if the folder lists it. If a caller requests one UID and then a
   * slightly higher one, it is probably reading the whole folder. In that case, one query fetches a
   * page of records.
   */
  record(folder: StructureFolder, uid: number): LocatedRecord | undefined {
    const ahead = this.#ahead.get(folder);
    const known = ahead?.records.get(uid);
    if (known !== undefined) return known;
    const isNext = ahead !== undefined && uid > ahead.last && uid <= ahead.last + NEAR_UIDS;
    const page = isNext ? this.fullPage(folder, uid - 1, RECORDS_AHEAD) : this.#single(folder, uid);
    const records = new Map(page.map((record) => [record.uid, record]));
    this.#ahead.set(folder, { records, last: page.at(-1)?.uid ?? uid });
    return records.get(uid);
  }

  #single({ mailbox, shown }: StructureFolder, uid: number): LocatedRecord[] {
    if (mailbox === null) return [];
    const place = { mailboxId: mailbox.id, time: this.options.time(), shown, uid };
    const record = recordAt(this.reader().index, place);
    return record === undefined ? [] : [record];
  }

  /**
   * Returns the last record of a UID, even if the mailbox or the message is gone. A program that
   * has the message open can therefore continue to read it. Throws ESTALE if the record is gone,
   * too.
   */
  lastRecord(identity: string, uid: number): LocatedRecord {
    const { index } = this.reader();
    const mailbox = mailboxByUniqueid(index, uniqueidIn(identity));
    if (mailbox === undefined || identityOf({ mailbox }) !== identity) throw new FsError('ESTALE');
    const record = recordAt(index, { mailboxId: mailbox.id, time: null, shown: 'held', uid });
    if (record === undefined) throw new FsError('ESTALE');
    return record;
  }

  /**
   * Returns the number of messages identical to this one, including itself. Undefined if each
   * message has its own inode.
   */
  links(record: ListedRecord): number | undefined {
    if (!this.options.hardlinks) return undefined;
    const reader = this.reader();
    const period = Math.floor(Date.now() / COUNT_LINKS_EVERY_MS);
    const time = this.options.time();
    const key = `${this.options.part}@${time ?? 'now'}`;
    const counts = links.get(reader, key, String(time === null ? period : 0), () =>
      countLinks(reader.index, this.structure(), time),
    );
    return linksOf(counts, record);
  }

  /**
   * Returns a folder's inode. A mailbox keeps its inode if it is renamed. The inode of any other
   * folder derives from its path.
   */
  folderInode(folder: StructureFolder): bigint {
    let inode = this.#inodes.get(folder);
    if (inode === undefined) {
      inode = this.inodeOf(folder.mailbox === null ? `path:${folder.path}` : folder.mailbox.uniqueid);
      this.#inodes.set(folder, inode);
    }
    return inode;
  }

  /** Returns the inode of the folder of a mailbox, given its uniqueid. */
  inodeOf(uniqueid: string): bigint {
    const { salt } = this.options;
    return inodeOf('folder', this.user.userid, uniqueid, ...(salt === '' ? [] : [salt]));
  }
}
