/**
 * A view of a user's mail: what lives or what was deleted, now or at a moment. All that shows mail as files, in whatever
 * lay-out, asks a view for folders and records, and knows nothing of time.
 */
import { LRUCache } from 'lru-cache';
import type { BackupReader } from '../../src/backup/reader.ts';
import { BackupError } from '../../src/errors.ts';
import { horizon } from '../../src/index/horizon.ts';
import { listFlagged, listRecords, mailboxByUniqueid } from '../../src/index/queries.ts';
import type { FlaggedRecord, ListedRecord } from '../../src/index/queries.ts';
import { placesPage, recordAt, recordsPage } from '../../src/index/momentQueries.ts';
import type { PlacedRecord, PlacedUid } from '../../src/index/momentQueries.ts';
import { FsError } from '../fsError.ts';
import { countLinks, linksOf } from './hardlinks.ts';
import type { LinkCounts } from './hardlinks.ts';
import { inodeOf } from './hash.ts';
import { momentName } from './momentNames.ts';
import { PerBackup } from './perBackup.ts';
import { deletedMail, departedMail, livingMail, mailboxesOf } from './shownMailboxes.ts';
import { buildStructure, folderAt, identityOf, uniqueidIn } from './structure.ts';
import type { StructureFolder } from './structure.ts';
import type { UserBackup } from './userBackup.ts';
import { FOLDER_VALID_MS, MESSAGE_VALID_MS, UNNOTICED_VALID_MS } from './validity.ts';

export interface ViewOptions {
  readonly part: 'living' | 'deleted';
  /** Unix seconds, or null for now. Asked for each time: a snapshot begins and ends. */
  readonly time: () => number | null;
  /** The backup to ask, where it is not the one of now. */
  readonly pinned?: () => BackupReader | undefined;
  /** Tells inode numbers from those of the same mail in other views; empty in the default one. */
  readonly salt: string;
  /**
   * How it is noticed that something changes: the kernel is told (changes.ts), nothing ever does, or the kernel finds out when it
   * asks again.
   */
  readonly changes: 'told' | 'never' | 'unnoticed';
  readonly deletedPrefix: string;
  /** Messages that are the same have one inode. */
  readonly hardlinks: boolean;
}

/** Not 'not-found': what cannot be shown whole must not look as if it had been empty. */
function notKnown(userid: string, time: number): BackupError {
  return new BackupError('io', `${userid}: what was at ${momentName(time)} has been compacted away`, {
    subject: userid,
  });
}

const structures = new PerBackup<StructureFolder>();
const links = new PerBackup<LinkCounts>();
/** Counting links reads all records: under a busy writer not at every change. */
const COUNT_LINKS_EVERY_MS = 5000;

const PAGE_RECORDS = 1000;
const RECORDS_AHEAD = 64;
/** Of those expunged there may be some between one and the next. */
const NEAR_UIDS = 16;

/** Of the folders that are being listed; of many thousands that were, all would be too much. */
const lastPages = new LRUCache<StructureFolder, readonly ListedRecord[]>({ max: 8 });

interface RecordsAhead {
  readonly records: ReadonlyMap<number, PlacedRecord>;
  readonly last: number;
}

export class MailView {
  readonly user: UserBackup;
  readonly options: ViewOptions;
  /** These hang on folders of a structure, which is another whenever anything has changed. */
  readonly #inodes = new WeakMap<StructureFolder, bigint>();
  readonly #ahead = new WeakMap<StructureFolder, RecordsAhead>();

  constructor(user: UserBackup, options: ViewOptions) {
    this.user = user;
    this.options = options;
  }

  /** For how long the kernel may believe what it knows of a folder, and of a message, in milliseconds. */
  get folderValidMs(): number {
    return this.options.changes === 'unnoticed' ? UNNOTICED_VALID_MS : FOLDER_VALID_MS;
  }

  get messageValidMs(): number {
    return this.options.changes === 'unnoticed' ? UNNOTICED_VALID_MS : MESSAGE_VALID_MS;
  }

  reader(): BackupReader {
    return this.options.pinned?.() ?? this.user.reader();
  }

  /** All folders. Throws as UserBackup.reader does. */
  structure(): StructureFolder {
    const { part, deletedPrefix } = this.options;
    const reader = this.reader();
    const { index } = reader;
    const time = this.options.time();
    if (time !== null && time < horizon(index)) throw notKnown(this.user.userid, time);
    const version = String(index.dataVersion());
    return structures.get(reader, `${part}@${time ?? 'now'}`, version, () => {
      if (part === 'deleted') return buildStructure(deletedMail(index, time, deletedPrefix));
      const mailboxes = [...mailboxesOf(index, time)];
      // At a moment, each folder has the time of that moment.
      const departed = time === null ? departedMail(index, mailboxes, deletedPrefix) : [];
      return buildStructure(livingMail(mailboxes, deletedPrefix), departed);
    });
  }

  /**
   * The folder at a path of the structure. Throws 'not-found' where it is gone, and ESTALE where what is there is not what
   * `identity` says, if it says anything: messages of the one must not be taken for those of the other.
   */
  folder(path: string, identity = ''): StructureFolder {
    const folder = folderAt(this.structure(), path);
    if (folder === undefined) throw new BackupError('not-found', `${this.user.userid}/${path} is gone`);
    if (identity !== '' && identity !== identityOf(folder)) throw new FsError('ESTALE');
    return folder;
  }

  /** What it lists is what lives now: the index needs no history for that. */
  isPlain({ shown }: StructureFolder): boolean {
    return shown === 'living' && this.options.time() === null;
  }

  /** A page of what a folder lists, by UID: up to so many, none at its end. Who had no room for all of one gets the rest of it. */
  page(folder: StructureFolder, afterUid: number, limit: number): readonly ListedRecord[] {
    const before = lastPages.get(folder) ?? [];
    const at = before.findLastIndex(({ uid }) => uid === afterUid);
    if (at >= 0 && at < before.length - 1) return before.slice(at + 1);
    const page = this.#newPage(folder, afterUid, limit);
    lastPages.set(folder, page);
    return page;
  }

  #newPage(folder: StructureFolder, afterUid: number, limit: number): ListedRecord[] {
    const { mailbox, shown } = folder;
    if (mailbox === null) return [];
    const { index } = this.reader();
    const time = this.options.time();
    if (this.isPlain(folder)) return listRecords(index, mailbox.id, afterUid, limit);
    return recordsPage(index, mailbox.id, time, afterUid, limit, shown);
  }

  /** As page, with all that a record says. */
  fullPage({ mailbox, shown }: StructureFolder, afterUid: number, limit: number): PlacedRecord[] {
    if (mailbox === null) return [];
    return recordsPage(this.reader().index, mailbox.id, this.options.time(), afterUid, limit, shown);
  }

  /** As page, with where the messages are. */
  placesPage({ mailbox, shown }: StructureFolder, afterUid: number, limit: number): PlacedUid[] {
    if (mailbox === null) return [];
    return placesPage(this.reader().index, mailbox.id, this.options.time(), afterUid, limit, shown);
  }

  /** As page, with flags. */
  flaggedPage(folder: StructureFolder, afterUid: number, limit: number): readonly FlaggedRecord[] {
    if (folder.mailbox === null || !this.isPlain(folder)) return this.fullPage(folder, afterUid, limit);
    return listFlagged(this.reader().index, folder.mailbox.id, afterUid, limit);
  }

  /** All that a folder lists, with flags, by UID. */
  *flagged(folder: StructureFolder): Generator<FlaggedRecord> {
    for (let after = 0; ;) {
      const page = this.flaggedPage(folder, after, PAGE_RECORDS);
      yield* page;
      if (page.length < PAGE_RECORDS) return;
      after = page.at(-1)?.uid ?? after;
    }
  }

  /**
   * The record of a UID that the folder lists, or undefined. Who asks for one and then for one shortly behind it reads the whole folder:
   * a page of them is one look into the index.
   */
  record(folder: StructureFolder, uid: number): PlacedRecord | undefined {
    const ahead = this.#ahead.get(folder);
    const known = ahead?.records.get(uid);
    if (known !== undefined) return known;
    const isNext = ahead !== undefined && uid > ahead.last && uid <= ahead.last + NEAR_UIDS;
    const page = isNext ? this.fullPage(folder, uid - 1, RECORDS_AHEAD) : this.#single(folder, uid);
    const records = new Map(page.map((record) => [record.uid, record]));
    this.#ahead.set(folder, { records, last: page.at(-1)?.uid ?? uid });
    return records.get(uid);
  }

  #single({ mailbox, shown }: StructureFolder, uid: number): PlacedRecord[] {
    const { index } = this.reader();
    const record =
      mailbox === null ? undefined : recordAt(index, mailbox.id, this.options.time(), uid, shown);
    return record === undefined ? [] : [record];
  }

  /**
   * The record that a UID of a mailbox had last, whatever has become of either: who has the message open reads on when its name is
   * gone. Throws ESTALE where its bytes are gone, too.
   */
  lastRecord(identity: string, uid: number): PlacedRecord {
    const { index } = this.reader();
    const mailbox = mailboxByUniqueid(index, uniqueidIn(identity));
    if (mailbox === undefined || identityOf({ mailbox }) !== identity) throw new FsError('ESTALE');
    const record = recordAt(index, mailbox.id, null, uid, 'all');
    if (record === undefined) throw new FsError('ESTALE');
    return record;
  }

  /** Of how many messages a record's is one; undefined where each has its own inode. */
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

  /** Of a folder: a mailbox keeps its own when it is renamed; a folder that is none has only its path. */
  folderInode(folder: StructureFolder): bigint {
    let inode = this.#inodes.get(folder);
    if (inode === undefined) {
      inode = this.inodeOf(folder.mailbox === null ? `path:${folder.path}` : folder.mailbox.uniqueid);
      this.#inodes.set(folder, inode);
    }
    return inode;
  }

  /** Of the folder of a mailbox, by its uniqueid. */
  inodeOf(uniqueid: string): bigint {
    const { salt } = this.options;
    return inodeOf('folder', this.user.userid, uniqueid, ...(salt === '' ? [] : [salt]));
  }
}
