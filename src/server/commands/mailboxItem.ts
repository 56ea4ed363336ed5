/**
 * A mailbox as GET prints it: every key that the master sent, known or unknown. The CRCs are
 * computed from the records that the backup really holds, not copied from the master.
 *
 * If a record or message is missing in the backup, the mailbox is reported as out of date:
 *
 * - The modseq is 0, so that the master lists all of its records again.
 * - LAST_UID is below the first message whose bytes are missing, so that the master sends the files
 *   from there.
 *
 * A message that the master was asked for and could not send does not count as missing
 * (askedFor.ts).
 *
 * With the true values, the master would believe that the backup is complete. With only the CRCs
 * different, it would merge the backup's state into its live mailbox. The price is one transfer of
 * the records' metadata: RESERVE avoids a second upload of messages that the backup holds.
 */
import { firstToSend } from '../askedFor.ts';
import { annotAsCounted } from '../../index/queries/crcs.ts';
import type { IndexFile } from '../../index/store/indexFile.ts';
import { parseState } from '../../index/fold/state.ts';
import type { LiveMailbox } from '../../index/types.ts';
import { initialAnnotCrc, initialRecordCrc } from '../../protocol/crc.ts';
import { KeyValues } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import type { CommandContext } from './context.ts';

/** The values reported for a mailbox. */
interface Shown {
  readonly lastUid: number;
  readonly highestModseq: string;
  readonly crc: number;
  readonly crcAnnot: number;
}

function shownOf(mailbox: LiveMailbox, missing: number | undefined, isResending: boolean): Shown {
  if (missing === undefined && mailbox.resend !== 'wanted' && !isResending) {
    return {
      lastUid: mailbox.lastUid,
      highestModseq: mailbox.highestmodseq,
      crc: mailbox.crc,
      crcAnnot: annotAsCounted(mailbox.sentCrcAnnot, mailbox),
    };
  }
  const lastUid = Math.min(mailbox.lastUid, (missing ?? Infinity) - 1);
  return { lastUid, highestModseq: '0', crc: initialRecordCrc, crcAnnot: initialAnnotCrc };
}

/**
 * Keys that clients insist on, with the values that a server reports for a mailbox without them (an
 * intermediate one): "old sync_client will barf without it" (imap/sync_support.c).
 */
const defaults: readonly (readonly [key: string, value: Dlist])[] = [
  ['MBOXTYPE', null],
  ['LAST_UID', '0'],
  ['HIGHESTMODSEQ', '0'],
  ['RECENTUID', '0'],
  ['RECENTTIME', '0'],
  ['LAST_APPENDDATE', '0'],
  ['POP3_LAST_LOGIN', '0'],
  ['POP3_SHOW_AFTER', '0'],
  ['UIDVALIDITY', '0'],
  ['PARTITION', 'default'],
  ['ACL', ''],
  ['OPTIONS', ''],
  ['SYNC_CRC', '0'],
  ['SYNC_CRC_ANNOT', '0'],
];

/**
 * Returns a mailbox as GET prints it. With `isAskingAgain`, messages that the master could not send
 * before count as missing too.
 */
export async function mailboxItem(
  context: CommandContext,
  index: IndexFile,
  mailbox: LiveMailbox,
  isAskingAgain: boolean,
): Promise<KeyValues> {
  const missing = await firstToSend(index, mailbox, context, isAskingAgain);
  const shown = shownOf(mailbox, missing, context.resending.has(mailbox.uniqueid));
  return withKeys(mailbox, [
    ['LAST_UID', String(shown.lastUid)],
    ['HIGHESTMODSEQ', shown.highestModseq],
    ['SYNC_CRC', String(shown.crc)],
    ['SYNC_CRC_ANNOT', String(shown.crcAnnot)],
  ]);
}

/**
 * Returns the answer to FULLMAILBOX, which a master sends to merge a replica's state into its own.
 * The answer is an empty mailbox with no number higher than the master's, so there is nothing to
 * merge. Since LAST_UID and HIGHESTMODSEQ are 0, the master treats all of its records as new to the
 * replica and changes none (mailbox_update_loop). It cannot copy records back that the answer does
 * not contain.
 */
export function emptyMailboxItem(mailbox: LiveMailbox): KeyValues {
  return withKeys(mailbox, [
    ['LAST_UID', '0'],
    ['HIGHESTMODSEQ', '0'],
    ['UIDVALIDITY', '0'],
    ['XCONVMODSEQ', '0'],
    ['RACLMODSEQ', '0'],
    ['FOLDERMODSEQ', '0'],
    ['SYNC_CRC', String(initialRecordCrc)],
    ['SYNC_CRC_ANNOT', String(initialAnnotCrc)],
    ['RECORD', []],
  ]);
}

/**
 * Returns the keys that the master sent, some of them with the server's own values. The server's
 * other keys follow, then the defaults for keys that the master did not send.
 */
function withKeys(mailbox: LiveMailbox, ours: readonly (readonly [key: string, value: Dlist])[]): KeyValues {
  const computed = new Map<string, Dlist>([['MBOXNAME', mailbox.name], ...ours]);
  const entries = parseState(mailbox.state).entries.map(([key, value]): [string, Dlist] => [
    key,
    computed.get(key) ?? value,
  ]);
  const sent = new Set(entries.map(([key]) => key));
  for (const [key, value] of new Map([...defaults, ...ours])) {
    if (!sent.has(key)) entries.push([key, computed.get(key) ?? value]);
  }
  return new KeyValues(entries);
}
