/**
 * Large stores: a mailbox of very many messages, and very many users. The data files are written by
 * our own backup code, as fast as possible: messages are small, and users are copies of one backup
 * under different names.
 */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Catalog } from '../../src/catalog/catalog.ts';
import { hashLetter } from '../../src/catalog/partitions.ts';
import { START, appendMailbox, mailboxText, type RecordFields } from './backups.ts';
import type { MailStore } from './mailStore.ts';

const BATCH = 2000;
const FLAGS = ['', '\\Seen', '\\Seen \\Answered', '\\Flagged $Work'];
/** One in this many messages is expunged in the end. */
export const EXPUNGED_EACH = 10;

type Made = RecordFields & { readonly message: Buffer };

/** Message `uid` of a made-up mailbox. */
function smallMessage(mailbox: string, uid: number): Buffer {
  return Buffer.from(`Subject: ${uid}\r\n\r\n${uid} of ${mailbox}\r\n`);
}

function madeRecord(mailbox: string, uid: number): Made {
  const flags = FLAGS[uid % FLAGS.length] ?? '';
  return { uid, flags, message: smallMessage(mailbox, uid) };
}

/** Adds messages to a mailbox, from one UID up to and including another. */
export async function addMessages(
  store: MailStore,
  userid: string,
  mailbox: string,
  from: number,
  to: number,
): Promise<void> {
  const backup = await store.backup(userid);
  for (let first = from; first <= to; first += BATCH) {
    const count = Math.min(BATCH, to - first + 1);
    const records = Array.from({ length: count }, (_, at) => madeRecord(mailbox, first + at));
    await appendMailbox(store.site, backup, START, { uniqueid: mailbox, name: mailbox, records });
  }
}

/** Expunges every EXPUNGED_EACH-th message of a mailbox that has UIDs up to `count`. */
export async function expungeSome(
  store: MailStore,
  userid: string,
  mailbox: string,
  count: number,
): Promise<void> {
  const total = Math.floor(count / EXPUNGED_EACH);
  for (let first = 1; first <= total; first += BATCH) {
    const records = Array.from({ length: Math.min(BATCH, total - first + 1) }, (_, at) => {
      const uid = (first + at) * EXPUNGED_EACH;
      return { ...madeRecord(mailbox, uid), flags: '\\Expunged', modseq: count + uid };
    });
    const text = mailboxText({ uniqueid: mailbox, name: mailbox, records, modseq: 2 * count });
    await store.say(userid, 100, 'MAILBOX', text);
  }
}

/** The name of a made-up user. The names are spread over the hashed directories. */
export function userNumber(at: number): string {
  return `${String.fromCharCode(0x61 + (at % 26))}user${at}`;
}

/**
 * Adds users, each with a copy of a closed backup. Only the first `indexed` have an index of their
 * own; for the others, a reader must fold the log.
 */
export function addUsers(store: MailStore, template: string, count: number, indexed: number): void {
  const [partition] = store.catalogOptions.partitions.values();
  if (partition === undefined) throw new Error('the store has no partition');
  const paths = Array.from({ length: count }, (_, at) => {
    const folder = join(partition, hashLetter(userNumber(at), false));
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `${userNumber(at)}_aaaaaa`);
    copyFileSync(template, path);
    if (at < indexed) copyFileSync(`${template}.index`, `${path}.index`);
    return path;
  });
  const catalog = Catalog.open(store.catalogOptions);
  catalog.transaction(() => paths.forEach((path, at) => catalog.set(userNumber(at), path)));
  catalog.close();
}
