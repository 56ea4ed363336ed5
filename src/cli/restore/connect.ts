/**
 * Turns restore's command line and imapd.conf into an opener: it opens one destination for each
 * user.
 */
import { Writable } from 'node:stream';
import type { Config } from '../../config/imapdConf.ts';
import { asBackupError, BackupError } from '../../errors.ts';
import { disk } from '../../fs/disk/current.ts';
import { parseAddress } from '../../restore/connection/address.ts';
import type { ServerAddress } from '../../restore/connection/address.ts';
import { CyrusDestination } from '../../restore/cyrus/cyrusDestination.ts';
import type { Destination } from '../../restore/destination.ts';
import { FilesDestination } from '../../restore/files/filesDestination.ts';
import type { FileFormat } from '../../restore/files/format.ts';
import { maildirFormat } from '../../restore/files/maildir/maildir.ts';
import { mboxFormat } from '../../restore/files/mbox/mbox.ts';
import { tarFormat } from '../../restore/files/archive/tar.ts';
import { zipFormat } from '../../restore/files/archive/zip.ts';
import { ImapDestination } from '../../restore/imap/imapDestination.ts';
import type { MailboxOutcome } from '../../restore/report/outcome.ts';
import type { Credentials } from '../../restore/connection/saslClient.ts';
import { SyncClient } from '../../restore/cyrus/syncClient.ts';
import type { ClientOptions } from '../../restore/cyrus/syncClient.ts';
import type { TlsTrust } from '../../restore/connection/wire.ts';
import { askHidden } from '../cyrus-backups/passwd.ts';
import type { PasswdIo } from '../cyrus-backups/passwd.ts';
import { textOf } from '../common/text.ts';
import type { RestoreArguments } from './options.ts';

/** The command's streams. Standard output may receive the archive. */
export interface RestoreIo extends PasswdIo {
  readonly stdout: Writable;
}

const CONNECT_TIMEOUT_MS = 30_000;

export interface Opener {
  open(userid: string, onProgress: (outcome: MailboxOutcome) => void): Promise<Destination>;
  /** Finishes the output that all users share, such as an archive. */
  finish(): Promise<void>;
  /**
   * Called after an error: leaves no incomplete file under the final name of an output that all
   * users share.
   */
  abandon?(): void;
}

export async function openerFor(args: RestoreArguments, config: Config, io: RestoreIo): Promise<Opener> {
  if (args.isCyrus) return cyrusOpener(args, config, io);
  const [, scheme = '', rest = ''] = /^([a-z]+):(.*)$/.exec(args.destination) ?? [];
  if (scheme === 'imap' || scheme === 'imaps') return imapOpener(args, config, io);
  if (rest === '') throw unknownDestination(args.destination);
  if (scheme === 'maildir') return filesOpener(args, config, maildirFormat(rest));
  if (scheme === 'mbox') return filesOpener(args, config, mboxFormat(rest));
  return archiveOpener(args, config, scheme, rest, io);
}

/** The part of the command line that concerns the login. */
export type LoginArguments = Pick<
  RestoreArguments,
  'user' | 'passwordFile' | 'tlsCa' | 'verifyTls' | 'useTls' | 'compress' | 'timeoutSeconds'
>;

/** Returns the options for connecting to a Cyrus server as its administrator. */
export async function clientOptions(
  args: LoginArguments,
  config: Config,
  address: ServerAddress,
  io: PasswdIo,
): Promise<ClientOptions> {
  return {
    credentials: await credentialsOf(args, config, address.user, io),
    tls: trustOf(args, config, address.host),
    allowsClear: !args.useTls || isLoopback(address.host),
    compress: args.compress,
    connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, args.timeoutSeconds * 1000),
    silenceTimeoutMs: args.timeoutSeconds * 1000,
  };
}

function unknownDestination(text: string): BackupError {
  return new BackupError(
    'usage',
    `--to: ${text} is none of imap://HOST, imaps://HOST, maildir:DIR, mbox:DIR, tar:FILE, zip:FILE`,
  );
}

async function cyrusOpener(args: RestoreArguments, config: Config, io: RestoreIo): Promise<Opener> {
  const address = parseAddress(args.destination);
  const options = await clientOptions(args, config, address, io);
  return {
    async open(_userid, onProgress) {
      const client = await SyncClient.connect(address, options);
      return new CyrusDestination(client, {
        isPlan: args.isPlan,
        isExact: args.isExact,
        isLocal: args.isLocal,
        partition: args.partition,
        acl: args.acl,
        existing: args.existing,
        what: args.what,
        isFlagsOnly: args.isFlagsOnly,
        deletedPrefix: config.deletedprefix,
        onProgress,
      });
    },
    finish: () => Promise.resolve(),
  };
}

/**
 * `imap://{user}@host` logs in as each user. `--user admin` logs in as admin and acts for each
 * user.
 */
async function imapOpener(args: RestoreArguments, config: Config, io: RestoreIo): Promise<Opener> {
  const address = parseAddress(args.destination);
  const [port = address.isImplicitTls ? 993 : 143] = address.ports;
  const direct = args.user === undefined ? (address.user ?? '{user}') : undefined;
  const { user, password } = await credentialsOf(args, config, direct, io);
  return {
    open: (userid, onProgress) => {
      const name = textOf(userid);
      return ImapDestination.connect({
        host: address.host,
        port,
        isImplicitTls: address.isImplicitTls,
        user: user.replaceAll('{user}', name),
        password,
        actFor: direct === undefined ? name : undefined,
        tls: trustOf(args, config, address.host),
        allowsClear: !args.useTls || isLoopback(address.host),
        connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, args.timeoutSeconds * 1000),
        silenceTimeoutMs: args.timeoutSeconds * 1000,
        isPlan: args.isPlan,
        existing: args.existing,
        what: args.what,
        deletedPrefix: config.deletedprefix,
        onProgress,
      });
    },
    finish: () => Promise.resolve(),
  };
}

function filesOpener(args: RestoreArguments, config: Config, format: FileFormat): Opener {
  return {
    open: (userid, onProgress) =>
      Promise.resolve(
        new FilesDestination(format, userid, {
          isPlan: args.isPlan,
          existing: args.existing,
          what: args.what,
          deletedPrefix: config.deletedprefix,
          onProgress,
        }),
      ),
    finish: () => format.finish(),
    abandon: () => format.abandon(),
  };
}

function archiveOpener(
  args: RestoreArguments,
  config: Config,
  scheme: string,
  path: string,
  io: RestoreIo,
): Opener {
  if (scheme !== 'tar' && scheme !== 'zip') throw unknownDestination(args.destination);
  if (path === '-' && args.isJson)
    throw new BackupError('usage', '--json and the archive cannot both go to standard output');
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const [file, output] = args.isPlan ? ['-', nowhere] : [path, io.stdout];
  const makeFormat = scheme === 'tar' ? tarFormat : zipFormat;
  return filesOpener(args, config, makeFormat(file, output, args.existing === 'replace'));
}

/**
 * Returns the user name and the password. Throws 'usage' if there is no user name, or neither a
 * password nor a terminal on which to ask for it.
 */
async function credentialsOf(
  args: LoginArguments,
  config: Config,
  userInAddress: string | undefined,
  io: PasswdIo,
): Promise<Credentials> {
  const isRestores = config.restore_authname !== null;
  const configured = isRestores ? config.restore_authname : config.sync_authname;
  const user = args.user ?? userInAddress ?? configured;
  if (user === null)
    throw new BackupError('usage', 'no name to log in with: --user, or restore_authname in imapd.conf');
  const realm = (isRestores ? config.restore_realm : config.sync_realm) ?? undefined;
  const password = passwordIn(args, config, user === configured);
  if (password !== null) return { user, password, realm };
  if (io.stdin.isTTY !== true) {
    throw new BackupError(
      'usage',
      `no password for ${user}: --password-file, or restore_password in imapd.conf`,
    );
  }
  return { user, password: await askHidden(io, `Password of ${user}: `), realm };
}

function passwordIn(args: LoginArguments, config: Config, isConfigured: boolean): string | null {
  if (args.passwordFile !== undefined) {
    return readText(args.passwordFile === '-' ? 0 : args.passwordFile, '--password-file').replace(
      /\r?\n[^]*$/,
      '',
    );
  }
  if (!isConfigured) return null;
  return config.restore_authname === null ? config.sync_password : config.restore_password;
}

function readText(file: string | number, option: string): string {
  try {
    return disk.readFile(file).toString('utf8');
  } catch (error) {
    throw asBackupError(error, `${option} ${file}`);
  }
}

/**
 * On loopback nobody can intercept the connection, and certificates issued for "localhost" are
 * rare. So any certificate is accepted there, unless a CA file is given.
 */
function trustOf(args: LoginArguments, config: Config, host: string): TlsTrust | null {
  if (!args.useTls) return null;
  const caFile = args.tlsCa ?? config.tls_server_ca_file;
  return {
    ca: caFile === null ? undefined : readText(caFile, '--tls-ca'),
    verify: args.verifyTls && !(isLoopback(host) && caFile === null),
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d+){3}$/.test(host);
}
