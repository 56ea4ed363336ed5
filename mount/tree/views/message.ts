/**
 * A message as a file. Its bytes are exactly those on the master, and only its flags can change.
 */
import type { BackupReader } from '../../../src/backup/reader.ts';
import { hasItsBytes } from '../../../src/backup/read/messageBytes.ts';
import { BackupError } from '../../../src/errors.ts';
import { mailboxById } from '../../../src/index/queries/mailboxes.ts';
import { messageById } from '../../../src/index/queries/messages.ts';
import type { ListedRecord, LocatedRecord } from '../../../src/index/queries/records.ts';
import type { StoredMessage } from '../../../src/index/types.ts';
import type { Attributes, Content, FileItem } from '../../vfs/tree.ts';
import { fileTimeMs } from '../attributes.ts';
import { blockLocation } from './blockLocation.ts';
import { linkInode } from './hardlinks.ts';
import { childInode } from '../hash.ts';
import type { MailView } from './mailView.ts';

/**
 * Returns a message's attributes. The ctime is the time when the master last changed the message's
 * record. tar -g and rsync use it.
 */
export function messageAttributes(view: MailView, folderInode: bigint, record: ListedRecord): Attributes {
  const mtimeMs = fileTimeMs(record.internaldate);
  const attributes: Attributes = {
    kind: 'file',
    inode: childInode(folderInode, record.uid),
    sizeBytes: record.size,
    mtimeMs,
    ctimeMs: record.lastUpdated === 0 ? mtimeMs : fileTimeMs(record.lastUpdated),
    nlink: 1,
    mode: view.user.owner.fileMode,
    uid: view.user.owner.uid,
    gid: view.user.owner.gid,
    validMs: view.messageValidMs,
  };
  const nlink = view.links(record) ?? 1;
  if (nlink === 1) return attributes;
  // Messages that share an inode must share a ctime.
  const guid = messageById(view.reader().index, record.messageId)?.guid ?? '';
  const inode = linkInode(view.user.userid, guid, record.internaldate);
  return { ...attributes, inode, nlink, ctimeMs: mtimeMs };
}

export function messageItem(view: MailView, folderInode: bigint, record: LocatedRecord): FileItem {
  return {
    kind: 'file',
    attributes: () => messageAttributes(view, folderInode, record),
    xattrNames: () => [...xattrs.keys()].filter((name) => xattrOf(view, record, name) !== null),
    xattr: (name) => {
      const value = xattrOf(view, record, name);
      return value === null ? undefined : Buffer.from(value, 'latin1');
    },
    content: () => messageContent(view.reader(), record),
  };
}

/**
 * Returns a message whose name is gone. Its link count includes only its identical copies. See
 * MailView.lastRecord.
 */
export function namelessMessage(
  view: MailView,
  folderInode: bigint,
  identity: string,
  uid: number,
): FileItem {
  const item = messageItem(view, folderInode, view.lastRecord(identity, uid));
  const attributes = (): Attributes => {
    const named = item.attributes();
    return { ...named, nlink: named.nlink > 1 ? named.nlink : 0 };
  };
  return { ...item, attributes };
}

const xattrs = new Map<string, (record: LocatedRecord) => string | null>([
  ['user.cyrus.uid', ({ uid }) => String(uid)],
  ['user.cyrus.guid', ({ guid }) => guid],
  ['user.cyrus.modseq', ({ modseq }) => modseq],
  ['user.cyrus.flags', ({ flags }) => flags],
  ['user.cyrus.internaldate', ({ internaldate }) => String(internaldate)],
  ['user.cyrus.annotations', ({ annotations }) => annotations],
]);

/**
 * The extended attributes that are the same for all identical messages. Hard links share one set of
 * attributes, so only these are shown.
 */
const SHARED_XATTRS = new Set(['user.cyrus.guid', 'user.cyrus.internaldate']);

function xattrOf(view: MailView, record: LocatedRecord, name: string): string | null {
  if (!SHARED_XATTRS.has(name) && (view.links(record) ?? 1) > 1) return null;
  return xattrs.get(name)?.(record) ?? null;
}

type Stored = StoredMessage & { readonly chunkId: number; readonly offset: number };

/**
 * Locates a record's message. Throws 'damaged' if the bytes are missing, or if the record's SIZE
 * differs from the size of the stored message. With a wrong size, the file would be cut short, or
 * it would include bytes after the message.
 */
export function storedMessage(reader: BackupReader, record: LocatedRecord): Stored {
  const { messageId: id, guid, size, chunkId, offset } = record;
  if (chunkId === null || offset === null || record.messageSize !== size) {
    throw badBytes(reader, record, 'are not in this backup');
  }
  return { id, guid, size, chunkId, offset };
}

/**
 * Returns the error for damaged bytes. It identifies the message for the log, independently of its
 * file name in the mount.
 */
export function badBytes(
  { index, path }: BackupReader,
  { mailboxId, uid, guid }: LocatedRecord,
  what: 'are damaged' | 'are not in this backup',
): BackupError {
  const mailbox = mailboxById(index, mailboxId)?.name ?? '';
  const message = `${path}: ${mailbox}: UID ${uid}: the bytes of ${guid} ${what}`;
  return new BackupError('damaged', message, { subject: path });
}

function messageContent(reader: BackupReader, record: LocatedRecord): Content {
  const message = storedMessage(reader, record);
  const { chunkId, offset: start } = message;
  let isWhole: boolean | undefined;
  const failed = (): BackupError => badBytes(reader, record, 'are damaged');
  return {
    sizeBytes: record.size,
    check: { sha1: record.guid, failed },
    at: (offset) => blockLocation(reader, chunkId, start + offset),
    rescue(offset, sizeBytes) {
      isWhole ??= hasItsBytes(reader.index, reader.fd, message);
      if (isWhole) return reader.read(message, offset, sizeBytes);
      throw failed();
    },
  };
}
