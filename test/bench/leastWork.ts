/**
 * Measures the work that any server of messages from a backup must do: inflate the messages' blocks
 * up to the messages' ends, and compare each message with its GUID. The positions of blocks and
 * messages are looked up beforehand, and no kernel is involved.
 *
 * So a mount cannot be faster than this plus the C program, as long as it does one after the other.
 */
import { Catalog } from '../../src/catalog/catalog.ts';
import { writableCatalog } from '../../src/catalog/catalogOptions.ts';
import { loadConfig } from '../../src/config/imapdConf.ts';
import { blockAt, loadBlockStart, sha1Of } from '../../src/backup/read/messageBytes.ts';
import type { Block } from '../../src/backup/read/messageBytes.ts';
import { BackupReader } from '../../src/backup/reader.ts';
import { mailboxByName } from '../../src/index/queries/mailboxes.ts';
import { messageByGuid } from '../../src/index/queries/messages.ts';
import { recordsOf } from '../../src/index/queries/records.ts';

/** The first runs warm V8 up; the fastest counts. */
const TIMES = 7;
const ROOM_BYTES = 256 * 1024;

interface Part {
  readonly block: Block;
  readonly from: number;
  readonly to: number;
}

interface Job {
  readonly guid: string;
  readonly parts: readonly Part[];
}

/** Processor time in seconds. */
export interface LeastWork {
  readonly inflate: number;
  readonly hash: number;
}

const sumOf = ({ inflate, hash }: LeastWork): number => inflate + hash;

function jobOf({ index }: BackupReader, guid: string): Job {
  const message = messageByGuid(index, guid);
  if (message === undefined || message.chunkId === null || message.offset === null)
    throw new Error(`no message ${guid}`);
  const parts: Part[] = [];
  const end = message.offset + message.size;
  for (let at = message.offset; at < end;) {
    const block = blockAt(index, message.chunkId, at);
    const to = Math.min(end, block.end);
    parts.push({ block, from: at - block.start, to: to - block.start });
    at = to;
  }
  return { guid, parts };
}

/** Measures messages of a user's INBOX, read in the given order. */
export function leastWork(conf: string, user: string, uids: readonly number[]): LeastWork {
  const catalog = Catalog.open(writableCatalog(loadConfig(conf)));
  const path = catalog.find(user);
  catalog.close();
  if (path === null) throw new Error(`no backup of ${user}`);
  const reader = new BackupReader(path);
  try {
    const mailbox = mailboxByName(reader.index, `user.${user}`);
    if (mailbox === undefined) throw new Error(`no INBOX of ${user}`);
    const guids = new Map([...recordsOf(reader.index, mailbox.id)].map(({ uid, guid }) => [uid, guid]));
    const jobs = uids.map((uid) => jobOf(reader, guids.get(uid) ?? ''));
    const found = Array.from({ length: TIMES }, () => measure(reader.fd, jobs));
    return found.reduce((least, each) => (sumOf(each) < sumOf(least) ? each : least));
  } finally {
    reader.close();
  }
}

function measure(fd: number, jobs: readonly Job[]): LeastWork {
  const room = Buffer.allocUnsafeSlow(ROOM_BYTES);
  let inflateMs = 0;
  let hashMs = 0;
  for (const { guid, parts } of jobs) {
    const startMs = performance.now();
    const pieces = parts.map(({ block, from, to }) => {
      const bytes = loadBlockStart(fd, block, to, parts.length === 1 ? room : undefined);
      return bytes.subarray(from, to);
    });
    const inflatedMs = performance.now();
    const sha1 = sha1Of(pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces));
    hashMs += performance.now() - inflatedMs;
    inflateMs += inflatedMs - startMs;
    if (sha1 !== guid) throw new Error(`message ${guid} has other bytes`);
  }
  return { inflate: inflateMs / 1000, hash: hashMs / 1000 };
}
