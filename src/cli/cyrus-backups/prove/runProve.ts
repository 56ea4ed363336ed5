/**
 * `cyrus-backups prove SERVER [USER...]`: compares backups with the live server by the server's own
 * checksums, reads a random sample of messages on both sides, and keeps a signed report.
 */
import { openCatalog } from '../../common/select.ts';
import { randomInt } from 'node:crypto';
import type { Catalog } from '../../../catalog/catalog.ts';
import { requireBackupDatabase } from '../../../config/imapdConf.ts';
import type { Config } from '../../../config/imapdConf.ts';
import { BackupError } from '../../../errors.ts';
import { isValidUserid, sharedUserid } from '../../../mailbox/names.ts';
import { nowSeconds, timestampText } from '../../../mailbox/timestamp.ts';
import { paced } from '../../../proof/pace.ts';
import { ProofMemory } from '../../../proof/prove/memory.ts';
import { proveSite } from '../../../proof/prove/proveSite.ts';
import type { Candidate, ProvenUser } from '../../../proof/prove/proveSite.ts';
import { listUsers } from '../../../proof/prove/serverUser.ts';
import type { NameOptions } from '../../../proof/prove/serverUser.ts';
import { ReportWriter } from '../../../proof/report/report.ts';
import { SigningKey } from '../../../proof/report/signingKey.ts';
import type { ServerAddress } from '../../../restore/connection/address.ts';
import { SyncClient } from '../../../restore/cyrus/syncClient.ts';
import type { ClientOptions } from '../../../restore/cyrus/syncClient.ts';
import { differenceText } from '../../../proof/prove/difference.ts';
import { StatusWriter } from '../../../status/statusWriter.ts';
import type { NewResult } from '../../../status/types.ts';
import type { CliIo } from '../../common/io.ts';
import { proofFolder } from '../../common/proofFolder.ts';
import { TRY_AGAIN } from '../../common/exitCodes.ts';
import { usageError } from '../../common/run.ts';
import { bytesOf, humanSize, textOf } from '../../common/text.ts';
import { VERSION } from '../../common/version.ts';
import { reportLine, userLines } from './userLines.ts';

export interface ProveOptions {
  readonly address: ServerAddress;
  readonly client: ClientOptions;
  /** As on the command line; none for all users. */
  readonly users: readonly string[];
  /** How many messages of each user are read on both sides. */
  readonly sampleSize: number;
  readonly isThorough: boolean;
  /** Questions a second, and bytes a second of sampled messages. */
  readonly rate: number;
  readonly bytesPerSecond: number;
  /** Leaves out users who were looked at less than this long ago. */
  readonly staleHours: number;
  /** No more users are begun after this time. */
  readonly forMinutes: number;
  readonly retries: number;
  readonly settleSeconds: number;
  readonly graceHours: number;
  /** Prints the lines of the report. */
  readonly isJson: boolean;
}

/** Resolves to 0 if every user is proved or only behind, else 75. */
export async function runProve(config: Config, options: ProveOptions, io: CliIo): Promise<number> {
  const folder = proofFolder(config);
  const key = SigningKey.open(folder);
  const names = nameOptions(config);
  const server = `${options.address.host}:${options.address.ports[0] ?? ''}`;
  const memory = ProofMemory.open(folder, server);
  const status = StatusWriter.open(requireBackupDatabase(config), {
    warn: (message) => io.stderr.write(`cyrus-backups prove: ${message}\n`),
  });
  let report: ReportWriter | undefined;
  try {
    const first = await SyncClient.connect(options.address, options.client);
    const notes: string[] = [];
    const candidates = await candidatesOf(config, options, first, notes);
    await first.close();
    const now = nowSeconds();
    const stale = candidates.filter(
      ({ userid }) => (memory.get(userid)?.checked ?? 0) <= now - options.staleHours * 3600,
    );
    for (const note of notes) io.stderr.write(`cyrus-backups prove: ${note}\n`);
    const head = { server, serverVersion: first.serverVersion, notes };
    report = ReportWriter.begin(folder, key, {
      kind: 'prove',
      program: `cyrus-backups ${VERSION}`,
      now,
      head,
    });
    const totals = new Totals();
    const writer = report;
    const endMs = Date.now() + options.forMinutes * 60_000;
    const { left } = await proveSite({
      ...options,
      candidates: stale,
      memory,
      names,
      random: () => randomInt(2 ** 47) / 2 ** 47,
      pace: paced({ stepsPerSecond: options.rate, bytesPerSecond: options.bytesPerSecond }),
      settleMs: options.settleSeconds * 1000,
      graceSeconds: options.graceHours * 3600,
      connect: () => SyncClient.connect(options.address, options.client),
      isOver: () => Date.now() >= endMs,
      now: nowSeconds,
      onUser(user) {
        totals.add(user);
        const line = reportLine(user);
        writer.write(line);
        status.recordResult(resultOf(user, nowSeconds()));
        const shown = options.isJson ? [JSON.stringify(line)] : userLines(user, config);
        for (const text of shown) io.stdout.write(`${text}\n`);
      },
    });
    writer.finish({ ended: timestampText(nowSeconds()), left, ...totals.counts });
    report = undefined;
    const text = `${totals.text(left, candidates.length - stale.length)}\nreport: ${writer.path}\n`;
    (options.isJson ? io.stderr : io.stdout).write(text);
    return totals.isWell ? 0 : TRY_AGAIN;
  } finally {
    report?.abandon();
    memory.close();
    status.close();
  }
}

/** A backup that is behind is proved as far as it goes. */
function resultOf(user: ProvenUser, at: number): NewResult {
  const { userid, verdict, mailboxes, messages, sampled, differences } = user;
  const isOk = verdict === 'proved' || verdict === 'behind';
  const [first] = differences;
  const reason = user.reason ?? (first === undefined ? undefined : differenceText(first));
  const figures = { mailboxes, messages, sampled, differences: differences.length };
  return { userid, kind: 'prove', isOk, at, figures, reason: isOk ? undefined : textOf(reason ?? verdict) };
}

function nameOptions(config: Config): NameOptions {
  return {
    virtDomains: config.virtdomains !== 'off',
    defaultDomain: config.defaultdomain ?? undefined,
    deletedPrefix: config.deletedprefix,
  };
}

async function candidatesOf(
  config: Config,
  { users }: ProveOptions,
  client: SyncClient,
  notes: string[],
): Promise<Candidate[]> {
  const catalog = openCatalog(config);
  try {
    if (users.length > 0) return users.map((name) => named(catalog, name));
    const found = new Map<string, Candidate>();
    for (const { userid, path, fault } of catalog.list())
      found.set(userid, fault === null ? { userid, path } : { userid, path: null, fault });
    if (!client.canList) {
      notes.push(
        'a sync_server lists no users: users and mailboxes without a backup are not looked for (use imap://)',
      );
      return [...found.values()];
    }
    for (const userid of await listUsers(client, nameOptions(config)))
      if (!found.has(userid)) found.set(userid, { userid, path: null });
    return [...found.values()];
  } finally {
    catalog.close();
  }
}

function named(catalog: Catalog, name: string): Candidate {
  const userid = bytesOf(name);
  if (userid !== sharedUserid && !isValidUserid(userid))
    throw usageError(`not a userid: ${JSON.stringify(name)}`);
  try {
    return { userid, path: catalog.find(userid) };
  } catch (error) {
    if (!(error instanceof BackupError) || error.subject !== userid) throw error;
    return { userid, path: null, fault: error.message };
  }
}

class Totals {
  readonly counts = {
    users: 0,
    proved: 0,
    behind: 0,
    wrong: 0,
    noBackup: 0,
    failed: 0,
    mailboxes: 0,
    messages: 0,
    sampled: 0,
    sampledBytes: 0,
  };

  add({ verdict, mailboxes, messages, sampled, sampledBytes }: ProvenUser): void {
    const { counts } = this;
    counts.users += 1;
    counts[verdict === 'no backup' ? 'noBackup' : verdict] += 1;
    counts.mailboxes += mailboxes;
    counts.messages += messages;
    counts.sampled += sampled;
    counts.sampledBytes += sampledBytes;
  }

  get isWell(): boolean {
    const { wrong, noBackup, failed } = this.counts;
    return wrong + noBackup + failed === 0;
  }

  text(left: number, skipped: number): string {
    const { users, proved, behind, wrong, noBackup, failed, mailboxes, messages, sampled, sampledBytes } =
      this.counts;
    const looked = `${users} users, ${mailboxes} mailboxes, ${messages} messages, ${sampled} of them read on both sides (${humanSize(sampledBytes)})`;
    const found = `${proved} proved, ${behind} behind, ${wrong} wrong, ${noBackup} without a backup, ${failed} failed`;
    const rest = [
      ...(left === 0 ? [] : [`${left} left for the next run`]),
      ...(skipped === 0 ? [] : [`${skipped} looked at lately`]),
    ];
    return [`prove: ${looked}: ${found}`, ...rest].join('; ');
  }
}
