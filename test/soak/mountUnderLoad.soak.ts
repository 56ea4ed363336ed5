/**
 * `node dist/test/soak/mountUnderLoad.soak.js [seconds] [readers]`: backupd takes one user's mail in as fast as it comes, `ctl_backups compact` runs over the same
 * user in a loop, and programs read the mount: find, grep, tar, and every message's SHA-1 against the GUID that its extended attribute
 * says. A wrong byte, an error, or a program that hangs is a failure (exit code 1); how long the writer ever waited is told with and without readers.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { run } from '../support/machine.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { SyncConnection } from '../support/syncConnection.ts';
import { apply, message, upload } from '../server/made.ts';

const seconds = Number(process.argv[2] ?? 600);
const readers = Number(process.argv[3] ?? 8);
const BASE_MESSAGES = 2000;

/** Prints what is wrong: a message whose bytes are not those of its GUID, or that cannot be read although it is there. */
const CHECK = `
import hashlib, os, sys
wrong = checked = 0
for place, _, files in os.walk(sys.argv[1], onerror=lambda error: print('list', error)):
    for name in files:
        path = os.path.join(place, name)
        try:
            guid = os.getxattr(path, 'user.cyrus.guid').decode()
            bytes = open(path, 'rb').read()
        except FileNotFoundError: continue
        except OSError as error:
            print('read', error)
            continue
        checked += 1
        if hashlib.sha1(bytes).hexdigest() != guid: print('wrong bytes', path)
print(checked, file=sys.stderr)
`;

const backup = await BackupServer.start('backup_retention: 1s\n');
const bodies = Array.from({ length: BASE_MESSAGES }, (_, at) =>
  message(`number ${at} ${'x'.repeat(at % 3000)}`),
);
let mount: MountDaemon | undefined;
const state = { ends: false };
const faults: string[] = [];
const counts: Record<string, number> = {};
const note = (what: string, by = 1): number => (counts[what] = (counts[what] ?? 0) + by);

const connection = await SyncConnection.login(backup.address);
async function send(command: string | Buffer): Promise<void> {
  const { reply } = await connection.exchange(command);
  if (!reply.startsWith('OK')) faults.push(`backupd: ${reply}`);
}

/** New messages, one by one; answers how long the slowest command took, in milliseconds. */
async function write(untilMs: number): Promise<number> {
  let slowestMs = 0;
  while (Date.now() < untilMs) {
    const startMs = performance.now();
    const number = bodies.push(message(`number ${bodies.length}`)) - 1;
    await send(upload(bodies[number] ?? ''));
    await send(apply({ name: 'user.anne', bodies, uids: [number + 1] }));
    await send('RESTART\r\n');
    slowestMs = Math.max(slowestMs, performance.now() - startMs);
    note('rounds of the writer');
  }
  return slowestMs;
}

async function compact(): Promise<void> {
  while (!state.ends) {
    const { code, stdout, stderr } = await runOurs('ctl_backups', [
      '-C',
      backup.conf,
      '-w',
      '-F',
      'compact',
      'anne',
    ]);
    if (code !== 0) faults.push(`compact: ${stdout}${stderr}`);
    note('compactions');
  }
}

async function read(at: number, path: string): Promise<void> {
  const programs: [name: string, command: string, args: string[]][] = [
    ['sha1', 'python3', ['-c', CHECK, path]],
    ['find', 'find', [path, '-printf', '']],
    ['grep', 'sh', ['-c', `grep -rc lighthouse ${path} > /dev/null`]],
    ['tar', 'sh', ['-c', `tar -C ${path} -cf - . | cat > /dev/null`]],
  ];
  while (!state.ends) {
    const [name, command, args] = programs[at % programs.length]!;
    const { stdout, stderr } = await run(command, args, { timeoutMs: 300_000 });
    for (const line of `${stdout}${name === 'sha1' ? '' : stderr}`.split('\n')) {
      // What was expunged between listing and reading is gone, for these programs as on any disk.
      if (line !== '' && !/No such file|File removed|file changed/.test(line))
        faults.push(`${name}: ${line}`);
    }
    note(name);
    if (name === 'sha1') note('messages checked', Number(stderr));
  }
}

try {
  await send(upload(...bodies));
  await send(apply({ name: 'user.anne', bodies }));
  await send('RESTART\r\n');
  const aloneMs = await write(Date.now() + Math.min(30_000, seconds * 100));
  mount = await MountDaemon.start(backup.conf);
  const { path } = mount;
  const readings = Array.from({ length: readers }, (_, at) => read(at, join(path, 'anne')));
  const compacting = compact();
  const withReadersMs = await write(Date.now() + seconds * 1000);
  state.ends = true;
  await Promise.all([...readings, compacting]);
  await sleep(100);
  const status = await run('sh', ['-c', `grep VmHWM /proc/${mount.pid}/status`]);
  process.stdout.write(`${JSON.stringify(counts)}\n`);
  process.stdout.write(
    `slowest round of the writer: ${aloneMs.toFixed(0)} ms alone, ${withReadersMs.toFixed(0)} ms with all\n`,
  );
  process.stdout.write(
    `mount ${status.stdout.trim()}; its log:\n${mount.log.split('\n').slice(0, 10).join('\n')}\n`,
  );
  process.stdout.write(`${faults.length} faults\n${[...new Set(faults)].slice(0, 30).join('\n')}\n`);
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  state.ends = true;
  connection.close();
  await mount?.stop();
  await backup.stop();
}
