/**
 * Compares our programs with the originals, on the same mail in the same run:
 *
 * - A first sync of one user, and the data file's size.
 * - list, stat, verify, reindex and compact.
 * - Reading one message.
 * - ls, tar and grep on the mount, compared with the same files on disk.
 *
 * Only ratios count, not times: machines differ, and so does their other load. COUNT=20000 sets the
 * number of messages (default 4,000).
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { CyrusMaster, CYRUS_BIN, asCyrus, cyrusEnv } from '../support/cyrus.ts';
import { makeFolder, run } from '../support/machine.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { firstSync } from './firstSync.ts';
import { madeMail } from './mail.ts';

const COUNT = Number(process.env['COUNT'] ?? 4000);
const USER = 'bench';

async function seconds(work: () => unknown): Promise<number> {
  const start = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

function row(what: string, ours: number, theirs: number, unit: string): void {
  const ratio = (theirs / ours).toFixed(2);
  console.log(
    `${what.padEnd(34)} ${ours.toFixed(2).padStart(9)} ${theirs.toFixed(2).padStart(9)} ${unit.padEnd(3)} ${ratio.padStart(7)}`,
  );
}

async function original(tool: string, master: CyrusMaster, args: string[]): Promise<string> {
  const [command, all] = asCyrus(`${CYRUS_BIN}/${tool}`, ['-C', join(master.folder, 'imapd.conf'), ...args]);
  const { code, stdout, stderr } = await run(command, all, { env: cyrusEnv, timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`${tool} ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

async function ours(tool: string, server: BackupServer, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runOurs(tool, ['-C', server.conf, ...args], 600_000);
  if (code !== 0) throw new Error(`${tool} ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

function shell(folder: string, command: string): () => void {
  return () =>
    void execFileSync('sh', ['-c', command], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
}

const server = await BackupServer.start();
const master = await CyrusMaster.start({ withBackupd: true });
const disk = makeFolder('bench');
try {
  let total = 0;
  let last = '';
  mkdirSync(join(disk, USER));
  for (const { guid, bytes } of madeMail(COUNT)) {
    writeFileSync(join(disk, USER, `${guid}.eml`), bytes);
    total += bytes.length;
    last = guid;
  }
  console.log(`${COUNT} messages, ${(total / 1e6).toFixed(1)} MB; ratio: how many times better ours is`);
  console.log(
    `${'against the originals'.padEnd(34)} ${'ours'.padStart(9)} ${'theirs'.padStart(9)}     ${'ratio'.padStart(7)}`,
  );
  row(
    'first sync',
    await seconds(() => firstSync(server.address, USER, COUNT)),
    await seconds(() => firstSync(master.originalBackupd, USER, COUNT)),
    's',
  );
  const theirFile = (await original('ctl_backups', master, ['list', USER])).split('\t').at(-1)?.trim() ?? '';
  const ourFile = (await server.dataFile(USER)) ?? '';
  row('data file', statSync(ourFile).size / 1e6, statSync(theirFile).size / 1e6, 'MB');
  for (const args of [
    ['list', USER],
    ['stat', USER],
    ['verify', USER],
    ['reindex', USER],
    ['compact', '-F', USER],
  ]) {
    const our = await seconds(() => ours('ctl_backups', server, args));
    row(`ctl_backups ${args[0]}`, our, await seconds(() => original('ctl_backups', master, args)), 's');
  }
  const dump = ['-u', USER, 'dump', 'message', last];
  const our = await seconds(() => ours('cyr_backup', server, dump));
  row('cyr_backup dump message', our, await seconds(() => original('cyr_backup', master, dump)), 's');

  const mount = await MountDaemon.start(server.conf);
  try {
    console.log(
      `\n${'the mount against files on disk'.padEnd(34)} ${'mount'.padStart(9)} ${'disk'.padStart(9)}     ${'ratio'.padStart(7)}`,
    );
    for (const command of [
      'find . -type f -printf %s',
      'ls -lR .',
      'tar cf - . | cat',
      'grep -r zzzzqqqq . || true',
    ]) {
      const mounted = await seconds(shell(join(mount.path, USER), command));
      row(command, mounted, await seconds(shell(join(disk, USER), command)), 's');
    }
  } finally {
    await mount.stop();
  }
} finally {
  rmSync(disk, { recursive: true, force: true });
  await master.stop();
  await server.stop();
}
