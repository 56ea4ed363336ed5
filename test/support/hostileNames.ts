/** Mailboxes and userids with names that are traps for a tree of folders. */
import type { MailStore } from './mailStore.ts';
import { START, guidOf, line } from './backups.ts';

const long = (text: string, bytes: number): string =>
  text.repeat(Math.ceil(bytes / text.length)).slice(0, bytes);

/** Single name levels in bytes (latin1), with dots as Cyrus stores them (^). */
export const hostileLevels: readonly string[] = [
  'a',
  'A',
  'b',
  'INBOX',
  'inbox',
  'cur',
  'new',
  'tmp',
  '^mbox',
  'mbox',
  'maildir',
  'deleted',
  'at',
  'a^mbox',
  'a%2Embox',
  'a^sbd',
  '1',
  '2024',
  '%32024',
  '32024',
  '1^eml',
  '1%2Eeml',
  '1^EML',
  '^',
  '^^',
  '^^^',
  '%',
  '%empty',
  '%25',
  '%2F',
  '%2E',
  '%49NBOX',
  '%deleted-5F000000',
  'x%deleted-5F000000',
  'x%utf8',
  'x%raw',
  '%~0123456789abcdef',
  'a/b',
  'a%2Fb',
  'a b',
  ' ',
  'a\tb',
  'a\x7fb',
  'a\x01b',
  'Entw&APw-rfe',
  'Entw\xc3\xbcrfe',
  'Entw\xfcrfe',
  '&AQA-',
  '&AgA-',
  '&',
  '&-',
  '&bad',
  '&IDg-',
  'dovecot-keywords',
  'maildirfolder',
  'active',
  long('9', 255),
  long('9', 254),
  long('9', 253),
  long('x', 250),
  long('x', 251),
  `${long('x', 246)}^mbox`,
  `${long('x', 250)}^mbox`,
  long('x', 255),
  long('x', 256),
  `${long('x', 400)}a`,
  `${long('x', 400)}b`,
  long('%', 100),
  long('%', 101),
  long('^', 120),
  long('\xe9', 100),
  long('\xe9', 101),
  long('&IKw-', 400),
  `${long('&IKw-', 400)}a`,
  long('&IKw-&2D3cAA-', 390),
];

/** Puts one message into each mailbox; the user's backup holds nothing else. */
export async function putMailboxes(
  store: MailStore,
  userid: string,
  names: readonly string[],
): Promise<void> {
  const backup = await store.backup(userid);
  for (const [at, name] of names.entries()) {
    const message = Buffer.from(`Subject: ${at}\r\n\r\n`);
    const { site } = store;
    const guid = guidOf(message);
    const record = `%(UID 1 MODSEQ 2 LAST_UPDATED ${START} FLAGS () INTERNALDATE ${START + at} SIZE ${message.length} GUID ${guid})`;
    const state = `UNIQUEID u${at} MBOXNAME {${name.length}+}\r\n${name} LAST_UID 1 HIGHESTMODSEQ 2 UIDVALIDITY 17`;
    await backup.append(line(START, 'MAILBOX', `%(${state} RECORD (${record}))`), [
      await site.segment(message),
    ]);
  }
}
