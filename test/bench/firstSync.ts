/**
 * A user's first replication, in the commands of a 3.6 master, with made-up mail in one INBOX. It
 * is faster than a real master.
 */
import type { SyncServer } from '../support/cyrus.ts';
import { SyncConnection } from '../support/syncConnection.ts';
import { madeMail } from './mail.ts';

const BATCH = 1024;

/** Sends what a first `sync_client -u` of a 3.6 master sends. */
export async function firstSync(server: SyncServer, user: string, count: number, seed = 1): Promise<void> {
  const connection = await SyncConnection.login(server);
  const say = async (command: Buffer): Promise<void> => {
    const { reply } = await connection.exchange(command);
    if (!reply.startsWith('OK')) throw new Error(`${command.subarray(0, 60).toString()}: ${reply}`);
  };
  await say(Buffer.from(`GET USER ${user}\r\n`));
  let files: Buffer[] = [];
  const records: string[] = [];
  const flush = async (): Promise<void> => {
    if (files.length > 0)
      await say(Buffer.concat([Buffer.from('APPLY MESSAGE ('), ...files, Buffer.from(')\r\n')]));
    files = [];
  };
  for (const { guid, bytes } of madeMail(count, seed)) {
    const uid = records.length + 1;
    files.push(Buffer.from(`${files.length > 0 ? ' ' : ''}%{default ${guid} ${bytes.length}}\r\n`), bytes);
    records.push(
      `%(UID ${uid} MODSEQ ${uid + 1} LAST_UPDATED 1700000000 FLAGS (\\Seen) INTERNALDATE ${1_600_000_000 + uid} SIZE ${bytes.length} GUID ${guid})`,
    );
    if (records.length % BATCH === 0) await flush();
  }
  await flush();
  const state =
    `UNIQUEID bench${user} MBOXNAME user.${user} LAST_UID ${count} HIGHESTMODSEQ ${count + 1} RECENTUID 0 RECENTTIME 0
    LAST_APPENDDATE 1700000000 POP3_LAST_LOGIN 0 POP3_SHOW_AFTER 0 UIDVALIDITY 1600000000 PARTITION default ACL "${user}	lrswipkxtecdan	"
    OPTIONS P`.replace(/\n +/g, ' ');
  await say(Buffer.from(`APPLY MAILBOX %(${state} RECORD (${records.join(' ')}))\r\n`));
  await say(Buffer.from('EXIT\r\n'));
  connection.close();
}
