/** Shared by the tests of prove, undo and drill: runs them in this process over a real server. */
import { expect } from 'chai';
import { loadConfig } from '../../src/config/imapdConf.ts';
import { runProve } from '../../src/cli/cyrus-backups/prove/runProve.ts';
import type { ProveOptions } from '../../src/cli/cyrus-backups/prove/runProve.ts';
import { readReport } from '../../src/proof/report/verifyReport.ts';
import { BackupServer } from './backupdDaemon.ts';
import { CyrusMaster } from './cyrus.ts';
import { ADMIN } from './cyrusConf.ts';
import { appendMessages, buildMailboxes } from './mailboxes.ts';

export interface Proof {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly path: string;
  /** What each user's line of the report says. */
  readonly users: readonly ProofLine[];
}

export interface ProofLine {
  readonly user: string;
  readonly verdict: string;
  readonly sampled: number;
  readonly differences: readonly Readonly<Record<string, unknown>>[];
}

/** Options of a login to the master's imapd, which can list its mailboxes. */
export function loginTo(
  master: CyrusMaster,
  port = master.imapPort,
): Pick<ProveOptions, 'address' | 'client'> {
  return {
    address: { host: '127.0.0.1', ports: [port], isImplicitTls: false, user: undefined },
    client: {
      credentials: { user: ADMIN.user, password: ADMIN.password, realm: undefined },
      tls: null,
      allowsClear: true,
      compress: false,
      connectTimeoutMs: 10_000,
      silenceTimeoutMs: 60_000,
    },
  };
}

export async function prove(
  backup: BackupServer,
  master: CyrusMaster,
  options: Partial<ProveOptions> = {},
): Promise<Proof> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await runProve(
    loadConfig(backup.conf),
    {
      ...loginTo(master),
      users: [],
      sampleSize: 2,
      isThorough: false,
      rate: 10_000,
      bytesPerSecond: 1e9,
      staleHours: 0,
      forMinutes: 10,
      retries: 2,
      settleSeconds: 0.5,
      graceHours: 24,
      isJson: false,
      ...options,
    },
    {
      stdout: { write: (text) => out.push(String(text)) },
      stderr: { write: (text) => err.push(String(text)) },
    },
  );
  const path = /^report: (.*)$/m.exec(out.join(''))?.[1] ?? '';
  const lines = readReport(path).lines.slice(0, -1) as unknown as ProofLine[];
  return { code, stdout: out.join(''), stderr: err.join(''), path, users: lines };
}

/** Returns a user's differences as text: verdict, thing, and where it is. */
export function differencesOf(proof: Proof, user: string): string[] {
  const line = proof.users.find((each) => each.user === user);
  return (line?.differences ?? []).map((each) =>
    ['verdict', 'what', 'mailbox', 'uid', 'name']
      .flatMap((key) => (each[key] === undefined ? [] : [each[key] as string]))
      .join(' '),
  );
}

/** Starts a master with mail of three users, and a backup of it. The caller stops both. */
export async function startReplicated(): Promise<[CyrusMaster, BackupServer]> {
  const [master, backup] = await Promise.all([CyrusMaster.start(), BackupServer.start()]);
  for (const user of ['anne', 'bethany', 'foo.bar@example.com']) await master.createUser(user);
  await buildMailboxes(master, 'anne');
  const client = await master.imap('bethany');
  await client.create('INBOX/Work');
  await appendMessages(client, 'INBOX', 1, 20);
  await appendMessages(client, 'INBOX/Work', 50, 20);
  await client.command('SETACL', '"INBOX/Work"', 'anne', 'lrs');
  client.close();
  await replicateAll(master, backup);
  return [master, backup];
}

export async function replicateAll(master: CyrusMaster, backup: BackupServer): Promise<void> {
  const { code, stdout, stderr } = await master.syncClient(['-A'], backup.address);
  expect(code, stdout + stderr).to.equal(0);
}
