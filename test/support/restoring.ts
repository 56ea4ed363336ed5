/**
 * Shared by the tests of restore: running it as a process, reading a server's whole state over
 * csync, and removing users.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackupServer, runOurs } from './backupdDaemon.ts';
import type { CyrusMaster, SyncServer } from './cyrus.ts';
import type { Outcome } from './machine.ts';
import { SyncConnection } from './syncConnection.ts';

/** Writes backupd's configuration with a login for restore added. */
export function restoreConf(backup: BackupServer, server: SyncServer): string {
  const path = join(backup.folder, 'restore.conf');
  const login = `restore_authname: ${server.user}\nrestore_password: ${server.password}\n`;
  writeFileSync(path, `@include: ${backup.conf}\n${login}`);
  return path;
}

/** The report of `restore --json` for one user. */
export interface Report {
  readonly userid: string;
  readonly mailboxes: readonly {
    readonly source: string;
    readonly target: string;
    readonly created: boolean;
    readonly added: number;
    readonly skipped: number;
    readonly changed: number;
    readonly failures: readonly string[];
    readonly notes: readonly string[];
  }[];
  readonly items: readonly { readonly kind: string; readonly name: string; readonly action: string }[];
  readonly failures: readonly string[];
}

export class Restorer {
  readonly conf: string;

  constructor(backup: BackupServer, server: SyncServer) {
    this.conf = restoreConf(backup, server);
  }

  run(...args: string[]): Promise<Outcome> {
    return runOurs('restore', ['-C', this.conf, ...args], 120_000);
  }

  /** Expects exit code 0. Returns the report of the first user. */
  async report(...args: string[]): Promise<Report> {
    const { code, stdout, stderr } = await this.run('--json', ...args);
    if (code !== 0) throw new Error(`restore ${args.join(' ')}: exit code ${code}\n${stdout}${stderr}`);
    return JSON.parse(stdout) as Report;
  }
}

export function total(report: Report, what: 'added' | 'skipped' | 'changed'): number {
  return report.mailboxes.reduce((sum, mailbox) => sum + mailbox[what], 0);
}

/**
 * Keys that no client sees and that a server maintains by itself. A server also sets the dates of
 * scripts by itself.
 */
const UNSEEN =
  /\b(?:LAST_UPDATE|RECENTTIME|RECENTUID|LAST_APPENDDATE|POP3_\w+|FOLDERMODSEQ|XCONVMODSEQ|RACLMODSEQ) \d+ ?/g;

/**
 * Returns all that a Cyrus server tells a master about a user, by line. Mailboxes include their
 * records.
 */
export async function stateOf(master: CyrusMaster, user: string): Promise<string[]> {
  const connection = await SyncConnection.login(master.syncServer);
  try {
    const listed = await ask(connection, `GET USER ${user}`);
    const lines: string[] = [];
    for (const line of listed) {
      const name = / MBOXNAME (?:"([^"]*)"|(\S+))/.exec(line);
      if (!line.startsWith('* MAILBOX ') || name === null) lines.push(line);
      else lines.push(...(await ask(connection, `GET FULLMAILBOX "${name[1] ?? name[2]}"`)));
    }
    return lines.map(comparable).toSorted();
  } finally {
    connection.close();
  }
}

/** Returns one mailbox with its records, in the same form. */
export async function mailboxLine(master: CyrusMaster, name: string): Promise<string> {
  const connection = await SyncConnection.login(master.syncServer);
  try {
    return (await ask(connection, `GET FULLMAILBOX "${name}"`)).map(comparable).join('');
  } finally {
    connection.close();
  }
}

/**
 * Sorts the flags. Their order is that in which the mailbox first saw them, which changes with a
 * restore.
 */
function comparable(line: string): string {
  const sorted = (flags: string): string => flags.split(' ').toSorted().join(' ');
  return line
    .replaceAll(UNSEEN, '')
    .replace(/^(\* QUOTA .*) MODSEQ \d+/, '$1')
    .replaceAll(/FLAGS \(([^)]*)\)/g, (_, flags: string) => `FLAGS (${sorted(flags)})`);
}

/** Returns the untagged responses, each with the lines that its literals contain. */
async function ask(connection: SyncConnection, command: string): Promise<string[]> {
  const { untagged, reply } = await connection.exchange(`${command}\r\n`);
  if (!reply.startsWith('OK')) throw new Error(`${command}: ${reply}`);
  const answers: string[] = [];
  for (const line of untagged) {
    if (line.startsWith('* ') || answers.length === 0) answers.push(line);
    else answers[answers.length - 1] += `\n${line}`;
  }
  return answers;
}

/**
 * Removes an account as an administrator does. With `forGood` it also removes what a delayed delete
 * keeps.
 */
export async function removeUser(master: CyrusMaster, user: string, forGood = true): Promise<void> {
  const admin = await master.admin();
  await admin.command('SETACL', `"user/${user}"`, 'admin', 'lrswipkxtecda');
  await admin.command('DELETE', `"user/${user}"`);
  admin.close();
  if (!forGood) return;
  const { code, stderr } = await master.tool('cyr_expire', '-E', '0', '-D', '0', '-X', '0');
  if (code !== 0) throw new Error(`cyr_expire: ${stderr}`);
}

/**
 * Returns where two states differ, line by line in order, each with the text around the first
 * different byte.
 */
export function difference(one: readonly string[], other: readonly string[]): string[] {
  const differences: string[] = [];
  for (let index = 0; index < Math.max(one.length, other.length); index += 1) {
    const [before = '', after = ''] = [one[index], other[index]];
    if (before === after) continue;
    let at = 0;
    while (before[at] === after[at]) at += 1;
    const around = (line: string): string =>
      `${line.slice(0, 90)} ... ${line.slice(Math.max(0, at - 60), at + 60)}`;
    differences.push(`- ${around(before)}`, `+ ${around(after)}`);
  }
  return differences;
}
