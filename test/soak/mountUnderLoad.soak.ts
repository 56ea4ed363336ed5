/**
 * `node dist/test/soak/mountUnderLoad.soak.js [seconds] [readers]`: reads a mount while its store
 * changes. At the same time:
 *
 * - backupd takes in one user's new mail, flags and expunges as fast as they come.
 * - `ctl_backups compact` runs over the same user in a loop.
 * - Programs read the mount: find, grep and tar. Others compare every message's SHA-1, in files and
 *   in tar's output, with the GUID in its extended attribute.
 *
 * A wrong byte, an error, or a program that hangs is a failure (exit code 1).
 *
 * The writer's delays are printed for five phases, to show the mount's share: alone, beside as many
 * processes that only burn CPU, beside compact, beside the readers, beside both.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BACKUPD_PRIORITY, setThreads } from '../../src/backup/lockPriority.ts';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { CHECK_ARCHIVE, CHECK_FILES } from '../support/checkedMessages.ts';
import { Daemon, run } from '../support/machine.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { BusyMaster } from './busyMaster.ts';

const seconds = Number(process.argv[2] ?? 600);
const readers = Number(process.argv[3] ?? 8);
const controlMs = Math.min(20_000, seconds * 50);

const backup = await BackupServer.start('backup_retention: 1s\n', false, true);
// As build/systemd/backupd.service starts it.
setThreads(backup.pid, BACKUPD_PRIORITY);
const master = await BusyMaster.start(backup);
let mount: MountDaemon | undefined;
const state = { ends: false };
const faults: string[] = [];
const counts: Record<string, number> = {};
const note = (what: string, by = 1): number => (counts[what] = (counts[what] ?? 0) + by);

async function write(phase: string, durationMs: number): Promise<void> {
  const outcome = await master.write(durationMs);
  note('rounds of the writer', outcome.rounds);
  faults.push(...outcome.faults);
  process.stdout.write(`${phase.padEnd(16)} ${outcome.summary}\n`);
}

async function burn(): Promise<void> {
  const burner = new Daemon('sh', ['-c', 'while :; do :; done']);
  while (!state.ends) await sleep(100);
  await burner.stop('SIGKILL');
}

async function compact(): Promise<void> {
  while (!state.ends) {
    const args = ['-C', backup.conf, '-w', '-F', '--force-drop', 'compact', 'anne'];
    const { code, stdout, stderr } = await runOurs('ctl_backups', args, 300_000);
    if (code !== 0) faults.push(`compact: ${stdout}${stderr}`);
    note('compactions');
  }
}

async function read(at: number, path: string): Promise<void> {
  const programs: [name: string, command: string, args: string[]][] = [
    ['sha1', 'python3', ['-c', CHECK_FILES, path]],
    ['find', 'find', [path, '-printf', '']],
    ['grep', 'sh', ['-c', `grep -rc lighthouse ${path} > /dev/null`]],
    ['tar', 'sh', ['-c', `tar -C ${path} -cf - . 2>/dev/null | python3 -c "$0" ${path}`, CHECK_ARCHIVE]],
  ];
  while (!state.ends) {
    const [name, command, args] = programs[at % programs.length]!;
    const { stdout, stderr } = await run(command, args, { timeoutMs: 300_000 });
    const isChecked = name === 'sha1' || name === 'tar';
    for (const line of `${stdout}${isChecked ? '' : stderr}`.split('\n')) {
      // A message that was expunged between listing and reading is gone, as on any disk.
      if (line !== '' && !/No such file|Stale file handle/.test(line)) faults.push(`${name}: ${line}`);
    }
    note(name);
    if (isChecked && !/^\d+\n$/.test(stderr)) faults.push(`${name}: ${stderr}`);
    else if (isChecked) note('messages checked', Number(stderr));
  }
}

async function beside(work: () => Promise<void>[], phase: string, durationMs: number): Promise<void> {
  state.ends = false;
  const works = work();
  try {
    await write(phase, durationMs);
  } finally {
    state.ends = true;
    await Promise.all(works);
  }
}

try {
  await write('alone', controlMs);
  const burning = (): Promise<void>[] => Array.from({ length: readers }, burn);
  await beside(burning, 'burners', controlMs);
  await beside(() => [compact()], 'compact', controlMs);
  mount = await MountDaemon.start(backup.conf);
  const path = join(mount.path, 'anne');
  const reading = (): Promise<void>[] => Array.from({ length: readers }, (_, at) => read(at, path));
  await beside(reading, 'readers', controlMs);
  await beside(() => [...reading(), compact()], 'readers, compact', seconds * 1000);
  await sleep(100);
  const status = await run('sh', ['-c', `grep VmHWM /proc/${mount.pid}/status`]);
  process.stdout.write(`${JSON.stringify(counts)}\n`);
  process.stdout.write(
    `mount ${status.stdout.trim()}; its log:\n${mount.log.split('\n').slice(0, 10).join('\n')}\n`,
  );
  process.stdout.write(`${faults.length} faults\n${[...new Set(faults)].slice(0, 30).join('\n')}\n`);
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  state.ends = true;
  await master.stop();
  await mount?.stop();
  await backup.stop();
}
