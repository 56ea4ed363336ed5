/**
 * Compares our ctl_backups with the originals' over many small backups, with the same files in the
 * same run. BACKUPS=100000 sets their number (default 10,000). With LINKED=1 data files and indexes
 * are hard links to one file, which saves 90 kB of disk each.
 *
 * Only ratios count, not times. "again" means that nothing has changed since, as on most nights for
 * most users.
 */
import { copyFileSync, linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Catalog } from '../../src/catalog/catalog.ts';
import { hashLetter } from '../../src/catalog/partitions.ts';
import { writableCatalog } from '../../src/catalog/catalogOptions.ts';
import { loadConfig } from '../../src/config/imapdConf.ts';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { CYRUS_BIN, asCyrus, cyrusEnv, giveToCyrus } from '../support/cyrus.ts';
import { makeFolder, run } from '../support/machine.ts';
import { firstSync } from './firstSync.ts';

const BACKUPS = Number(process.env['BACKUPS'] ?? 10_000);
const isLinked = process.env['LINKED'] === '1';
/** A file system limits the number of hard links to one file. */
const LINKS = 30_000;
const TIMEOUT_MS = 3_600_000;

const userids = Array.from({ length: BACKUPS }, (_, at) => {
  return `${String.fromCharCode(97 + (at % 26))}user${String(at).padStart(6, '0')}`;
});

/** Writes the configuration for backups below a folder, and returns its path. */
function configure(folder: string): string {
  const conf = join(folder, 'imapd.conf');
  const partition = join(folder, 'data');
  mkdirSync(join(folder, 'conf'));
  const lines = [
    `configdirectory: ${folder}/conf`,
    `backuppartition-one: ${partition}`,
    `partition-default: ${partition}`,
    'defaultpartition: default',
    `temp_path: ${folder}/conf`,
  ];
  writeFileSync(conf, `${lines.join('\n')}\n`);
  return conf;
}

/** Creates the backups below a folder, each a copy of an existing one with its index. */
function multiply(folder: string, conf: string, data: string): void {
  const partition = join(folder, 'data');
  const catalog = Catalog.open(writableCatalog(loadConfig(conf)));
  catalog.transaction(() => {
    let source = data;
    for (const [at, userid] of userids.entries()) {
      const path = join(partition, hashLetter(userid, false), `${userid}_ABCDEF`);
      mkdirSync(dirname(path), { recursive: true });
      const put = isLinked && at % LINKS !== 0 ? linkSync : copyFileSync;
      put(source, path);
      put(`${source}.index`, `${path}.index`);
      if (isLinked && at % LINKS === 0) source = path;
      catalog.set(userid, path);
    }
  });
  catalog.close();
}

async function original(conf: string, ...args: string[]): Promise<string> {
  const [command, all] = asCyrus(`${CYRUS_BIN}/ctl_backups`, ['-C', conf, ...args]);
  return checked(await run(command, all, { env: cyrusEnv, timeoutMs: TIMEOUT_MS }), args);
}

async function ours(conf: string, ...args: string[]): Promise<string> {
  return checked(await runOurs('ctl_backups', ['-C', conf, ...args], TIMEOUT_MS), args);
}

function checked(outcome: { code: number; stdout: string; stderr: string }, args: string[]): string {
  if (outcome.code !== 0)
    throw new Error(`${args.join(' ')}: ${`${outcome.stderr}${outcome.stdout}`.slice(0, 500)}`);
  return outcome.stdout;
}

async function seconds(work: () => Promise<string>): Promise<number> {
  const start = process.hrtime.bigint();
  // The originals' reindex prints more lines.
  const lines = (await work()).split('\n').filter((line) => /\t|: ok$/.test(line)).length;
  if (lines !== BACKUPS) throw new Error(`${lines} lines for ${BACKUPS} backups`);
  return Number(process.hrtime.bigint() - start) / 1e9;
}

function row(what: string, ours: number, theirs: number): void {
  const figures = [ours.toFixed(2), theirs.toFixed(2), (theirs / ours).toFixed(1)].map((text) =>
    text.padStart(9),
  );
  console.log(`${what.padEnd(24)} ${figures.join(' ')}`);
}

const server = await BackupServer.start();
const [our, their] = [makeFolder('bench-ours'), makeFolder('bench-theirs')];
try {
  await firstSync(server.address, 'anne', 3);
  const data = (await server.dataFile('anne')) ?? '';
  const [conf, theirConf] = [configure(our), configure(their)];
  multiply(our, conf, data);
  // The originals' own index of it, which contains no path.
  const copy = join(their, 'anne_ABCDEF');
  copyFileSync(data, copy);
  giveToCyrus(their);
  await original(theirConf, 'reindex', '-f', copy);
  multiply(their, theirConf, copy);
  giveToCyrus(their);
  console.log(`${BACKUPS} backups; seconds, and how many times faster ours is`);
  console.log(`${''.padEnd(24)} ${['ours', 'theirs', 'ratio'].map((text) => text.padStart(9)).join(' ')}`);
  for (const command of ['list', 'stat']) {
    const theirs = await seconds(() => original(theirConf, command, '-A'));
    row(`${command} -A, at first`, await seconds(() => ours(conf, command, '-A')), theirs);
    row(`${command} -A, again`, await seconds(() => ours(conf, command, '-A')), theirs);
  }
  if (!isLinked) {
    for (const args of [['verify'], ['reindex'], ['compact', '-F']]) {
      // Its lines may be from any year.
      const own = args[0] === 'compact' ? ['--force-clock', '--force-drop', ...args] : args;
      const mine = await seconds(() => ours(conf, ...own, '-A'));
      row(`${args.join(' ')} -A`, mine, await seconds(() => original(theirConf, ...args, '-A')));
    }
  }
} finally {
  await server.stop();
  rmSync(our, { recursive: true, force: true });
  rmSync(their, { recursive: true, force: true });
}
