/**
 * All commands that are allowed after authentication, by their two words. The session handles
 * MESSAGE itself, because its data is streamed.
 */
import {
  applyActivateSieve,
  applyAnnotation,
  applyCapabilities,
  applyExpunge,
  applyForce,
  applyMailbox,
  applyQuota,
  applyReserve,
  applySeen,
  applySieve,
  applySub,
  applyUnactivateSieve,
  applyUnannotation,
  applyUnmailbox,
  applyUnquota,
  applyUnsieve,
  applyUnsub,
  applyUnuser,
} from './apply.ts';
import type { Command } from './context.ts';
import { applyRename } from './rename.ts';
import { getFetch, getFetchSieve } from './fetch.ts';
import {
  getAnnotation,
  getFullMailbox,
  getMailboxes,
  getMeta,
  getQuota,
  getUniqueids,
  getUser,
} from './get.ts';

export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['GET USER', getUser],
  ['GET META', getMeta],
  ['GET MAILBOXES', getMailboxes],
  ['GET UNIQUEIDS', getUniqueids],
  ['GET FULLMAILBOX', getFullMailbox],
  ['GET QUOTA', getQuota],
  ['GET ANNOTATION', getAnnotation],
  ['GET FETCH', getFetch],
  ['GET FETCH_SIEVE', getFetchSieve],
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
  ['APPLY UNQUOTA', applyUnquota],
  ['APPLY ANNOTATION', applyAnnotation],
  ['APPLY UNANNOTATION', applyUnannotation],
  ['APPLY CAPABILITIES', applyCapabilities],
  ['APPLY FORCE', applyForce],
]);
