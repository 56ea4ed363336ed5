/**
 * The file systems that the mount is compared with: the same files on ext4, from memory in a C file
 * system, from restic and from borg. Each is restarted for each measurement. Each is a process of
 * its own, because a process that accesses its own mount hangs.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findMount } from '../../mount/lifecycle/mountTable.ts';
import { raiseReadAhead } from '../../mount/fuse/server/device.ts';
import { Daemon, run, waitUntil } from '../support/machine.ts';
import { MountDaemon } from '../support/mountDaemon.ts';

export interface Served {
  /** The folder with the messages. */
  readonly folder: string;
  /** The server's process; undefined if the kernel is the server. */
  readonly pid: number | undefined;
  readonly stop: () => Promise<void>;
}

export interface Peer {
  readonly name: string;
  readonly start: () => Promise<Served>;
}

/** The mail's folder in each file system. */
export const MAIL = 'INBOX';

const MEMFS_SOURCE = new URL('../../../test/bench/peer/memfs.c', import.meta.url).pathname;
const TIMEOUT_MS = 1_800_000;

async function must(
  command: string,
  args: readonly string[],
  env?: NodeJS.ProcessEnv,
  cwd?: string,
): Promise<string> {
  const options = { timeoutMs: TIMEOUT_MS, ...(env && { env }), ...(cwd !== undefined && { cwd }) };
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}${stdout}`.slice(0, 1000));
  return stdout;
}

/** Starts a server in the foreground that ends when its mount is unmounted. */
async function serve(
  mountpoint: string,
  inside: string,
  command: string,
  args: readonly string[],
  env?: NodeJS.ProcessEnv,
): Promise<Served> {
  mkdirSync(mountpoint, { recursive: true });
  const daemon = new Daemon(command, args, env ? { env } : {});
  const isThere = async (): Promise<boolean> => {
    if (daemon.hasExited) throw new Error(`${command} ended:\n${daemon.output}`);
    return (await findMount(mountpoint)) !== undefined;
  };
  await waitUntil(isThere, {
    timeoutMs: TIMEOUT_MS,
    what: () => `${command} does not mount:\n${daemon.output}`,
  });
  const stop = async (): Promise<void> => {
    await must('umount', [mountpoint]);
    await daemon.stop('SIGTERM');
  };
  return { folder: join(mountpoint, inside, MAIL), pid: daemon.child.pid, stop };
}

/** Our mount; that of another build if its `dist` folder is given. */
export function ours(conf: string, user: string, build?: string): Peer {
  const program = build === undefined ? undefined : join(build, 'bin/cyrus-backups');
  const start = async (): Promise<Served> => {
    const mount = await MountDaemon.start(conf, [], program);
    // mount(8) ends a little earlier; the command itself reports the mount only now.
    await waitUntil(() => mount.log.includes(': mounted, transport'), { what: () => mount.log });
    return { folder: join(mount.path, user, MAIL), pid: mount.pid, stop: () => mount.stop() };
  };
  return { name: build ?? 'ours', start };
}

/**
 * Mounts an image of its own, so that unmounting it drops the kernel's caches of it, and of nothing
 * else.
 */
async function ext4(source: string, work: string, sizeBytes: number): Promise<Peer> {
  const image = join(work, 'ext4.img');
  const mountpoint = join(work, 'ext4');
  mkdirSync(mountpoint);
  const sizeKib = Math.ceil((sizeBytes * 1.5) / 1024) + 65_536;
  await must('mkfs.ext4', ['-q', '-d', source, '-i', '8192', image, String(sizeKib)]);
  const start = async (): Promise<Served> => {
    await must('mount', ['-o', 'loop,ro', image, mountpoint]);
    const stop = async (): Promise<void> => void (await must('umount', [mountpoint]));
    return { folder: join(mountpoint, MAIL), pid: undefined, stop };
  };
  await (await start()).stop();
  return { name: 'ext4', start };
}

async function memfs(source: string, work: string): Promise<Peer> {
  const program = join(work, 'memfs');
  const flags = (await must('pkg-config', ['--cflags', '--libs', 'fuse3'])).trim().split(/\s+/);
  await must('gcc', ['-O2', '-Wall', MEMFS_SOURCE, '-o', program, ...flags]);
  const mountpoint = join(work, 'memfs.mnt');
  const start = async (): Promise<Served> => {
    const served = await serve(mountpoint, '', program, [source, mountpoint]);
    await raiseReadAhead(mountpoint);
    return served;
  };
  return { name: 'C', start };
}

async function restic(source: string, work: string): Promise<Peer> {
  const repository = join(work, 'restic.repo');
  const mountpoint = join(work, 'restic.mnt');
  const env = { ...process.env, RESTIC_PASSWORD: 'bench', RESTIC_CACHE_DIR: join(work, 'restic.cache') };
  await must('restic', ['-r', repository, 'init'], env);
  await must('restic', ['-r', repository, 'backup', '.'], env, source);
  const args = ['-r', repository, 'mount', mountpoint];
  return { name: 'restic', start: () => serve(mountpoint, 'snapshots/latest', 'restic', args, env) };
}

async function borg(source: string, work: string): Promise<Peer> {
  const repository = join(work, 'borg.repo');
  const mountpoint = join(work, 'borg.mnt');
  const env = { ...process.env, BORG_BASE_DIR: join(work, 'borg.base') };
  await must('borg', ['init', '-e', 'none', repository], env);
  await must('borg', ['create', `${repository}::mail`, '.'], env, source);
  const args = ['mount', '-f', `${repository}::mail`, mountpoint];
  return { name: 'borg', start: () => serve(mountpoint, '', 'borg', args, env) };
}

/**
 * Returns the peers that this machine can run, each with the mail in it. Prints the others, with
 * what they need.
 */
export async function peersFor(source: string, work: string, sizeBytes: number): Promise<Peer[]> {
  const candidates = [
    { name: 'ext4', takes: 'e2fsprogs and a loop device', make: () => ext4(source, work, sizeBytes) },
    { name: 'C', takes: 'gcc, pkg-config and libfuse3-dev', make: () => memfs(source, work) },
    { name: 'restic', takes: 'restic and fuse3', make: () => restic(source, work) },
    { name: 'borg', takes: 'borgbackup and python3-pyfuse3', make: () => borg(source, work) },
  ];
  const peers: Peer[] = [];
  for (const { name, takes, make } of candidates) {
    try {
      peers.push(await make());
    } catch (error) {
      console.log(`SKIPPED: ${name}, which takes ${takes}: ${String(error)}`);
    }
  }
  return peers;
}

/** The highest resident memory of a process so far, in bytes. */
export function peakBytes(pid: number): number {
  const kib = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return Number(kib) * 1024;
}
