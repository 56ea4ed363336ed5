/**
 * `node dist/test/soak/mountScale.soak.js [messages] [users] [transport]`: measures a mount of
 * large mailboxes in a store with many users. The mailboxes have [messages] messages, and a half, a
 * quarter and an eighth of that. It prints time and memory for listings and accesses.
 *
 * Each size has a mount of its own, and the kernel's caches are dropped before each cold
 * measurement. Run it as root. TMPDIR says where the store is.
 *
 * Promised: the first entries within a second, `ls -l` linear in the number of messages, memory
 * bounded.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { run } from '../support/machine.ts';
import { EXPUNGED_EACH, addMessages, addUsers, expungeSome, userNumber } from '../support/largeStore.ts';
import { MailStore } from '../support/mailStore.ts';
import { MountDaemon } from '../support/mountDaemon.ts';

const messages = Number(process.argv[2] ?? 1_000_000);
const users = Number(process.argv[3] ?? 100_000);
const transport = process.argv[4] ?? 'kernel';
const sizes = [8, 4, 2, 1].map((part) => Math.floor(messages / part)).filter((count) => count > 0);
const OPENED_USERS = Math.min(users, 1000);

/**
 * Records positions in a listing (telldir) while it grows, and returns to each of them in another
 * order. Counts the positions at which a different entry follows then, and the messages from the
 * start that are missing.
 */
const SEEK = `
  my ($folder, $count) = @ARGV; my (@places, %seen);
  opendir(my $list, $folder) or die "$folder: $!";
  while (1) {
    my $place = telldir($list); my $name = readdir($list); last unless defined $name;
    $seen{$name} = 1; push @places, [$place, $name] if keys(%seen) % 997 == 0;
  }
  my $wrong = 0;
  for my $each (sort { $a->[1] cmp $b->[1] } @places) {
    seekdir($list, $each->[0]); $wrong++ if readdir($list) ne $each->[1];
  }
  my $missing = grep { $_ % ${EXPUNGED_EACH} && !$seen{"$_.eml"} } 1 .. $count;
  print scalar(@places), " places, $wrong wrong, $missing missing";
`;

const store = new MailStore();
let mount: MountDaemon | undefined;

function print(what: string, ...rest: string[]): void {
  process.stdout.write(`${what.padEnd(44)} ${rest.join('  ')}\n`);
}

function memory(name: 'VmHWM' | 'VmRSS'): string {
  const status = readFileSync(`/proc/${mount?.pid}/status`, 'latin1');
  const kilobytes = Number(new RegExp(`${name}:\\s*(\\d+)`).exec(status)?.[1]);
  return `${name} ${Math.round(kilobytes / 1024)} MiB`;
}

/**
 * Runs a command in the mount. Prints its time, its first line of output, and the daemon's memory.
 */
async function time(what: string, command: string): Promise<void> {
  const startMs = performance.now();
  const { code, stdout, stderr } = await run('sh', ['-c', command], {
    cwd: mount?.path ?? '/',
    timeoutMs: 280_000,
  });
  const seconds = ((performance.now() - startMs) / 1000).toFixed(2);
  if (code !== 0 || stderr !== '') process.exitCode = 1;
  const said = `${(stdout.split('\n')[0] ?? '').slice(0, 48)} ${stderr.slice(0, 200)}`.trim();
  print(what, `${seconds.padStart(7)} s`, said.padEnd(24), memory('VmRSS'));
}

async function mounted(work: () => Promise<void>, options: readonly string[] = []): Promise<void> {
  writeFileSync('/proc/sys/vm/drop_caches', '2');
  mount = await MountDaemon.start(store.conf, [`transport=${transport}`, ...options]);
  try {
    await work();
    print('', memory('VmHWM'), mount.log.split('\n').slice(1, 4).join(' | '));
  } finally {
    await mount.stop();
  }
}

async function folder(count: number): Promise<void> {
  const path = `large/n${count}`;
  await time(`${path}: first entry`, `ls -U ${path} | head -1`);
  await time('ls -U, all', `ls -U ${path} | wc -l`);
  await time('ls', `ls ${path} | wc -l`);
  await time('ls -l', `ls -l ${path} | wc -l`);
  await time('ls -l again', `ls -l ${path} | wc -l`);
  await time('find -size', `find ${path} -size +100k | wc -l`);
  await time('du', `du -s --apparent-size ${path} | cut -f 1`);
}

async function views(count: number): Promise<void> {
  const [name, box] = [`n${count}`, 'large'];
  await time('.deleted: first entry', `ls -U ${box}/.deleted | head -1`);
  await time('.deleted: all', `ls -U ${box}/.deleted/${name} | wc -l`);
  await time('.maildir: first entry', `ls -U ${box}/.maildir/.${name}/cur | head -1`);
  await time('.maildir: ls -l', `ls -l ${box}/.maildir/.${name}/cur | wc -l`);
  await time('.mh: first entry', `ls -U ${box}/.mh/${name} | head -1`);
  await time('.mh: .mh_sequences', `wc -c < ${box}/.mh/${name}/.mh_sequences`);
  await time('.mh: ls -l', `ls -l ${box}/.mh/${name} | wc -l`);
  await time('.mbox: stat', `stat -c %s ${box}/.mbox/${name}.mbox`);
  await time('.mbox: its last 1,000,000 bytes', `tail -c 1000000 ${box}/.mbox/${name}.mbox | wc -c`);
  await time('.at: first entry', `ls -U ${box}/.at/now/${name} | head -1`);
  await time('.at: ls -l', `ls -l ${box}/.at/now/${name} | wc -l`);
  await time('.status.json', `grep -c messages ${box}/.status.json`);
}

/** Reads a listing, and seeks back in it, while the mailbox grows. */
async function growing(count: number): Promise<void> {
  const state = { ends: false };
  const seeking = time('telldir and seekdir while it grows', `perl -e '${SEEK}' large/n${count} ${count}`);
  const done = seeking.finally(() => (state.ends = true));
  let uid = count;
  while (!state.ends) {
    await addMessages(store, 'large', `user.large.n${count}`, uid + 1, uid + 10);
    uid += 10;
  }
  await done;
  print('', `${uid - count} messages came meanwhile`);
}

async function root(): Promise<void> {
  await time(`${users} users: first entry`, 'ls -U | head -1');
  await time('ls', 'ls | wc -l');
  await time('ls -l', 'ls -l | wc -l');
  await time('ls -l again', 'ls -l | wc -l');
  await time('one user', `ls ${userNumber(users - 1)}/INBOX | wc -l`);
  writeFileSync('/proc/sys/vm/drop_caches', '2');
  await time('the kernel has forgotten; one user', `ls ${userNumber(1)}/INBOX | wc -l`);
  const each = Array.from({ length: OPENED_USERS }, (_, at) => `${userNumber(at)}/INBOX`);
  await time(
    `${OPENED_USERS} users, one after another`,
    `for i in ${each.join(' ')}; do ls $i; done | wc -l`,
  );
  const open = await run('sh', ['-c', `ls /proc/${mount?.pid}/fd | wc -l`]);
  print('', `${open.stdout.trim()} descriptors`);
  await time('find -maxdepth 1 -newermt', `find . -maxdepth 1 -newermt 2000-01-01 | wc -l`);
}

try {
  for (const count of sizes) {
    const startMs = performance.now();
    const mailbox = `user.large.n${count}`;
    await addMessages(store, 'large', mailbox, 1, count);
    await expungeSome(store, 'large', mailbox, count);
    print(`${count} messages made`, `${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  }
  for (const count of sizes) await mounted(() => folder(count));
  if (messages > 0) {
    await mounted(() => views(messages));
    await mounted(() => growing(messages));
  }
  if (users > 0) {
    await store.put('template', 0, 'user.template', [[1, 1]]);
    const template = await store.backup('template');
    await store.site.close(template);
    addUsers(store, template.path, users, OPENED_USERS);
    await mounted(root);
  }
} finally {
  await store.remove();
}
