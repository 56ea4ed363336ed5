/**
 * Restores one user, anne, to a StrictImap. Mailboxes are given as lists of the messages in them.
 */
import { ImapDestination } from '../../src/restore/imap/imapDestination.ts';
import type { ImapOptions } from '../../src/restore/imap/imapDestination.ts';
import { WHAT } from '../../src/restore/cyrus/job.ts';
import type { UserOutcome } from '../../src/restore/report/outcome.ts';
import { restoreUser } from '../../src/restore/restoreUser.ts';
import type { UserRestore } from '../../src/restore/restoreUser.ts';
import { BackupSite, START, appendMailbox } from './backups.ts';
import type { StrictImap } from './strictImap.ts';

export interface Kept {
  readonly text: string;
  readonly flags?: string;
}

export type Mailboxes = Readonly<Record<string, readonly (string | Kept)[]>>;

/** Makes a backup with these mailboxes. The names are internal. */
export async function backupOf(mailboxes: Mailboxes): Promise<BackupSite> {
  const site = new BackupSite();
  const backup = await site.open();
  for (const [index, [name, messages]] of Object.entries(mailboxes).entries()) {
    const records = messages.map((message, at) => {
      const { text, flags = '' } = typeof message === 'string' ? { text: message } : message;
      return { uid: at + 1, flags, message: Buffer.from(text, 'latin1') };
    });
    const extra = 'ACL "anne\tlrswipkxtecdan\t"';
    await appendMailbox(site, backup, START + index, { uniqueid: `u${index}`, name, records, extra });
  }
  await site.close(backup);
  return site;
}

export function restoreTo(
  server: StrictImap,
  site: BackupSite,
  options: Partial<ImapOptions> = {},
  selection: Partial<UserRestore['selection']> = {},
): Promise<UserOutcome> {
  return restoreUser({
    userid: 'anne',
    path: site.path(),
    time: null,
    selection: {
      objects: [],
      isRecursive: false,
      withDeleted: false,
      expunged: 'without',
      filter: { uids: null, from: null, subject: null, since: null, before: null },
      between: null,
      deletedPrefix: 'DELETED',
      mailOnly: true,
      ...selection,
    },
    naming: { mailbox: undefined, into: [], keepsDeleted: false, deletedPrefix: 'DELETED' },
    what: new Set(WHAT),
    open: () =>
      ImapDestination.connect({
        host: '127.0.0.1',
        port: server.port,
        isImplicitTls: false,
        user: 'anne',
        password: 'secret',
        actFor: undefined,
        tls: null,
        allowsClear: true,
        connectTimeoutMs: 1000,
        silenceTimeoutMs: 1000,
        backoffMs: [1, 1, 1],
        isPlan: false,
        existing: 'skip',
        what: new Set(WHAT),
        deletedPrefix: 'DELETED',
        onProgress: () => undefined,
        ...options,
      }),
    onStart: () => undefined,
    onMailbox: () => undefined,
  });
}

export function sum(user: UserOutcome, what: 'added' | 'skipped' | 'changed'): number {
  return user.mailboxes.reduce((total, mailbox) => total + mailbox[what], 0);
}

export function failuresOf(user: UserOutcome): string[] {
  return [...user.failures, ...user.mailboxes.flatMap(({ failures }) => failures)];
}

export function notesOf(user: UserOutcome): string[] {
  return user.mailboxes.flatMap(({ notes }) => notes);
}
