/**
 * Lists a Cyrus server's mailboxes as its administrator sees them (IMAP LIST): `user/anne/Archive`.
 */
import { BackupError } from '../../errors.ts';
import { printString } from '../../protocol/print.ts';
import type { Session } from './syncLogin.ts';

export interface ListedMailbox {
  /** An administrator's name, a byte string. */
  readonly name: string;
  /** The character between levels: `/` or `.`. */
  readonly separator: string;
}

const LISTED = /^LIST \(([^)]*)\) "(.)" (?:"((?:[^"\\]|\\.)*)"|(\S+))$/i;

/** Names that hold no mailbox, only others below them, are left out. Throws 'io' if refused. */
export async function listMailboxes(
  session: Session,
  pattern: string,
  onMailbox: (mailbox: ListedMailbox) => void,
): Promise<void> {
  session.wire.expect(`LIST ${pattern}`);
  const answer = await session.command(`LIST "" ${printString(pattern, 'log')}`, (untagged) => {
    const match = untagged.kind === 'text' ? LISTED.exec(untagged.text) : null;
    if (match === null || /\\Noselect|\\NonExistent/i.test(match[1] ?? '')) return;
    const name = match[3]?.replaceAll(/\\(.)/g, '$1') ?? match[4] ?? '';
    onMailbox({ name, separator: match[2] ?? '/' });
  });
  if (answer.kind === 'status' && answer.status === 'OK') return;
  const text = answer.kind === 'status' ? answer.text : answer.kind;
  throw new BackupError('io', `${session.wire.peer}: LIST ${pattern}: ${text}`);
}
