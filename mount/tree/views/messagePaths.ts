/** Where the mount shows a message of a user, for programs that name files of the mount. */
import type { IndexFile } from '../../../src/index/store/indexFile.ts';
import { shownMailboxes } from '../../../src/index/queries/mailboxes.ts';
import { timestampText } from '../../../src/mailbox/timestamp.ts';
import { nameOfUserid } from '../useridName.ts';
import { deletedMail, livingMail } from './shownMailboxes.ts';

/** Returns a message's path below the mountpoint; undefined if the mount does not show it. */
export type MessagePaths = (mailboxId: number, uid: number, isDeleted: boolean) => string | undefined;

/** `at`: unix seconds, or undefined for the present. */
export function messagePaths(
  index: IndexFile,
  userid: string,
  at: number | undefined,
  deletedPrefix: string,
): MessagePaths {
  const time = at ?? null;
  const top = [nameOfUserid(userid), ...(at === undefined ? [] : ['.at', timestampText(at)])];
  const living = new Map<number, readonly string[]>();
  const deleted = new Map<number, readonly string[]>();
  for (const { mailbox, path } of livingMail(shownMailboxes(index, time), deletedPrefix)) {
    living.set(mailbox.id, [...top, ...path]);
  }
  for (const { mailbox, path } of deletedMail(index, time, deletedPrefix)) {
    deleted.set(mailbox.id, [...top, '.deleted', ...path]);
  }
  return (mailboxId, uid, isDeleted) => {
    const path = (isDeleted ? deleted : living).get(mailboxId);
    return path === undefined ? undefined : [...path, `${uid}.eml`].join('/');
  };
}
