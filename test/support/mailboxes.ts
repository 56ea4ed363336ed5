/**
 * The mail that tests put into a real master, and the changes they make to it: everything that the
 * protocol can express. Nothing is random, so that a failure can be reproduced.
 */
import type { CyrusMaster } from './cyrus.ts';
import type { ImapClient } from './imapClient.ts';

const NOON = Date.UTC(2024, 2, 1, 12);
const DAY_MS = 86_400_000;

/** A message of some 300 bytes, different for each number. */
export function message(number: number, extra = ''): Buffer {
  const head = `From: Carl <carl@example.com>\r\nSubject: Report ${number}\r\nMessage-ID: <m${number}@example.com>\r\n`;
  return Buffer.from(
    `${head}\r\nThe lighthouse ran ${number} hours, and nothing was lost.\r\n${extra}`,
    'latin1',
  );
}

/** Bytes that are neither ASCII nor UTF-8, in the header too; and a line with a lone dot. */
const EIGHT_BIT = Buffer.from(
  'Subject: Gr\xfc\xdfe\r\nX-Note: K\xc3\xbcste\r\n\r\nSch\xf6n.\r\n\x80\xff\xfe\r\n.\r\nEnde.\r\n',
  'latin1',
);

/** Over 30 MB, and varied, so that it does not compress to nothing. */
function largeMessage(): Buffer {
  const lines = Array.from({ length: 430_000 }, (_, index) =>
    `${Math.imul(index, 2_654_435_761) >>> 0} `.padEnd(72, 'lamp '),
  );
  return Buffer.from(`Subject: A whole film\r\n\r\n${lines.join('\r\n')}\r\n`);
}

export async function appendMessages(
  client: ImapClient,
  mailbox: string,
  first: number,
  count: number,
): Promise<void> {
  const flags = ['', '\\Seen', '\\Seen \\Answered', '\\Flagged $Label1', 'NonJunk'];
  for (let number = first; number < first + count; number += 1) {
    const date = new Date(NOON + number * DAY_MS);
    await client.append(mailbox, message(number), { flags: flags[number % flags.length] ?? '', date });
  }
}

export async function buildMailboxes(
  master: CyrusMaster,
  user: string,
  { hasLarge = true } = {},
): Promise<void> {
  const client = await master.imap(user);
  const names = [
    'Archive',
    'Archive/2024',
    'Archive/2024/March',
    'Receipts',
    'Old Stuff',
    'v1.2 plans',
    'Empty',
  ];
  await client.create(...names.map((name) => `INBOX/${name}`));
  await appendMessages(client, 'INBOX', 1, 12);
  await appendMessages(client, 'INBOX/Archive/2024', 100, 8);
  await appendMessages(client, 'INBOX/Archive/2024/March', 200, 3);
  await appendMessages(client, 'INBOX/Receipts', 300, 5);
  await appendMessages(client, 'INBOX/Old Stuff', 400, 3);
  await appendMessages(client, 'INBOX/v1.2 plans', 500, 2);
  await client.append('INBOX', EIGHT_BIT, { flags: '\\Seen', date: new Date(NOON) });
  if (hasLarge) await client.append('INBOX/Archive', largeMessage(), { date: new Date(NOON) });
  await client.select('INBOX');
  await client.command('UID COPY', '2,5', '"INBOX/Archive"'); // one message in two mailboxes
  await client.expunge('INBOX', '7');
  await client.command('SETMETADATA', '"INBOX/Receipts"', '(/private/comment "Keep these, 7 years")');
  await client.command(
    'SETMETADATA',
    '"INBOX/Archive"',
    '(/private/comment',
    Buffer.from('Für "später"\r\n'),
    ')',
  );
  await client.command('SETMETADATA', '"INBOX/Empty"', '(/private/specialuse', Buffer.from('\\Drafts'), ')');
  for (const name of ['INBOX', 'INBOX/Receipts']) await client.command('SUBSCRIBE', `"${name}"`);
  client.close();
  await putScripts(master, user);
  const admin = await master.admin();
  await admin.command('SETQUOTA', `"user/${user}"`, '(STORAGE 200000)');
  admin.close();
}

async function putScripts(master: CyrusMaster, user: string): Promise<void> {
  const sieve = await master.sieve(user);
  await sieve.put(
    'main',
    'require ["fileinto"];\r\nif header :contains "subject" "ü" { fileinto "INBOX/Receipts"; }\r\n',
  );
  await sieve.put('keep', 'keep;\r\n');
  await sieve.activate('main');
  sieve.close();
}

/**
 * Changes the mailboxes of buildMailboxes: new mail, flags, an expunge, a copy, a rename, a delete,
 * subscriptions, another script.
 */
export async function changeMailboxes(master: CyrusMaster, user: string): Promise<void> {
  const client = await master.imap(user);
  await appendMessages(client, 'INBOX', 600, 3);
  await client.select('INBOX');
  await client.store('1:3', '+FLAGS.SILENT (\\Answered $Forwarded)');
  await client.store('2', '-FLAGS.SILENT (\\Seen)');
  await client.command('UID MOVE', '4', '"INBOX/Archive/2024"');
  await client.expunge('INBOX', '5,6');
  await client.command('RENAME', '"INBOX/Receipts"', '"INBOX/Expenses"');
  await client.command('DELETE', '"INBOX/Old Stuff"');
  await client.create('INBOX/Archive/2025');
  await client.command('UNSUBSCRIBE', '"INBOX/Receipts"');
  await client.command('SUBSCRIBE', '"INBOX/Expenses"');
  client.close();
  const sieve = await master.sieve(user);
  await sieve.activate('keep');
  sieve.close();
}
