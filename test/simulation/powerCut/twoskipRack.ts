/**
 * The rack for backups.db: `node twoskipRack.js STATES SEED` crashes recorded
 * transactions of a twoskip database, and the recoveries after that. It opens the results, and
 * prints a report as JSON. See test/catalog/powerCut.slow.test.ts.
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Twoskip } from '../../../src/catalog/twoskip/database.ts';
import { randomFrom } from '../../support/random.ts';
import { CrashedDisk } from './disk.ts';
import type { Files } from './disk.ts';
import { mark, startRecording, stopRecording } from './recorder.ts';
import type { Operation } from './recorder.ts';
import { EXAMPLES } from './report.ts';
import type { Report } from './report.ts';

const TRANSACTIONS = 40;
const STATES_A_HISTORY = 150;
/** One in this many recoveries is itself crashed. */
const RECOVERIES = 5;

const count = Number(process.argv[2] ?? 200);
const firstSeed = Number(process.argv[3] ?? 1);
const report: Report = { states: {}, outOfOrder: { states: 0, calledDamaged: 0 }, faults: {}, examples: [] };
const folder = mkdtempSync(join(tmpdir(), 'power-cut-'));
const path = join(folder, 'backups.db');

interface History {
  readonly operations: readonly Operation[];
  /** What the database holds after each number of transactions. */
  readonly states: readonly string[];
}

function contentOf(database: Twoskip): string {
  return JSON.stringify(
    [...database.entries()].map(([key, value]) => [key.toString('latin1'), value.toString('latin1')]),
  );
}

/**
 * Puts, changes and deletes, several per transaction. Now and then the file is rewritten in order.
 */
function history(seed: number): History {
  const random = randomFrom(seed);
  rmSync(path, { force: true });
  startRecording(folder);
  const database = Twoskip.open(path, { create: true });
  const states = ['[]'];
  const key = (): string => `user${Math.floor(random() * 40)}@${'example'.repeat(Math.floor(random() * 20))}`;
  const keys: string[] = [];
  for (let at = 1; at <= TRANSACTIONS; at += 1) {
    mark(`append:${at}`);
    database.transaction(() => {
      for (let changes = Math.ceil(random() * 5); changes > 0; changes -= 1) {
        const old = keys[Math.floor(random() * keys.length)];
        if (old !== undefined && random() < 0.3) database.delete(old);
        else {
          const fresh = old !== undefined && random() < 0.3 ? old : key();
          keys.push(fresh);
          database.put(fresh, `/backup/${'x'.repeat(Math.floor(random() * 300))}${at}`);
        }
      }
    });
    states.push(contentOf(database));
    mark('done');
    if (random() < 0.05) database.repack();
  }
  database.close();
  return { operations: stopRecording(), states };
}

/**
 * Syncs of a transaction. The second one brings the commit to disk, the third one the header that
 * records it.
 */
const SYNCS = 3;

function playUpTo(
  { operations }: History,
  end: number,
): { disk: CrashedDisk; done: number; isAtWork: boolean } {
  const disk = new CrashedDisk();
  let [done, inFlight, syncs] = [0, 0, 0];
  for (const operation of operations.slice(0, end)) {
    disk.run(operation);
    if (operation.kind === 'mark') {
      if (operation.name === 'done') done = inFlight;
      else inFlight = Number(operation.name.split(':')[1]);
      syncs = 0;
    } else if (operation.kind === 'sync') {
      syncs += 1;
      // More syncs may follow, from a rewrite of the file.
      if (syncs === SYNCS) done = Math.max(done, inFlight);
    }
  }
  return { disk, done, isAtWork: inFlight > done };
}

function put(files: Files): void {
  for (const suffix of ['', '.NEW']) rmSync(path + suffix, { force: true });
  for (const [name, bytes] of files) writeFileSync(name, bytes);
}

function judge(name: string, states: readonly string[], how: string): void {
  report.states[name] = (report.states[name] ?? 0) + 1;
  const fault = faultOf(states);
  if (fault === null) return;
  const [kind = ''] = fault.split(':');
  report.faults[kind] = (report.faults[kind] ?? 0) + 1;
  if (report.examples.length < EXAMPLES) report.examples.push(`${name}, ${how}: ${fault}`);
}

function faultOf(states: readonly string[]): string | null {
  try {
    const database = Twoskip.open(path, { create: true });
    try {
      const content = contentOf(database);
      if (!states.includes(content)) return `lost or invented: ${content.slice(0, 200)}`;
      const problems = database.checkConsistency();
      if (problems.length > 0) return `inconsistent: ${problems.join()}`;
      const before = readFileSync(path);
      const again = Twoskip.open(path);
      again.close();
      if (!readFileSync(path).equals(before)) return 'unsteady: a second open changes the file';
      database.put('zz', 'after');
      if (database.get('zz')?.toString() !== 'after') return 'unusable: what is put is not there';
      const left = database.checkConsistency();
      return left.length > 0 ? `unusable: ${left.join()}` : null;
    } finally {
      database.close();
    }
  } catch (error) {
    return `threw: ${(error as Error).stack}`;
  }
}

function crashRecovery(files: Files, states: readonly string[], how: string, random: () => number): void {
  put(files);
  const start = new Map([...files].map(([name, bytes]) => [name, { ino: statSync(name).ino, bytes }]));
  startRecording(folder);
  try {
    Twoskip.open(path, { create: true }).close();
  } catch {
    // This failure is counted when the same state is opened without a crash.
    stopRecording();
    return;
  }
  const operations = stopRecording();
  for (let end = 1; end <= operations.length; end += 1) {
    const disk = new CrashedDisk(start);
    for (const operation of operations.slice(0, end)) disk.run(operation);
    put(disk.crash(random));
    judge('recovery', states, `${how}, recovery at ${end}`);
  }
}

const total = (): number => Object.values(report.states).reduce((sum, each) => sum + each, 0);

try {
  for (let seed = firstSeed; total() < count; seed += 1) {
    const random = randomFrom(seed * 7919 + 1);
    const made = history(seed);
    for (let at = 0; at < STATES_A_HISTORY; at += 1) {
      const end = 1 + Math.floor(random() * made.operations.length * (random() < 0.1 ? 0.02 : 1));
      const { disk, done, isAtWork } = playUpTo(made, end);
      const files = disk.crash(random);
      if (!files.has(path)) continue;
      const states = made.states.slice(done, done + (isAtWork ? 2 : 1));
      const how = `seed ${seed}, state ${at}, operation ${end}`;
      put(files);
      judge('transactions', states, how);
      if (at % RECOVERIES === 0) crashRecovery(files, states, how, random);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
