/** A message as a file: UID.eml, its bytes as the master has them. It never changes while it exists. */
import type { BackupReader } from '../../src/backup/reader.ts';
import { hasItsBytes, loadBlock } from '../../src/backup/content.ts';
import { BackupError } from '../../src/errors.ts';
import { messageById } from '../../src/index/queries.ts';
import type { ListedRecord } from '../../src/index/queries.ts';
import type { MessageRecord } from '../../src/index/types.ts';
import type { Attributes, Content, FileItem } from '../tree.ts';
import { childInode } from './hash.ts';
import type { Owner } from './owner.ts';
import { MESSAGE_VALID_MS } from './validity.ts';

export function messageName(uid: number): Buffer {
  return Buffer.from(`${uid}.eml`, 'latin1');
}

/** The UID in a message's file name, or undefined where it is none. */
export function uidOfName(name: string): number | undefined {
  const match = /^([1-9][0-9]{0,9})\.eml$/.exec(name);
  const uid = Number(match?.[1]);
  return uid <= 0xffff_ffff ? uid : undefined;
}

export function messageAttributes(record: ListedRecord, folderInode: bigint, owner: Owner): Attributes {
  const timeMs = record.internaldate * 1000;
  return {
    kind: 'file',
    inode: childInode(folderInode, record.uid),
    sizeBytes: record.size,
    mtimeMs: timeMs,
    ctimeMs: timeMs,
    nlink: 1,
    mode: 0o400,
    ...owner,
    validMs: MESSAGE_VALID_MS,
  };
}

export function messageItem(
  reader: BackupReader,
  record: MessageRecord,
  folderInode: bigint,
  owner: Owner,
): FileItem {
  return {
    kind: 'file',
    attributes: () => messageAttributes(record, folderInode, owner),
    xattrNames: () => [...xattrs.keys()].filter((name) => xattrs.get(name)?.(record, reader) !== null),
    xattr: (name) => {
      const value = xattrs.get(name)?.(record, reader);
      return value == null ? undefined : Buffer.from(value, 'latin1');
    },
    content: () => messageContent(reader, record),
  };
}

const xattrs = new Map<string, (record: MessageRecord, reader: BackupReader) => string | null>([
  ['user.cyrus.uid', ({ uid }) => String(uid)],
  ['user.cyrus.guid', ({ message_id }, { index }) => messageById(index, message_id)?.guid ?? null],
  ['user.cyrus.modseq', ({ modseq }) => modseq],
  ['user.cyrus.flags', ({ flags }) => flags],
  ['user.cyrus.internaldate', ({ internaldate }) => String(internaldate)],
  ['user.cyrus.annotations', ({ annotations }) => annotations],
]);

function messageContent(reader: BackupReader, record: MessageRecord): Content {
  const message = messageById(reader.index, record.message_id);
  // A record whose SIZE is not the message's would be cut short, or run into what lies behind.
  if (message?.chunk_id == null || message.offset === null || message.size !== record.size) {
    throw new BackupError('damaged', `the bytes of ${record.uid} are not in ${reader.path}`, {
      subject: reader.path,
    });
  }
  const { chunk_id: chunkId, offset: start } = message;
  let isWhole: boolean | undefined;
  return {
    sizeBytes: record.size,
    at(offset) {
      const block = reader.blockAt(chunkId, start + offset);
      return {
        blockKey: `${reader.serial}:${block.from.fileOffset}:${block.start}-${block.end}`,
        offsetInBlock: start + offset - block.start,
        load: (room) => loadBlock(reader.fd, block, room),
      };
    },
    rescue(offset, sizeBytes) {
      isWhole ??= hasItsBytes(reader.index, reader.fd, message);
      if (isWhole) return reader.read(message, offset, sizeBytes);
      throw new BackupError('damaged', `the bytes of ${record.uid} are damaged`, { subject: reader.path });
    },
  };
}
