/**
 * A mailbox's living records as uid -> guid and flags, from both sides: from the backup, asked with GET USER and GET
 * FULLMAILBOX as a master could, and from the master over IMAP. Equal maps mean that nothing is lost or wrong.
 */
import type { CyrusMaster, SyncServer } from './cyrus.ts';
import { SyncConnection } from './syncConnection.ts';

export type Records = Record<string, { guid: string; internalDate: number; flags: string[] }>;

const RECORD = /%\(UID (\d+) ([^%]*?)GUID ([0-9a-f]{40})/g;

/** By uid; of a line with RECORD lists, that is a `* MAILBOX` or an `APPLY MAILBOX`. Expunged ones are left out. */
export function recordsOf(line: string): Records {
  const records: Records = {};
  for (const [, uid, fields, guid] of line.matchAll(RECORD) as Iterable<[string, string, string, string]>) {
    const flags = (/FLAGS \(([^)]*)\)/.exec(fields)?.[1] ?? '').split(' ').filter((flag) => flag !== '');
    const internalDate = Number(/INTERNALDATE (\d+)/.exec(fields)?.[1]);
    if (!flags.includes('\\Expunged')) records[uid] = { guid, internalDate, flags: flags.toSorted() };
  }
  return records;
}

export function mailboxNameOf(line: string): string {
  const name = / MBOXNAME (?:"([^"]*)"|(\S+))/.exec(line);
  return name?.[1] ?? name?.[2] ?? '';
}

/** By internal name; deleted mailboxes are left out. Throws where backupd refuses to answer. */
export async function backedUp(server: SyncServer, user: string): Promise<Map<string, Records>> {
  const connection = await SyncConnection.login(server);
  const mailboxes = new Map<string, Records>();
  const ask = async (command: string): Promise<string> => {
    const { untagged, reply } = await connection.exchange(`${command}\r\n`);
    if (!reply.startsWith('OK')) throw new Error(`${command}: ${reply}`);
    return untagged.join('');
  };
  try {
    const listed = await ask(`GET USER ${user}`);
    const names = listed.split('* MAILBOX ').slice(1).map(mailboxNameOf);
    for (const name of names.filter((name) => !name.startsWith('DELETED.')).toSorted()) {
      mailboxes.set(name, recordsOf(await ask(`GET FULLMAILBOX "${name}"`)));
    }
    await ask('EXIT');
  } finally {
    connection.close();
  }
  return mailboxes;
}

export async function onMaster(master: CyrusMaster, user: string): Promise<Map<string, Records>> {
  const mailboxes = new Map<string, Records>();
  for (const [name, messages] of await master.truth(user)) {
    const records: Records = {};
    for (const { uid, sha1, internalDate, flags } of messages) {
      records[uid] = { guid: sha1, internalDate, flags: [...flags] };
    }
    mailboxes.set(internalName(user, name), records);
  }
  return new Map([...mailboxes].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** With unixhierarchysep on and altnamespace off, as the test master has it. */
function internalName(user: string, name: string): string {
  return name.replaceAll(/[/.]/g, (sign) => (sign === '/' ? '.' : '^')).replace(/^INBOX/, `user.${user}`);
}
