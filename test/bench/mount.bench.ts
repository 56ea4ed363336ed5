/**
 * Compares the mount with other file systems that hold the same mail, in the same run: see
 * mountPeers.ts. COUNT=20000 sets the number of messages (default 4,000), ROUNDS=5 the number of
 * measurements of fast operations (default 3). Their median counts. BUILDS=/a/dist,/b/dist compares
 * with other builds of this project instead.
 *
 * "Cold" is a fresh mount whose underlying files are in the page cache, for all peers alike. "Warm"
 * is the same operation again. Only ratios count, not times: below 1, ours is faster.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackupServer } from '../support/backupdDaemon.ts';
import { makeFolder, run } from '../support/machine.ts';
import { randomFrom } from '../support/random.ts';
import { firstSync } from './firstSync.ts';
import { leastWork } from './leastWork.ts';
import { madeMail } from './mail.ts';
import { MAIL, ours, peakBytes, peersFor } from './mountPeers.ts';
import type { Peer } from './mountPeers.ts';

const COUNT = Number(process.env['COUNT'] ?? 4000);
const ROUNDS = Number(process.env['ROUNDS'] ?? 3);
const BUILDS = process.env['BUILDS']?.split(',');
const USER = 'bench';
const RANDOM_READS = 1000;
/** Commands that take longer than this are measured once. */
const LONG_S = 5;

interface Timings {
  readonly mount: number;
  readonly cold: number;
  readonly warm: number;
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

async function shell(folder: string, command: string): Promise<void> {
  const env = { ...process.env, LC_ALL: 'C' };
  const child = spawn('sh', ['-c', command], { cwd: folder, env, stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${command} in ${folder}: exit code ${code}`);
}

const medianOf = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

/** By peer: the highest resident memory of its server in any measurement. */
const peaks = new Map<string, number>();

async function measure(peer: Peer, command: string): Promise<Timings> {
  const start = process.hrtime.bigint();
  const { folder, pid, stop } = await peer.start();
  const mount = Number(process.hrtime.bigint() - start) / 1e9;
  try {
    const cold = await secondsOf(() => shell(folder, command));
    const warm = await secondsOf(() => shell(folder, command));
    if (pid !== undefined) peaks.set(peer.name, Math.max(peaks.get(peer.name) ?? 0, peakBytes(pid)));
    return { mount, cold, warm };
  } finally {
    await stop();
  }
}

const figure = (value: number, digits: number): string => (Number.isNaN(value) ? '-' : value.toFixed(digits));

function printRow(what: string, values: readonly number[], digits: number): void {
  const [our = NaN, ...others] = values;
  const cells = others.map((value) => figure(value, digits).padStart(9) + figure(our / value, 2).padStart(7));
  console.log(what.padEnd(20) + figure(our, digits).padStart(9) + cells.join(''));
}

/** Prints the measurements of all peers. Returns the median cold time by peer. */
async function measureAll(
  peers: readonly Peer[],
  what: string,
  command: string,
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<Peer, Timings[]>(peers.map((peer) => [peer, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [peer, timings] of found) {
      const isLong = timings.some(({ cold, warm }) => cold + warm > LONG_S);
      if (!isLong) timings.push(await measure(peer, command));
    }
  }
  const row = (of: keyof Timings): number[] =>
    [...found.values()].map((timings) => medianOf(timings.map((timing) => timing[of])));
  if (what === 'ls') printRow('mount', row('mount'), 3);
  printRow(`${what}, cold`, row('cold'), 3);
  printRow('   warm', row('warm'), 3);
  const cold = row('cold');
  return new Map(peers.map(({ name }, at) => [name, cold[at] ?? NaN]));
}

/**
 * Prints a lower bound for any mount that asks a kernel, inflates and hashes one after the other.
 */
function printLeast(uids: readonly number[], c: number): void {
  const { inflate, hash } = leastWork(server.conf, USER, uids);
  const least = c + inflate + hash;
  const work = `C's time, ${figure(inflate, 3)} of inflating and ${figure(hash, 3)} of SHA-1`;
  console.log(`   at least ${figure(least, 3)}, ${figure(least / c, 2)} times C: ${work}`);
}

/** All peers must serve the same bytes; otherwise a comparison means nothing. */
async function checkSame(peers: readonly Peer[], source: string, list: string): Promise<void> {
  const sumOf = async (folder: string): Promise<string> => {
    const sum = await run('sh', ['-c', `xargs cat < ${list} | sha1sum`], { cwd: folder, timeoutMs: 600_000 });
    return sum.stdout;
  };
  const wanted = await sumOf(source);
  for (const peer of peers) {
    const { folder, stop } = await peer.start();
    const found = await sumOf(folder);
    await stop();
    if (found !== wanted) throw new Error(`${peer.name} has other bytes`);
  }
}

const server = await BackupServer.start();
const work = makeFolder('bench-mount');
try {
  const source = join(work, 'source');
  mkdirSync(join(source, MAIL), { recursive: true });
  let total = 0;
  let uid = 0;
  for (const { bytes } of madeMail(COUNT)) {
    uid += 1;
    const path = join(source, MAIL, `${uid}.eml`);
    writeFileSync(path, bytes, { mode: 0o400 });
    utimesSync(path, 1_600_000_000 + uid, 1_600_000_000 + uid);
    total += bytes.length;
  }
  await firstSync(server.address, USER, COUNT);
  const random = randomFrom(1);
  const picked = Array.from({ length: RANDOM_READS }, () => 1 + Math.floor(random() * COUNT));
  const list = join(work, 'random');
  writeFileSync(list, picked.map((number) => `${number}.eml`).join('\n'));

  const others =
    BUILDS?.map((build) => ours(server.conf, USER, build)) ?? (await peersFor(source, work, total));
  const peers = [ours(server.conf, USER), ...others];
  await checkSame(peers, join(source, MAIL), list);
  console.log(`${COUNT} messages in one folder, ${(total / 1e6).toFixed(0)} MB; seconds, and ours / theirs`);
  const names = others.map(({ name }) => name.slice(-9).padStart(9) + 'ratio'.padStart(7));
  console.log(`${'ours'.padStart(29)}${names.join('')}`);
  await measureAll(peers, 'ls', 'ls');
  await measureAll(peers, 'ls -l', 'ls -l');
  await measureAll(peers, 'find', 'find . -type f -printf %s');
  await measureAll(peers, 'tar | cat', 'tar cf - . | cat');
  await measureAll(peers, 'grep -r', 'grep -r zzzzqqqq . || true');
  const randomReads = await measureAll(peers, 'random reads', `xargs cat < ${list}`);
  if (BUILDS === undefined) printLeast(picked, randomReads.get('C') ?? NaN);
  const peak = peers.map(({ name }) => (peaks.get(name) ?? NaN) / 1e6);
  printRow('peak memory, MB', peak, 0);
} finally {
  rmSync(work, { recursive: true, force: true });
  await server.stop();
}
