/**
 * Checks the configuration: the files themselves, options that nobody reads, options of Cyrus that
 * have no effect here, and values that leave backupd unusable.
 */
import { dirname, resolve } from 'node:path';
import { loadConfig, requireServerConfig } from '../../../config/imapdConf.ts';
import type { Config } from '../../../config/imapdConf.ts';
import { readSettings } from '../../../config/lines.ts';
import type { Setting } from '../../../config/lines.ts';
import { olderNames, unknownKeys } from '../../../config/unknownKeys.ts';
import { BackupError } from '../../../errors.ts';
import { failure, ok, warning } from './finding.ts';
import type { Finding } from './finding.ts';
import {
  isReadableByOthers,
  isWritableByOthers,
  kindText,
  modeText,
  statOf,
} from '../../../fs/inspect/look.ts';

const WHAT = 'configuration';
const SECRET = /(password|_passwd|_pw)$/;

/** Options of Cyrus that an administrator may rely on, and what holds here instead. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  sasl_auxprop_plugin: 'passwords are not read from sasldb: set them with cyrus-backups passwd',
  sasl_sasldb_path: 'passwords are not read from sasldb: set them with cyrus-backups passwd',
  tls_session_timeout: 'TLS sessions are not resumed: remove it, if only backupd reads this file',
  tls_sessions_db: 'TLS sessions are not resumed: remove it, if only backupd reads this file',
};

export interface ReadConfiguration {
  readonly findings: readonly Finding[];
  /** undefined if the configuration cannot be used at all. */
  readonly config: Config | undefined;
}

/** Reads the configuration and checks it. Opens only regular files. */
export function checkConfiguration(path: string): ReadConfiguration {
  const file = resolve(path);
  try {
    const settings = [...readSettings(file, new Set(), requireFile)];
    const config = loadConfig(file, { service: 'backupd' });
    requireServerConfig(config);
    const findings = [
      ...modes(settings, file),
      ...unknown(settings),
      ...older(settings),
      ...ineffective(settings),
    ];
    const isWell = findings.length === 0;
    return { config, findings: isWell ? [ok(WHAT, file, `${settings.length} options`)] : findings };
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return { config: undefined, findings: [unusable(error, file)] };
  }
}

/** Builds the finding from an error whose message begins with the file, and perhaps the line. */
function unusable(error: BackupError, file: string): Finding {
  const { message, subject = file, kind } = error;
  const [, line = '', text = message] = message.startsWith(subject)
    ? (/^(, line \d+)?: (.*)$/s.exec(message.slice(subject.length)) ?? [])
    : [];
  const cure = kind === 'not-found' ? 'run cyrus-backups setup to write one' : 'correct it';
  return failure(WHAT, { where: `${subject}${line}`, message: text, cure });
}

/** Throws 'config' for a name that leads to anything but a file: reading a FIFO would not end. */
function requireFile(path: string): void {
  const stats = statOf(path);
  if (stats === undefined) {
    throw new BackupError('not-found', 'there is no such file', { subject: path });
  }
  if (!stats.isFile()) {
    throw new BackupError('config', `not a file, but ${kindText(stats)}`, { subject: path });
  }
}

function placeOf({ file, line }: Setting): string {
  return `${file}, line ${line}`;
}

function modes(settings: readonly Setting[], main: string): Finding[] {
  return [...new Set([main, ...settings.map(({ file }) => file)])].flatMap((file) => {
    const stats = statOf(file);
    if (stats === undefined) return [];
    const secret = settings.find(({ key, file: its }) => its === file && SECRET.test(key));
    if (secret !== undefined && isReadableByOthers(stats)) {
      const message = `everybody may read it (mode ${modeText(stats)}), and it holds ${secret.key}`;
      return [failure(WHAT, { where: file, message, cure: `chmod 0640 ${file}` })];
    }
    const folder = statOf(dirname(file));
    const isOpen = isWritableByOthers(stats) || (folder !== undefined && isFreeFolder(folder));
    if (!isOpen) return [];
    const message = `everybody may change it (mode ${modeText(stats)}, or that of its folder)`;
    return [failure(WHAT, { where: file, message, cure: `chmod o-w ${file} ${dirname(file)}` })];
  });
}

/** Whether everybody may replace files in the folder: writable, and without the sticky bit. */
function isFreeFolder(stats: { mode: number }): boolean {
  return (stats.mode & 0o002) !== 0 && (stats.mode & 0o1000) === 0;
}

function unknown(settings: readonly Setting[]): Finding[] {
  return unknownKeys(settings).map(({ setting, similar }) => {
    const isOurs = setting.key.startsWith('backup');
    const message = `${setting.key} is no option of ${isOurs ? 'cyrus-backups' : 'cyrus-backups or Cyrus'}, and is ignored`;
    const cure =
      similar === undefined
        ? 'correct or remove it; see the configuration reference'
        : `did you mean ${similar}?`;
    return warning(WHAT, { where: placeOf(setting), message, cure });
  });
}

function older(settings: readonly Setting[]): Finding[] {
  const set = new Set(settings.map(({ key }) => key));
  return olderNames(settings).map(({ setting, newer }) => {
    const isOverruled = set.has(newer);
    const message = isOverruled
      ? `${setting.key} has no effect, because ${newer} is set, too`
      : `${setting.key} is an older name`;
    const cure = isOverruled ? `remove ${setting.key}` : `call it ${newer}`;
    return warning(WHAT, { where: placeOf(setting), message, cure });
  });
}

function ineffective(settings: readonly Setting[]): Finding[] {
  return settings.flatMap((setting) => {
    const cure = Object.hasOwn(WITHOUT_EFFECT, setting.key) ? WITHOUT_EFFECT[setting.key] : undefined;
    if (cure === undefined) return [];
    const message = `${setting.key} has no effect on cyrus-backups`;
    return [warning(WHAT, { where: placeOf(setting), message, cure })];
  });
}
