/**
 * The rack: `node rack.js STATES SEED` crashes recorded histories of a backup in
 * STATES ways, opens the results, and prints a report as JSON. See test/backup/powerCut.slow.test.ts,
 * and test/soak/powerCut.soak.ts for long runs.
 */
import { mkdtempSync, rmSync, statSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomFrom } from '../../support/random.ts';
import { EXAMPLES } from './report.ts';
import type { Report } from './report.ts';
import { check, putCrashed, recover } from './checks.ts';
import type { Crashed, Fault } from './checks.ts';
import { CrashedDisk } from './disk.ts';
import { mark, startRecording, stopRecording } from './recorder.ts';
import type { Operation } from './recorder.ts';
import { appendScenario, compactScenario, repairScenario } from './scenarios.ts';
import type { Scenario } from './scenarios.ts';

const APPENDS_A_HISTORY = 25;
const STATES_A_HISTORY = { append: 40, compact: 12, repair: 8 };
/** One in this many states is appended to and compacted. */
const USES = 3;
/** One in this many recoveries is itself crashed. */
const RECOVERIES = 4;

const count = Number(process.argv[2] ?? 200);
const firstSeed = Number(process.argv[3] ?? 1);
const report: Report = { states: {}, outOfOrder: { states: 0, calledDamaged: 0 }, faults: {}, examples: [] };
const folder = mkdtempSync(join(tmpdir(), 'power-cut-'));
const place = join(folder, 'anne');

interface Moment {
  readonly disk: CrashedDisk;
  /** Number of appends whose data was on disk; and whether another one was being written. */
  readonly appends: number;
  readonly isAppending: boolean;
  /** How many of the scenario's indexes existed, now and when the last chunk began. */
  readonly indexes: number;
  readonly indexesBefore: number;
}

/** Replays the operations before `end`. */
function playUpTo(scenario: Scenario, end: number): Moment {
  const disk = new CrashedDisk(scenario.start);
  const isLater = scenario.name !== 'append';
  let appends = isLater ? scenario.states.length - 1 : 0;
  let indexes = isLater ? scenario.indexes.length : 0;
  let indexesBefore = indexes;
  let inFlight: number | null = null;
  for (const operation of scenario.operations.slice(0, end)) {
    disk.run(operation);
    if (operation.kind === 'mark') {
      const [what, number] = operation.name.split(':');
      if (what === 'index') indexes = Number(number) + 1;
      else inFlight = what === 'append' ? Number(number) : null;
      if (what === 'end') indexesBefore = indexes;
    } else if (operation.kind === 'sync' && inFlight !== null) {
      appends = inFlight;
      inFlight = null;
    }
  }
  return { disk, appends, isAppending: inFlight !== null, indexes, indexesBefore };
}

/** Reports whether a written sector follows one that was not written. */
function isOutOfOrder(now: Buffer, full: Buffer): boolean {
  let missing = 0;
  while (missing < now.length && now[missing] === full[missing]) missing += 1;
  const last = now.findLastIndex((byte, at) => byte !== 0 && byte === full[at]);
  return last >= missing;
}

function crashOf(
  scenario: Scenario,
  moment: Moment,
  random: () => number,
): Crashed & { readonly knowsChunk: boolean } {
  const files = moment.disk.crash(random);
  const known = scenario.indexes.slice(0, moment.indexes);
  const chance = random();
  const back = chance < 0.3 ? 0 : Math.floor(random() * Math.min(known.length, 8));
  const at = chance > 0.6 ? -1 : Math.max(-1, known.length - 1 - back);
  return { path: scenario.path, files, index: known[at] ?? null, knowsChunk: at > moment.indexesBefore };
}

async function judge(
  name: string,
  crashed: Crashed,
  states: readonly string[],
  how: string,
): Promise<Fault | null> {
  report.states[name] = (report.states[name] ?? 0) + 1;
  const isDamaged = name === 'repair' && isUnrepaired(crashed);
  const isUsed = !isDamaged && total() % USES === 0;
  const finding = await check(crashed, place, states, { isDamaged, isUsed });
  if (finding === null) return null;
  report.faults[finding.fault] = (report.faults[finding.fault] ?? 0) + 1;
  if (report.examples.length < EXAMPLES)
    report.examples.push(`${name}, ${how}: ${finding.fault}: ${finding.details}`);
  return finding.fault;
}

/** Reports whether the repair has not replaced the file yet, so that it is still damaged. */
function isUnrepaired({ path, files }: Crashed): boolean {
  return files.get(path)?.[1] === 0;
}

function startOf(crashed: Crashed): Scenario['start'] {
  const start: Scenario['start'] = new Map();
  for (const [name, bytes] of crashed.files) {
    const path = place + name.slice(crashed.path.length);
    start.set(path, { ino: statSync(path).ino, bytes });
  }
  return start;
}

/**
 * Crashes the recovery of a crashed backup after each of its steps. From one of the results,
 * crashes a second recovery in the same way.
 */
async function crashRecoveries(
  crashed: Crashed,
  states: readonly string[],
  how: string,
  random: () => number,
): Promise<void> {
  let now = crashed;
  for (let depth = 0; depth < 2; depth += 1) {
    putCrashed(now, place);
    const start = startOf(now);
    startRecording(folder);
    mark('recovery');
    try {
      await recover(place);
    } catch {
      // This failure is counted when the same state is opened without a crash.
      stopRecording();
      return;
    }
    const operations = stopRecording();
    const index = readFileSync(`${place}.index`);
    for (let end = 1; end <= operations.length; end += 1) {
      const next = {
        path: place,
        files: crashAt(start, operations, end, random),
        index: end === operations.length && random() < 0.5 ? index : now.index,
      };
      putCrashed(next, place);
      await judge('recovery', next, states, `${how}, recovery ${depth} at ${end}`);
      if (end === 1 + Math.floor(operations.length / 2)) now = next;
    }
  }
}

function crashAt(
  start: Scenario['start'],
  operations: readonly Operation[],
  end: number,
  random: () => number,
) {
  const disk = new CrashedDisk(start);
  for (const operation of operations.slice(0, end)) disk.run(operation);
  return disk.crash(random);
}

/**
 * Picks a crash point, mostly after a write that is not synced yet: elsewhere a crash has few
 * possible results.
 */
function crashPoint(operations: readonly Operation[], random: () => number): number {
  for (let tries = 0; ; tries += 1) {
    const end = 1 + Math.floor(random() * operations.length);
    const last = operations[end - 1]?.kind;
    if (last === 'write' || last === 'truncate' || tries === 5) return end;
  }
}

async function crashScenario(scenario: Scenario, seed: number): Promise<void> {
  const random = randomFrom(seed * 7919 + 1);
  for (let at = 0; at < STATES_A_HISTORY[scenario.name] && total() < count; at += 1) {
    const end = crashPoint(scenario.operations, random);
    const moment = playUpTo(scenario, end);
    const crashed = crashOf(scenario, moment, random);
    if (!crashed.files.has(scenario.path)) continue;
    const { appends, isAppending } = moment;
    const states = scenario.states.slice(appends, appends + (isAppending ? 2 : 1));
    const how = `seed ${seed}, state ${at}, operation ${end}, index ${crashed.index === null ? 'absent' : 'there'}`;
    putCrashed(crashed, place);
    const fault = await judge(scenario.name, crashed, states, how);
    const full = moment.disk.full(scenario.path);
    if (!crashed.knowsChunk && isOutOfOrder(crashed.files.get(scenario.path) ?? full, full)) {
      report.outOfOrder.states += 1;
      if (fault === 'called damaged') report.outOfOrder.calledDamaged += 1;
    }
    if (at % RECOVERIES === 0 && scenario.name === 'append')
      await crashRecoveries(crashed, states, how, random);
  }
}

const total = (): number => Object.values(report.states).reduce((sum, each) => sum + each, 0);

try {
  for (let seed = firstSeed; total() < count; seed += 1) {
    await crashScenario(await compactScenario(seed, 6), seed);
    await crashScenario(await repairScenario(seed, 6), seed);
    await crashScenario(await appendScenario(seed, APPENDS_A_HISTORY), seed);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
