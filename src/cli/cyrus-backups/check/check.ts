/**
 * `cyrus-backups check`: looks at a configuration and a store, says what is wrong, and what to do.
 * It changes nothing, and opens nothing but regular files. Run by root, it looks at the store with
 * the rights of the store's owner: what it can read, backupd can read.
 */
import { dirname } from 'node:path';
import { requireBackupDatabase } from '../../../config/imapdConf.ts';
import type { Config } from '../../../config/imapdConf.ts';
import { BackupError, messageOf } from '../../../errors.ts';
import { asOwnerOf } from '../../../fs/actAsOwner.ts';
import type { ListenAddress } from '../../../server/bind.ts';
import { listenAddresses } from '../../backupd/listen.ts';
import { loginMethods, requireUsable } from '../../backupd/login.ts';
import type { CliIo } from '../../common/io.ts';
import { writeJson } from '../../common/json.ts';
import { accountOf } from './account.ts';
import { checkConfiguration } from './configuration.ts';
import { statOf, whyUnreadable } from '../../../fs/inspect/look.ts';
import { failure, LEVEL_CODES, warning, worstOf } from './finding.ts';
import type { Finding } from './finding.ts';
import { checkFolders } from './folders.ts';
import type { Account } from './folders.ts';
import { checkFuse, checkLimits, checkPorts } from './machine.ts';
import { checkStore } from './store.ts';
import { checkTls } from './tls.ts';

const SOCKET_MODE = 0o660;

export interface CheckOptions {
  readonly config: string;
  /** The addresses at which backupd should answer; without any, those of the configuration. */
  readonly addresses: readonly ListenAddress[];
}

export interface CheckOutput extends CheckOptions {
  readonly isJson: boolean;
  /** Leaves out what is well. */
  readonly isQuiet: boolean;
}

/** Resolves to all findings, in the order in which an administrator would correct them. */
async function findAll({ config: path, addresses: given }: CheckOptions): Promise<Finding[]> {
  const { config, findings } = checkConfiguration(path);
  if (config === undefined) return [...findings];
  const account = accountOf(config);
  const { addresses, fault } = addressesOf(config, given);
  const store = await asOwnerOf(storeOf(config), async () => [
    ...readableByOwner(config, account),
    ...login(config, addresses),
    ...checkTls(config),
    ...checkFolders(config, account),
    ...checkStore(config, account),
  ]);
  return [
    ...findings,
    ...fault,
    ...ownedByRoot(config, account),
    ...store,
    ...(await checkPorts(addresses)),
    ...checkLimits(config),
    ...checkFuse(),
  ];
}

/** Resolves to the exit code: 0 all is well, 1 warnings, 2 errors. */
export async function runCheck(options: CheckOutput, io: CliIo): Promise<number> {
  const findings = await findAll(options);
  const level = worstOf(findings);
  if (options.isJson) writeJson(io, { level, findings });
  else writeText(findings, options.isQuiet, io);
  return LEVEL_CODES[level];
}

function addressesOf(
  config: Config,
  given: readonly ListenAddress[],
): { addresses: readonly ListenAddress[]; fault: Finding[] } {
  if (given.length > 0) return { addresses: given, fault: [] };
  try {
    return { addresses: listenAddresses(config, SOCKET_MODE), fault: [] };
  } catch (error) {
    const message = messageOf(error).replace(`${config.file}: `, '');
    const cure = 'correct backup_listen';
    return { addresses: [], fault: [failure('configuration', { where: config.file, message, cure })] };
  }
}

function storeOf(config: Config): string[] {
  const database = requireBackupDatabase(config);
  return [dirname(database), database];
}

function readableByOwner(config: Config, { name }: Account): Finding[] {
  const stats = statOf(config.file);
  if (stats?.isFile() !== true) return [];
  // A link to a configuration is usual, and is followed by every program.
  const reason = whyUnreadable(config.file, { mayBeLink: true });
  if (reason === undefined) return [];
  const message = `backupd’s account, ${name}, cannot read it`;
  return [
    failure('configuration', {
      where: config.file,
      message,
      cure: `chgrp it to a group of ${name}, and chmod 0640 ${config.file}`,
    }),
  ];
}

function login(config: Config, addresses: readonly ListenAddress[]): Finding[] {
  try {
    requireUsable(config, loginMethods(config), addresses);
    return [];
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    const message = messageOf(error).replace(`${config.file}: `, '');
    return [
      failure('login', {
        where: config.file,
        message,
        cure: 'see "TLS and logging in" in docs/guide/operations.md',
      }),
    ];
  }
}

function ownedByRoot(config: Config, { uid }: Account): Finding[] {
  const database = requireBackupDatabase(config);
  if (uid !== 0 || statOf(dirname(database)) === undefined) return [];
  const message = 'the store belongs to root, so backupd would have to run as root';
  const cure = 'make an account for it, and give it the store: cyrus-backups setup --account NAME';
  return [warning('account', { where: dirname(database), message, cure })];
}

const LABELS = { ok: 'ok', warning: 'WARNING', error: 'ERROR' } as const;

function writeText(findings: readonly Finding[], isQuiet: boolean, io: CliIo): void {
  for (const { level, what, where, message, cure } of findings) {
    if (level === 'ok' && isQuiet) continue;
    io.stdout.write(`${LABELS[level].padEnd(8)} ${what}: ${where}: ${message}\n`);
    if (cure !== undefined) io.stdout.write(`${' '.repeat(9)}to do: ${cure}\n`);
  }
  const count = (level: Finding['level']): number => findings.filter((each) => each.level === level).length;
  const [errors, warnings] = [count('error'), count('warning')];
  if (errors + warnings > 0) io.stdout.write(`${plural(errors, 'error')}, ${plural(warnings, 'warning')}\n`);
  else if (!isQuiet) io.stdout.write('all is well\n');
}

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;
