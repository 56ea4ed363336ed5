/**
 * What setup is to establish: one plain object, made of the command line, of the configuration that
 * is there, of answers on a terminal, and of defaults, in this order.
 */
import { hostname, homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import type { Config } from '../../../config/imapdConf.ts';
import { readSettings } from '../../../config/lines.ts';
import type { Setting } from '../../../config/lines.ts';
import { parseDuration } from '../../../config/values.ts';
import { BackupError } from '../../../errors.ts';
import { statOf } from '../../../fs/inspect/look.ts';
import { listenAddress } from '../../backupd/listen.ts';
import { DEFAULT_LISTEN } from '../../backupd/program.ts';
import { OWN_CONFIG } from '../../common/commonOptions.ts';
import type { Parsed } from '../../common/commandLine/parse.ts';
import type { setupProgram } from '../programs/setup.ts';
import { SHARED_KEYS } from './configText.ts';
import { chooseAccount } from './account.ts';
import type { SystemAccount } from '../../common/systemAccount.ts';
import type { Questions } from './questions.ts';

/** The configuration that is there: as a program reads it, and as it is written. */
export interface Present {
  readonly config: Config | undefined;
  readonly texts: ReadonlyMap<string, string>;
}

export type SetupValues = Parsed<(typeof setupProgram)['options']>['values'];

export interface Plan {
  readonly account: SystemAccount;
  readonly file: string;
  readonly state: string;
  readonly partition: string;
  /** NAME of its option, backuppartition-NAME. */
  readonly partitionName: string;
  readonly listen: readonly string[];
  readonly syncHost: string;
  readonly admin: string;
  /** The value of the option of that name: with the admin, perhaps others. */
  readonly admins: string;
  readonly channel: string;
  readonly retention: string;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  /** Options that must be equal to the master's, as its configuration has them. */
  readonly fromMaster: readonly Setting[];
}

const PORT_MODE = 0o660;

export function configPath(values: SetupValues): string {
  const own = process.geteuid?.() === 0 ? OWN_CONFIG : join(homedir(), '.config/cyrus-backups/imapd.conf');
  return resolve(values.config ?? own);
}

/** Throws 'usage' or 'not-found', with what to do. */
export async function makePlan(
  values: SetupValues,
  file: string,
  { config: present, texts }: Present,
  questions: Questions,
): Promise<Plan> {
  const isRoot = process.geteuid?.() === 0;
  const account = await chooseAccount(values.account, present, questions);
  const home = join(homedir(), '.local/share/cyrus-backups');
  const from = (given: string | undefined, known: string | null | undefined, preset: string): Asked => ({
    given,
    preset: known ?? preset,
  });
  const ask = (question: string, { given, preset }: Asked, fault: Fault): Promise<string> =>
    given === undefined ? questions.askValid(question, preset, fault) : checked(given, fault);
  const state = await ask(
    'Folder for the databases and the password file',
    from(absolute(values.state), present?.configdirectory, isRoot ? '/var/lib/cyrus-backups' : home),
    folderFault,
  );
  const [firstPartition] = present?.backuppartitions ?? [];
  const partition = await ask(
    'Folder for the backups, with room for all mail',
    from(
      absolute(values.partition),
      firstPartition?.[1],
      isRoot && state === '/var/lib/cyrus-backups' ? '/var/spool/cyrus-backups' : join(state, 'data'),
    ),
    folderFault,
  );
  const listen = await ask(
    'Address to listen at: 127.0.0.1:2005 for a master on this machine, 0.0.0.0:2005 for others',
    from(joined(values.listen), texts.get('backup_listen'), DEFAULT_LISTEN),
    listenFault,
  );
  const addresses = listen.split(/\s+/);
  const syncHost = await ask(
    'Name or address by which masters reach this machine',
    from(values.syncHost, undefined, hostFor(addresses[0] ?? '', present)),
    hostFault,
  );
  const admin = await ask(
    'Name that masters log in with',
    from(values.admin, present?.admins[0], 'repluser'),
    (name) => (/^[^\s:#]+$/.test(name) ? undefined : `not a name: ${JSON.stringify(name)}`),
  );
  const retention = await ask(
    'How long to keep what was deleted or changed (0 is for ever)',
    from(values.retention, texts.get('backup_retention'), '30d'),
    (text) => (parseDuration(text, 'd') === null ? `not a time such as 30d: ${text}` : undefined),
  );
  const tlsCert = await ask(
    'File of this server’s TLS certificate (Enter for none)',
    from(values.tlsCert, present?.tls_server_cert[0], ''),
    fileFault,
  );
  const tlsKey =
    tlsCert === ''
      ? ''
      : await ask(
          'File of its private key',
          from(values.tlsKey, present?.tls_server_key[0], tlsCert),
          fileFault,
        );
  if (tlsCert === '' && addresses.some((text) => text.endsWith('/tls'))) {
    throw new BackupError(
      'usage',
      `--listen ${listen}: TLS needs a certificate: give --tls-cert and --tls-key`,
    );
  }
  const [cert, key] = [tlsCert, tlsKey].map((path) => (path === '' ? undefined : resolve(path)));
  return {
    account,
    file,
    state,
    partition,
    partitionName: nameOf(partition, present) ?? 'default',
    listen: addresses,
    syncHost,
    admin,
    admins: present?.admins.includes(admin) === true ? (texts.get('admins') ?? admin) : admin,
    channel: channelOf(values.channel),
    retention,
    tlsCert: cert,
    tlsKey: key,
    fromMaster: values.masterConf === undefined ? [] : sharedWith(values.masterConf),
  };
}

interface Asked {
  readonly given: string | undefined;
  readonly preset: string;
}

type Fault = (text: string) => string | undefined;

async function checked(text: string, fault: Fault): Promise<string> {
  const wrong = fault(text);
  if (wrong !== undefined) throw new BackupError('usage', wrong);
  return text;
}

const absolute = (path: string | undefined): string | undefined =>
  path === undefined ? undefined : resolve(path);

const joined = (list: readonly string[] | undefined): string | undefined =>
  list === undefined || list.length === 0 ? undefined : list.join(' ');

function folderFault(path: string): string | undefined {
  if (!isAbsolute(path)) return `not an absolute path: ${path}`;
  const stats = statOf(path);
  return stats === undefined || stats.isDirectory() ? undefined : `not a folder: ${path}`;
}

function fileFault(path: string): string | undefined {
  if (path === '') return undefined;
  return statOf(path)?.isFile() === true ? undefined : `there is no such file: ${path}`;
}

function listenFault(text: string): string | undefined {
  try {
    for (const address of text.split(/\s+/)) listenAddress(address, PORT_MODE);
    return undefined;
  } catch (error) {
    if (error instanceof BackupError) return error.message;
    throw error;
  }
}

function hostFault(host: string): string | undefined {
  return /^[A-Za-z0-9._:[\]-]+$/.test(host) ? undefined : `not the name or address of a host: ${host}`;
}

/** A server that listens on loopback only has its master on the same machine. */
function hostFor(listen: string, present: Config | undefined): string {
  const host = /^\[?(.*?)\]?:\d+(\/tls)?$/.exec(listen)?.[1] ?? '';
  if (/^(127\.|::1$|localhost$)/.test(host)) return host;
  if (host !== '' && host !== '0.0.0.0' && host !== '::') return host;
  return present?.servername ?? hostname();
}

function nameOf(partition: string, present: Config | undefined): string | undefined {
  return [...(present?.backuppartitions ?? [])].find(([, path]) => path === partition)?.[0];
}

function channelOf(name: string): string {
  if (/^[A-Za-z][A-Za-z0-9]*$/.test(name)) return name;
  throw new BackupError('usage', `--channel ${name}: letters and digits are expected, as in backup`);
}

function sharedWith(path: string): Setting[] {
  return [...readSettings(path)].filter(({ key }) => SHARED_KEYS.includes(key));
}
