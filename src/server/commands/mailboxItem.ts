/**
 * A mailbox as GET prints it: every key that the master sent, known or not, with the CRCs of the records that we
 * really hold in place of those it told us.
 *
 * Where anything is missing here, the mailbox is shown as one that is behind: modseq 0, so that the master lists all of its
 * records again, and LAST_UID below the first message whose bytes are not here, so that it sends the files from there
 * on. What the master was asked for and could not send does not count as missing (askedFor.ts). Were it shown as it is, the master would believe all is well; were a difference admitted, it would merge our
 * state into its live mailbox. The price is the records' metadata once: RESERVE keeps messages that are here from
 * being uploaded again.
 */
import { firstToSend } from '../askedFor.ts';
import { annotAsCounted } from '../../index/crcs.ts';
import { resend } from '../../index/foldCompare.ts';
import type { IndexFile } from '../../index/indexFile.ts';
import { parseState } from '../../index/state.ts';
import type { LiveMailbox } from '../../index/types.ts';
import { initialAnnotCrc, initialRecordCrc } from '../../protocol/crc.ts';
import { KeyValues } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import type { CommandContext } from './context.ts';

/** How much of a mailbox is shown. */
interface Shown {
  readonly lastUid: number;
  readonly highestModseq: string;
  readonly crc: number;
  readonly crcAnnot: number;
}

function shownOf(mailbox: LiveMailbox, missing: number | undefined, isResending: boolean): Shown {
  if (missing === undefined && mailbox.resend !== resend.wanted && !isResending) {
    return {
      lastUid: mailbox.last_uid,
      highestModseq: mailbox.highestmodseq,
      crc: mailbox.crc,
      crcAnnot: annotAsCounted(mailbox.sent_crc_annot, {
        crcAnnot: mailbox.crc_annot,
        crcPadding: mailbox.crc_padding,
      }),
    };
  }
  const lastUid = Math.min(mailbox.last_uid, (missing ?? Infinity) - 1);
  return { lastUid, highestModseq: '0', crc: initialRecordCrc, crcAnnot: initialAnnotCrc };
}

/**
 * Keys that clients insist on, with what a server says of a mailbox that has none (an intermediate one): "old
 * sync_client will barf without it" (imap/sync_support.c).
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

/** `isAskingAgain`: also for messages that the master could not send before. */
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
 * The answer to FULLMAILBOX, which a master asks for to merge a replica's state into its own: an empty mailbox that knows
 * of no number higher than the master's, so that there is nothing to merge. With LAST_UID and HIGHESTMODSEQ 0 the
 * master finds each of its records to be new here, and changes none (mailbox_update_loop); what it does not find
 * here it cannot copy back.
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

/** What the master sent, with some values of ours, and behind it those keys of ours and the defaults that it did not send. */
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
