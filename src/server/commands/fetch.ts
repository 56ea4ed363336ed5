/**
 * The commands GET FETCH and GET FETCH_SIEVE, which return a message or a script as it was sent.
 */
import { createHash } from 'node:crypto';
import type { Backup } from '../../backup/backup.ts';
import { readMessage } from '../../backup/read/messageBytes.ts';
import { BackupError } from '../../errors.ts';
import { item } from '../../index/queries/items.ts';
import { mailboxByUniqueid } from '../../index/queries/mailboxes.ts';
import { messageById } from '../../index/queries/messages.ts';
import { recordAt } from '../../index/queries/records.ts';
import type { StoredMessage } from '../../index/types.ts';
import { FileLiteral, KeyValues, getNumber, getString, toKeyValues } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';
import { printFileHeader } from '../../protocol/print.ts';
import type { CommandContext } from './context.ts';
import { sendItem } from './sendItem.ts';

const PIECE_BYTES = 64 * 1024;

/**
 * GET FETCH %(MBOXNAME PARTITION UNIQUEID GUID UID): the answer is `* MESSAGE %{partition guid
 * size}`, followed by the message's bytes.
 */
export async function getFetch(context: CommandContext, value: Dlist): Promise<void> {
  const kv = toKeyValues(value, 'FETCH');
  const [mboxname, partition] = [getString(kv, 'MBOXNAME'), getString(kv, 'PARTITION')];
  const [uniqueid, guid] = [getString(kv, 'UNIQUEID'), getString(kv, 'GUID').toLowerCase()];
  const backup = await context.backups.find(context.backups.ownerOf(mboxname));
  const message = backup === null ? undefined : messageOf(backup, uniqueid, getNumber(kv, 'UID'));
  if (backup === null || message?.guid !== guid) {
    throw new BackupError('not-found', `${mboxname}: no message ${guid}`);
  }
  await checkBytes(context, backup, message);
  await context.send(`* MESSAGE ${printFileHeader(new FileLiteral(partition, guid, message.size))}`);
  for (const piece of pieces(backup, message)) {
    await context.send(piece.toString('latin1'));
    await context.turn();
  }
  await context.send('\r\n');
}

function messageOf({ index }: Backup, uniqueid: string, uid: number): StoredMessage | undefined {
  const mailbox = mailboxByUniqueid(index, uniqueid);
  if (mailbox === undefined) return undefined;
  const found = recordAt(index, { mailboxId: mailbox.id, time: null, shown: 'every', uid });
  return found === undefined ? undefined : messageById(index, found.messageId);
}

function* pieces({ index, fd }: Backup, message: StoredMessage): Generator<Buffer> {
  for (let at = 0; at < message.size; at += PIECE_BYTES) {
    yield readMessage(index, fd, message, at, PIECE_BYTES);
  }
}

/** Checks the message before its first byte is sent, because sent bytes cannot be recalled. */
async function checkBytes({ turn }: CommandContext, backup: Backup, message: StoredMessage): Promise<void> {
  const hash = createHash('sha1');
  for (const piece of pieces(backup, message)) {
    hash.update(piece);
    await turn();
  }
  if (hash.digest('hex') === message.guid) return;
  throw new BackupError('damaged', `${backup.userid}: message ${message.guid} is damaged`);
}

/** GET FETCH_SIEVE %(USERID FILENAME): the answer is the script. */
export async function getFetchSieve(context: CommandContext, value: Dlist): Promise<void> {
  const kv = toKeyValues(value, 'FETCH_SIEVE');
  const [userid, fileName] = [getString(kv, 'USERID'), getString(kv, 'FILENAME')];
  const backup = await context.backups.find(userid);
  const script = backup === null ? undefined : item(backup.index, 'sieve', fileName);
  if (script === undefined) throw new BackupError('not-found', `${userid}: no script ${fileName}`);
  const content = getString(toKeyValues(parseDlist(script.value), 'SIEVE'), 'CONTENT');
  const answer = new KeyValues([
    ['USERID', userid],
    ['FILENAME', fileName],
    ['CONTENT', content],
  ]);
  await sendItem(context, 'SIEVE', answer);
}
