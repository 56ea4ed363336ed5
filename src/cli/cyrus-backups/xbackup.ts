/**
 * `cyrus-backups xbackup [options] SERVER`: makes a Cyrus server replicate its users to this backup
 * server now. --stale HOURS, meant for cron, replicates only users whose backup is older than that
 * or does not exist.
 */
import { loginOf } from '../common/commandLine/loginOptions.ts';
import { Catalog } from '../../catalog/catalog.ts';
import { loadConfig } from '../../config/imapdConf.ts';
import type { Config } from '../../config/imapdConf.ts';
import { BackupError, messageOf } from '../../errors.ts';
import { parseAddress } from '../../restore/connection/address.ts';
import { XbackupClient } from '../../restore/connection/xbackup.ts';
import type { XbackupResult } from '../../restore/connection/xbackup.ts';
import { readOnlyCatalog } from '../../catalog/catalogOptions.ts';
import type { Parsed } from '../common/commandLine/parse.ts';
import { TRY_AGAIN } from '../common/exitCodes.ts';
import { writeJson } from '../common/json.ts';
import { textOf } from '../common/text.ts';
import { isInFuture } from '../../backup/clock.ts';
import { lastWritten } from '../../backup/admin/backupStats.ts';
import type { PasswdIo } from './passwd.ts';
import type { xbackupProgram } from './programs/xbackup.ts';
import { clientOptions } from '../restore/connect.ts';

/**
 * Resolves to the exit code: 0, 64 usage, 75 if a user was not replicated, 77 wrong password, 78
 * configuration.
 */
export async function askForBackups(
  { values, operands }: Parsed<(typeof xbackupProgram)['options']>,
  io: PasswdIo,
): Promise<number> {
  const { stale: staleHours } = values;
  const config = loadConfig(values.config);
  const address = parseAddress(operands[0] ?? '');
  const login = {
    ...loginOf(values),
    compress: false,
    timeoutSeconds: values.timeout ?? config.sync_timeout,
  };
  const client = await XbackupClient.connect(address, await clientOptions(login, config, address, io));
  const results: XbackupResult[] = [];
  const onResult = (result: XbackupResult): void => {
    results.push(result);
    if (!values.json) io.stdout.write(`${resultLine(result)}\n`);
  };
  try {
    const patterns =
      staleHours === undefined ? [values.pattern] : await stale(client, config, values.pattern, staleHours);
    for (const pattern of patterns) {
      if (values.isDryRun) io.stdout.write(`${textOf(pattern)}: would be asked for\n`);
      else await askFor(client, pattern, values.channel, staleHours === undefined, onResult);
    }
  } finally {
    await client.close();
  }
  if (values.json) writeJson(io, results);
  return results.every(({ isDone }) => isDone) ? 0 : TRY_AGAIN;
}

/** If the server refuses one user of several, that counts as that user's result. */
async function askFor(
  client: XbackupClient,
  pattern: string,
  channel: string,
  isOnly: boolean,
  onResult: (result: XbackupResult) => void,
): Promise<void> {
  try {
    await client.backUp(pattern, channel, onResult);
  } catch (error) {
    if (isOnly || !(error instanceof BackupError) || error.kind === 'closed') throw error;
    onResult({ kind: 'mailbox', name: pattern, isDone: false, reason: messageOf(error) });
  }
}

/**
 * Returns the names of the server's users and shared mailboxes whose backup is too old or does not
 * exist.
 */
async function stale(
  client: XbackupClient,
  config: Config,
  pattern: string,
  staleHours: number,
): Promise<string[]> {
  const owners = await client.owners(pattern);
  const catalog = openCatalog(config);
  const limit = Date.now() / 1000 - staleHours * 3600;
  const isStale = new Map<string, boolean>();
  try {
    for (const userid of new Set(owners.values())) {
      const last = catalog === null ? null : lastUpdate(catalog, userid);
      isStale.set(userid, last === null || last < limit || isInFuture(last));
    }
  } finally {
    catalog?.close();
  }
  return [...owners].filter(([, userid]) => isStale.get(userid) === true).map(([name]) => name);
}

/** Returns null if no backup can be read; the server then reports what is wrong with it. */
function lastUpdate(catalog: Catalog, userid: string): number | null {
  try {
    const path = catalog.find(userid);
    return path === null ? null : lastWritten(path).lastTime;
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return null;
  }
}

/** Returns null if nothing was ever backed up. */
function openCatalog(config: Config): Catalog | null {
  try {
    return Catalog.open(readOnlyCatalog(config));
  } catch (error) {
    if (error instanceof BackupError && error.kind === 'not-found') return null;
    throw error;
  }
}

function resultLine({ kind, name, isDone, reason }: XbackupResult): string {
  const what = kind === 'user' ? 'user' : 'mailbox';
  return `${isDone ? 'ok' : 'failed'} ${what} ${textOf(name)}${reason === undefined ? '' : ` (${textOf(reason)})`}`;
}
