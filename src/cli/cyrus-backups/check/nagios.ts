/**
 * `cyrus-backups check --nagios`: one line with a state, and performance data, as monitoring
 * plugins print them. The exit code is 0 (OK), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN).
 *
 * The figures come from the status store, so that backupd need not be asked.
 */
import type { Config } from '../../../config/imapdConf.ts';
import { BackupError, messageOf } from '../../../errors.ts';
import { disk } from '../../../fs/disk/current.ts';
import { StatusReader } from '../../../status/statusReader.ts';
import { readSummary } from '../../../status/summary.ts';
import type { Summary } from '../../../status/summary.ts';
import { loadConfig, requireBackupDatabase } from '../../../config/imapdConf.ts';
import type { CliIo } from '../../common/io.ts';
import { namedFew } from './finding.ts';

export interface NagiosOptions {
  readonly config: string;
  /** The age of a user's last successful sync from which there is a warning, or it is critical. */
  readonly warningHours: number;
  readonly criticalHours: number;
}

const STATES = ['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'] as const;
type State = 0 | 1 | 2 | 3;

interface Problem {
  readonly state: State;
  readonly text: string;
}

/** The most users that are named. */
const MOST_USERS = 20;
const UNKNOWN: State = 3;

/** Resolves to the exit code. Whatever goes wrong is UNKNOWN. */
export async function runNagios(options: NagiosOptions, io: CliIo): Promise<number> {
  try {
    const config = loadConfig(options.config, { service: 'backupd' });
    let failure: string | undefined;
    const reader = StatusReader.open(requireBackupDatabase(config), (reason) => (failure = reason));
    const summary = await readSummary(reader, MOST_USERS);
    reader.close();
    if (failure !== undefined) throw new BackupError('io', failure);
    if (summary.domains.size === 0) {
      throw new BackupError(
        'not-found',
        'no round of a master is known yet: see status.db beside backups.db',
      );
    }
    return print(summary, config, options, io);
  } catch (error) {
    io.stdout.write(`BACKUPS UNKNOWN: ${oneLine(messageOf(error))}\n`);
    return UNKNOWN;
  }
}

function print(summary: Summary, config: Config, options: NagiosOptions, io: CliIo): State {
  const nowS = Date.now() / 1000;
  const spaces = spacesOf(config);
  const problems = [
    ...syncProblems(summary, options, nowS),
    ...otherProblems(summary),
    ...spaces
      .filter(({ freeBytes }) => freeBytes < config.backup_disk_reserve)
      .map(({ name }): Problem => ({ state: 2, text: `partition ${name} is below backup_disk_reserve` })),
  ];
  const state = problems.reduce<State>((worst, { state: next }) => (next > worst ? next : worst), 0);
  const sums = [...summary.domains.values()];
  const sum = (count: (domain: (typeof sums)[number]) => number): number =>
    sums.reduce((total, domain) => total + count(domain), 0);
  const users = sum((domain) => domain.users);
  const oldest = Math.min(...sums.map(({ oldestSync }) => oldestSync));
  const age = Math.max(0, Math.round(nowS - oldest));
  const text =
    problems.length === 0 ? `${users} users are in step` : problems.map((each) => each.text).join('; ');
  const performance = [
    `users=${users}`,
    `oldest_sync=${age}s;${options.warningHours * 3600};${options.criticalHours * 3600};0`,
    `failing=${sum((domain) => domain.failing)};0`,
    `missing=${sum((domain) => domain.missing)};0`,
    ...spaces.map(
      ({ name, freeBytes, sizeBytes }) =>
        `${label(`free_${name}`)}=${freeBytes}B;;${config.backup_disk_reserve}:;0;${sizeBytes}`,
    ),
  ];
  io.stdout.write(`BACKUPS ${STATES[state]}: ${oneLine(text)} | ${performance.join(' ')}\n`);
  return state;
}

function syncProblems({ stalest }: Summary, options: NagiosOptions, nowS: number): Problem[] {
  const late = stalest.filter(({ syncedAt }) => nowS - syncedAt > options.warningHours * 3600);
  const worst = late[0];
  if (worst === undefined) return [];
  const hours = (nowS - worst.syncedAt) / 3600;
  const isCritical = hours > options.criticalHours;
  const names = namedFew(late.map(({ userid }) => userid));
  return [
    {
      state: isCritical ? 2 : 1,
      text: `not synced for ${worst.syncedAt === 0 ? 'ever' : `${Math.floor(hours)} h`}: ${names}`,
    },
  ];
}

function otherProblems({ stalest, mostMissing, checks }: Summary): Problem[] {
  const failing = stalest.filter(({ failingSince }) => failingSince !== undefined);
  const problems: Problem[] = [];
  if (failing.length > 0) {
    problems.push({
      state: 1,
      text: `the last sync failed: ${namedFew(failing.map(({ userid }) => userid))}`,
    });
  }
  if (mostMissing.length > 0) {
    const names = namedFew(mostMissing.map(({ userid, missing }) => `${userid} (${missing})`));
    problems.push({ state: 1, text: `missing messages: ${names}` });
  }
  for (const [kind, { failed }] of checks) {
    if (failed > 0) problems.push({ state: 2, text: `${kind} failed for ${failed} users` });
  }
  return problems;
}

interface Space {
  readonly name: string;
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

function spacesOf({ backuppartitions }: Config): Space[] {
  const spaces: Space[] = [];
  for (const [name, path] of backuppartitions) {
    try {
      const { bsize, bavail, blocks } = disk.statfs(path);
      spaces.push({ name, freeBytes: bavail * bsize, sizeBytes: blocks * bsize });
    } catch {
      // The partition is missing, which `cyrus-backups check` reports.
    }
  }
  return spaces;
}

/** The separators of performance data, and what a peer may have put into a name, become blanks. */
function oneLine(text: string): string {
  return text.replace(/[|\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim();
}

const label = (name: string): string => (/^\w+$/.test(name) ? name : `'${name.replace(/['=|]/g, '_')}'`);
