/**
 * Checks the folders and files that backupd needs: configdirectory, the partitions, the folder for
 * uploads, the password file. Runs with the rights of the store's owner if root runs the check.
 */
import { dirname } from 'node:path';
import { requireConfigDirectory, requirePartitions, requirePasswdFile } from '../../../config/imapdConf.ts';
import type { Config } from '../../../config/imapdConf.ts';
import { PasswordFile } from '../../../config/passwordFile.ts';
import { messageOf } from '../../../errors.ts';
import { humanSize } from '../../common/text.ts';
import {
  diskOf,
  isOpenToOthers,
  isWritableByOthers,
  kindText,
  lstatOf,
  modeText,
  statOf,
  whyUnreadable,
} from '../../../fs/inspect/look.ts';
import { failure, ok, warning } from './finding.ts';
import type { Finding } from './finding.ts';

/** The account that the store belongs to, and that backupd must run as. */
export interface Account {
  readonly uid: number;
  readonly name: string;
}

/** Below this share of the disk, and below twice the reserve, a disk counts as nearly full. */
const LITTLE_FREE = 0.05;

export function checkFolders(config: Config, account: Account): Finding[] {
  return [
    ...checkFolder('configdirectory', requireConfigDirectory(config), account),
    ...checkPasswordFile(config, account),
    ...[...requirePartitions(config)].flatMap(([name, path]) => [
      ...checkFolder(`partition ${name}`, path, account),
      ...checkDisk(`partition ${name}`, path, config.backup_disk_reserve),
    ]),
    ...checkStaging(config, account),
  ];
}

function checkFolder(what: string, path: string, account: Account): Finding[] {
  const fault = folderFault(path, account);
  if (fault !== undefined) return [failure(what, { where: path, ...fault })];
  const stats = statOf(path);
  if (stats !== undefined && isOpenToOthers(stats)) {
    const message = `other accounts may enter it (mode ${modeText(stats)})`;
    return [warning(what, { where: path, message, cure: `chmod 0700 ${path}` })];
  }
  return [ok(what, path, `writable by ${account.name}`)];
}

/** Returns why the account could not work in a folder, and the cure. */
function folderFault(path: string, { uid, name }: Account): { message: string; cure: string } | undefined {
  const stats = statOf(path);
  if (stats === undefined) {
    const above = statOf(dirname(path));
    const message = above === undefined ? 'neither it nor the folder above it is there' : 'it is not there';
    return { message, cure: `mount its disk, or make it: install -d -m 0700 -o ${name} ${path}` };
  }
  if (!stats.isDirectory()) return { message: `not a folder, but ${kindText(stats)}`, cure: 'name a folder' };
  if (uid !== 0 && stats.uid !== uid && (stats.mode & 0o020) === 0) {
    const message = `it belongs to uid ${stats.uid}, and ${name} may not write to it`;
    return { message, cure: `chown ${name} ${path}` };
  }
  if (stats.uid === uid && (stats.mode & 0o300) !== 0o300) {
    const message = `${name} may not write to it (mode ${modeText(stats)})`;
    return { message, cure: `chmod 0700 ${path}` };
  }
  return undefined;
}

function checkDisk(what: string, path: string, reserveBytes: number): Finding[] {
  const disk = diskOf(path);
  if (disk === undefined) return []; // reported with the folder
  const [freeBytes, sizeBytes] = [disk.bavail * disk.bsize, disk.blocks * disk.bsize];
  const message = `${humanSize(freeBytes)} of ${humanSize(sizeBytes)} are free (backup_disk_reserve: ${humanSize(reserveBytes)})`;
  const cure = 'make room, or move backups to another partition: ctl_backups -w move USER PARTITION';
  const said = { where: `${path} on ${mountOf(path)}`, message, cure };
  if (freeBytes < reserveBytes) {
    return [failure(what, { ...said, message: `no new mail is taken: ${message}` })];
  }
  if (freeBytes < 2 * reserveBytes || freeBytes < sizeBytes * LITTLE_FREE) return [warning(what, said)];
  if (disk.files > 0 && disk.ffree < disk.files * LITTLE_FREE) {
    return [warning(what, { ...said, message: `${disk.ffree} of ${disk.files} inodes are free` })];
  }
  return [ok(what, said.where, message)];
}

/** Returns the folder at which the file system of a path is mounted. */
function mountOf(path: string): string {
  const device = statOf(path)?.dev;
  let folder = path;
  while (folder !== '/' && statOf(dirname(folder))?.dev === device) folder = dirname(folder);
  return folder;
}

function checkStaging(
  { backup_staging_path: path, backup_disk_reserve: reserve }: Config,
  account: Account,
): Finding[] {
  const what = 'uploads';
  const stats = statOf(path);
  if (stats !== undefined) {
    return [...checkFolder(what, path, account), ...checkDisk(what, path, reserve)];
  }
  // backupd makes the folder itself, if it may.
  let above = dirname(path);
  while (statOf(above) === undefined && above !== '/') above = dirname(above);
  const stat = statOf(above);
  const isFree =
    stat !== undefined && (isWritableByOthers(stat) || stat.uid === account.uid || account.uid === 0);
  if (isFree) return [ok(what, path, 'made by backupd at its start')];
  const message = `it is not there, and ${account.name} may not make it in ${above}`;
  const cure = `install -d -m 0700 -o ${account.name} ${path}`;
  return [failure(what, { where: path, message, cure })];
}

function checkPasswordFile(config: Config, { name }: Account): Finding[] {
  const what = 'passwords';
  const path = requirePasswdFile(config);
  const methods = config.sasl_pwcheck_method;
  const isUsed = methods.length === 0 || methods.includes('auxprop');
  const stats = lstatOf(path);
  if (stats === undefined) {
    return isUsed && !methods.includes('saslauthd') ? [noPasswordFile(config, path)] : [];
  }
  const reason = whyUnreadable(path);
  if (reason !== undefined) {
    const cure = `make it a file that ${name} may read: chown ${name} ${path}; chmod 0600 ${path}`;
    return [failure(what, { where: path, message: reason, cure })];
  }
  try {
    const file = new PasswordFile(path);
    const lacking = config.admins.filter((admin) => file.lookup(admin) === null);
    if (lacking.length === 0) return [ok(what, path, `passwords of ${config.admins.join(', ')}`)];
    const message = `no password for ${lacking.join(', ')}, listed under admins`;
    const cure = lacking.map((admin) => `cyrus-backups passwd -C ${config.file} ${admin}`).join('; ');
    return [isUsed ? warning(what, { where: path, message, cure }) : ok(what, path, 'not used')];
  } catch (error) {
    const cure = `chmod 0600 ${path}, and set the passwords again with cyrus-backups passwd`;
    return [failure(what, { where: path, message: messageOf(error), cure })];
  }
}

function noPasswordFile(config: Config, path: string): Finding {
  const socket = config.sasl_saslauthd_path;
  const hasSocket = config.sasl_pwcheck_method.length === 0 && statOf(socket)?.isSocket() === true;
  if (hasSocket) return ok('passwords', socket, 'saslauthd checks passwords');
  const [admin = 'USER'] = config.admins;
  const message = 'no password has been set, so nobody can log in with one';
  return failure('passwords', {
    where: path,
    message,
    cure: `cyrus-backups passwd -C ${config.file} ${admin}`,
  });
}
