/**
 * Checks what the machine offers: whether backupd answers, how many files a process may open, and
 * whether a file system can be mounted.
 */
import { delimiter, join } from 'node:path';
import type { Config } from '../../../config/imapdConf.ts';
import { messageOf } from '../../../errors.ts';
import { readAnswer } from '../../../protocol/driver.ts';
import { defaultLimits } from '../../../protocol/limits.ts';
import { Wire } from '../../../restore/connection/wire.ts';
import { isTlsFromStart } from '../../../server/bind.ts';
import type { ListenAddress } from '../../../server/bind.ts';
import { mayUse, readSmallFile, statOf } from '../../../fs/inspect/look.ts';
import { failure, ok, warning } from './finding.ts';
import type { Finding } from './finding.ts';

const TIMEOUT_MS = 5000;
/** Descriptors of an open backup: the data file, the index, its log and its shared memory. */
const FILES_A_BACKUP = 4;
const OTHER_FILES = 256;

/** Connects to each address, and reads the greeting. */
export async function checkPorts(addresses: readonly ListenAddress[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const address of addresses) findings.push(await checkPort(address));
  return findings;
}

async function checkPort(address: ListenAddress): Promise<Finding> {
  if ('fd' in address) return ok('port', String(address.fd), 'passed on by systemd');
  if ('path' in address) {
    if (statOf(address.path)?.isSocket() === true) return ok('port', address.path, 'the socket is there');
    return nothingListens(address.path, 'there is no socket');
  }
  const host =
    address.host === '' || address.host === '::' || address.host === '0.0.0.0' ? 'localhost' : address.host;
  const where = `${host}:${address.port}`;
  let wire: Wire | undefined;
  try {
    wire = await Wire.connect({
      host,
      port: address.port,
      connectTimeoutMs: TIMEOUT_MS,
      silenceTimeoutMs: TIMEOUT_MS,
    });
    if (isTlsFromStart(address)) await wire.startTls({ ca: undefined, verify: false });
    const greeting = await greetingOf(wire);
    if (greeting !== undefined) return ok('port', where, `backupd answers: ${greeting}`);
    const message = 'another program listens there';
    const cure = `find it (ss -ltnp), or give backupd another port; Cyrus’ own sync_server uses 2005, too`;
    return failure('port', { where, message, cure });
  } catch (error) {
    return nothingListens(where, reasonOf(error, where));
  } finally {
    wire?.close();
  }
}

function reasonOf(error: unknown, where: string): string {
  const reason = messageOf(error).replace(`${where}: `, '');
  return /ECONNREFUSED/.test(reason) ? 'nothing listens there' : reason;
}

function nothingListens(where: string, message: string): Finding {
  const cure =
    'start it: systemctl start backupd; if it listens elsewhere, set backup_listen or give --listen';
  return warning('port', { where, message: `backupd does not answer: ${message}`, cure });
}

/** Returns backupd's greeting; undefined if the greeting is of another program. */
async function greetingOf(wire: Wire): Promise<string | undefined> {
  const handlers = {
    onFile: () => Promise.reject(new Error('no file was asked for')),
    onSynchronizingLiteral: () => undefined,
  };
  return wire.step('no greeting', async () => {
    for (let line = 0; line < 20; line += 1) {
      const answer = await readAnswer(wire.source, defaultLimits, handlers, '');
      if (answer.kind !== 'text') return undefined;
      if (/^OK\b/i.test(answer.text)) {
        return /cyrus-backups|backup server/i.test(answer.text) ? answer.text : undefined;
      }
    }
    return undefined;
  });
}

/** Compares the limit on open files with what the configuration allows to be open. */
export function checkLimits(config: Config): Finding[] {
  const limit = openFilesLimit();
  const wanted =
    config.backup_max_connections + config.backup_max_open_backups * FILES_A_BACKUP + OTHER_FILES;
  const where = 'open files of a process';
  if (limit === undefined) return [];
  if (limit >= wanted) return [ok('limits', where, `up to ${limit} are allowed here`)];
  const message = `${limit} are allowed here, and the configured limits may need ${wanted}`;
  const cure = `raise it: LimitNOFILE=${wanted} in the unit, or ulimit -n ${wanted}`;
  return [warning('limits', { where, message, cure })];
}

/** The hard limit, which Node makes the effective one at its start. */
function openFilesLimit(): number | undefined {
  try {
    const match = /^Max open files\s+\S+\s+(\d+)/m.exec(readSmallFile('/proc/self/limits'));
    return match === null ? undefined : Number(match[1]);
  } catch {
    return undefined; // not on Linux
  }
}

export function checkFuse(): Finding[] {
  const device = '/dev/fuse';
  if (statOf(device) === undefined) {
    const message = 'there is no such device, so backups cannot be mounted';
    return [
      warning('mount', { where: device, message, cure: 'modprobe fuse; in a container, pass the device on' }),
    ];
  }
  if (!mayUse(device)) {
    const message = 'this account may not open it, so it cannot mount backups';
    return [warning('mount', { where: device, message, cure: 'mount as root, or chmod 0666 /dev/fuse' })];
  }
  if (process.geteuid?.() === 0 || isOnPath('fusermount') || isOnPath('fusermount3')) {
    return [ok('mount', device, 'backups can be mounted')];
  }
  const message = 'fusermount is missing, which an ordinary user needs to mount backups';
  return [warning('mount', { where: device, message, cure: 'install the package fuse, or mount as root' })];
}

function isOnPath(name: string): boolean {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .some((folder) => statOf(join(folder, name)) !== undefined);
}
