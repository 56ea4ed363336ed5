/** Every command that is served after authentication, by its two words. MESSAGE is the session's own: it streams. */
import {
  applyActivateSieve,
  applyExpunge,
  applyMailbox,
  applyQuota,
  applyRename,
  applyReserve,
  applySeen,
  applySieve,
  applySub,
  applyUnactivateSieve,
  applyUnmailbox,
  applyUnsieve,
  applyUnsub,
  applyUnuser,
} from './apply.ts';
import type { Command } from './context.ts';
import { getFullMailbox, getMailboxes, getMeta, getUniqueids, getUser } from './get.ts';

export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['GET USER', getUser],
  ['GET META', getMeta],
  ['GET MAILBOXES', getMailboxes],
  ['GET UNIQUEIDS', getUniqueids],
  ['GET FULLMAILBOX', getFullMailbox],
  ['APPLY RESERVE', applyReserve],
  ['APPLY MAILBOX', applyMailbox],
  ['APPLY EXPUNGE', applyExpunge],
  ['APPLY RENAME', applyRename],
  ['APPLY UNMAILBOX', applyUnmailbox],
  ['APPLY UNUSER', applyUnuser],
  ['APPLY SEEN', applySeen],
  ['APPLY SUB', applySub],
  ['APPLY UNSUB', applyUnsub],
  ['APPLY SIEVE', applySieve],
  ['APPLY UNSIEVE', applyUnsieve],
  ['APPLY ACTIVATE_SIEVE', applyActivateSieve],
  ['APPLY UNACTIVATE_SIEVE', applyUnactivateSieve],
  ['APPLY QUOTA', applyQuota],
]);
