/**
 * `cyrus-backups xbackup [options] SERVER`: makes a Cyrus server replicate its users to this backup
 * server now. --stale HOURS, meant for cron, replicates only users whose backup is older than that
 * or does not exist.
 */
import { parseArgs } from 'node:util';
import { Catalog } from '../../catalog/catalog.ts';
import { loadConfig } from '../../config/imapdConf.ts';
import type { Config } from '../../config/imapdConf.ts';
import { BackupError, messageOf } from '../../errors.ts';
import { parseAddress } from '../../restore/connection/address.ts';
import { XbackupClient } from '../../restore/connection/xbackup.ts';
import type { XbackupResult } from '../../restore/connection/xbackup.ts';
import { DEFAULT_CONFIG, readOnlyCatalog } from '../common/catalogOptions.ts';
import { BACKUP_FAILED, guarded, usageError } from '../common/run.ts';
import { flag } from '../common/select.ts';
import { writeJson } from '../common/json.ts';
import { textOf } from '../common/text.ts';
import { isInFuture } from '../../backup/clock.ts';
import { lastWritten } from '../../backup/admin/backupStats.ts';
import type { PasswdIo } from './passwd.ts';
import { clientOptions } from '../restore/connect.ts';

const USAGE =
  'usage: cyrus-backups xbackup [-C FILE] [--pattern PATTERN] [--channel NAME] [--stale HOURS] [--json] SERVER\n';

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        C: { type: 'string', short: 'C', default: DEFAULT_CONFIG },
        n: flag('n'),
        pattern: { type: 'string', default: '*' },
        channel: { type: 'string', default: 'backup' },
        stale: { type: 'string' },
        json: { type: 'boolean', default: false },
        user: { type: 'string' },
        'password-file': { type: 'string' },
        'tls-ca': { type: 'string' },
        'tls-no-verify': { type: 'boolean' },
        'no-tls': { type: 'boolean' },
        timeout: { type: 'string' },
      },
    });
  } catch (error) {
    throw usageError(messageOf(error));
  }
}

/**
 * Resolves to the exit code: 0, 64 usage, 75 if a user was not replicated, 77 wrong password, 78
 * configuration.
 */
export function runXbackup(argv: readonly string[], io: PasswdIo): Promise<number> {
  return guarded('xbackup', USAGE, io, async () => {
    const { values, positionals } = parse(argv);
    const [server] = positionals;
    if (server === undefined || positionals.length !== 1) throw usageError('one server is expected');
    const staleHours = values.stale === undefined ? null : hours(values.stale);
    const config = loadConfig(values.C);
    const address = parseAddress(server);
    const login = {
      user: values.user,
      passwordFile: values['password-file'],
      tlsCa: values['tls-ca'],
      verifyTls: values['tls-no-verify'] !== true,
      useTls: values['no-tls'] !== true,
      compress: false,
      timeoutSeconds: values.timeout === undefined ? config.sync_timeout : seconds(values.timeout),
    };
    const client = await XbackupClient.connect(address, await clientOptions(login, config, address, io));
    const results: XbackupResult[] = [];
    const onResult = (result: XbackupResult): void => {
      results.push(result);
      if (!values.json) io.stdout.write(`${resultLine(result)}\n`);
    };
    try {
      const patterns =
        staleHours === null ? [values.pattern] : await stale(client, config, values.pattern, staleHours);
      for (const pattern of patterns) {
        if (values.n === true) io.stdout.write(`${textOf(pattern)}: would be asked for\n`);
        else await askFor(client, pattern, values.channel, staleHours === null, onResult);
      }
    } finally {
      await client.close();
    }
    if (values.json) writeJson(io, results);
    return results.every(({ isDone }) => isDone) ? 0 : BACKUP_FAILED;
  });
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

function hours(text: string): number {
  const number = /^[0-9]{1,6}(?:\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(number)) throw usageError('--stale: a number of hours is expected');
  return number;
}

function seconds(text: string): number {
  const number = /^[0-9]{1,6}$/.test(text) ? Number(text) : 0;
  if (number < 1) throw usageError('--timeout: a number of seconds is expected');
  return number;
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
