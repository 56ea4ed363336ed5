/** The steps that a history is made of. Each has a seed of its own, so that the others can be left out. */
import { join } from 'node:path';
import { compactBackup } from '../../../src/backup/compact/compact.ts';
import { moveBackup } from '../../../src/backup/admin/move.ts';
import { rebuildIndex } from '../../../src/backup/openIndex.ts';
import { repairBackup } from '../../../src/backup/verify/repair.ts';
import { hashLetter } from '../../../src/catalog/partitions.ts';
import { LockedFile } from '../../../src/fs/lockedFile.ts';
import { randomFrom } from '../../support/random.ts';
import type { Fault } from '../disk/faults.ts';
import { requireMessages } from './checks.ts';
import type { Simulation } from './simulation.ts';

type Random = () => number;
type Run = (simulation: Simulation, random: Random) => Promise<void>;

const FAULTS: readonly Fault[] = ['EIO', 'EIO', 'ENOSPC', 'busy'];
const DAY_S = 86_400;

function userOf(random: Random): string {
  const chance = random();
  if (chance < 0.6) return 'anne';
  return chance < 0.85 ? 'bob' : 'carl';
}

/** The user's data file; undefined if the user has none. */
function pathOf({ store, users }: Simulation, userid: string): string | undefined {
  return users.has(userid) ? (store.catalog.find(userid) ?? undefined) : undefined;
}

/** Runs an administrator's work on a user's backup, if there is one. */
function onBackup(
  work: (path: string, simulation: Simulation, random: Random, userid: string) => Promise<unknown>,
): Run {
  return async (simulation, random) => {
    const userid = userOf(random);
    await simulation.admin(async () => {
      const path = pathOf(simulation, userid);
      if (path !== undefined) await work(path, simulation, random, userid);
    });
  };
}

async function whileLocked(path: string, work: (file: LockedFile) => Promise<unknown>): Promise<void> {
  const file = await LockedFile.acquire(path);
  try {
    await work(file);
  } finally {
    file.release();
  }
}

const notice = (): void => undefined;

const compact = onBackup(async (path, simulation, random, userid) => {
  const horizon =
    random() < 0.3 ? undefined : simulation.expected(userid).lastTime - Math.floor(random() * 200);
  await compactBackup({
    path,
    horizon,
    sizes: random() < 0.5 ? { min: 0, max: 0 } : { min: 1000, max: 20_000 },
    workThreshold: 1,
    isForced: random() < 0.8,
    mayDropMost: true,
    keepsPrevious: random() < 0.2,
    compressionLevel: 1,
    lock: {},
    swapWait: { timeoutMs: 0 },
    notice,
    detail: notice,
  });
});

const move = onBackup(async (_path, { store, folders }, random, userid) => {
  const [one, two] = folders.partitions.map((each) => join(each, hashLetter(userid, false))) as [
    string,
    string,
  ];
  const [folder, other] = random() < 0.5 ? [one, two] : [two, one];
  await moveBackup({ catalog: store.catalog, userid, folder, otherFolders: [other], lock: {}, notice });
});

const repair = onBackup((path, { folders }) =>
  whileLocked(path, (file) => {
    const options = { stagingDirectory: folders.staging, compressionLevel: 1, lockTimeoutMs: 0 };
    return repairBackup(file, options, notice);
  }),
);

const reindex = onBackup((path) =>
  whileLocked(path, async (file) => (await rebuildIndex(file, notice)).index.close()),
);

/** The mount reads a backup, which a session may hold. */
const read: Run = async (simulation, random) => {
  const userid = userOf(random);
  const [state] = simulation.expected(userid).states;
  simulation.reading(() => {
    const path = pathOf(simulation, userid);
    if (path !== undefined && state !== undefined && state.mailboxes.length > 0) requireMessages(path, state);
  });
};

const command: Run = (simulation, random) => {
  simulation.nowS += Math.floor(random() * 4);
  return simulation.command(random, userOf(random));
};

/** Arms a fault for one of the next calls. */
function arm(faults: readonly Fault[]): Run {
  return async (simulation, random) => {
    const fault = faults[Math.floor(random() * faults.length)] as Fault;
    const distance = 1 + Math.floor(random() ** 2 * (random() < 0.3 ? 400 : 60));
    simulation.armed = { fault, atCall: simulation.disk.calls + distance };
  };
}

type StepKind = readonly [name: string, weight: number, run: Run];

const STEPS: readonly [StepKind, ...StepKind[]] = [
  ['command', 40, command],
  ['cut', 22, arm(['cut before', 'cut after'])],
  ['fault', 8, arm(FAULTS)],
  ['release', 5, (simulation) => simulation.admin(async () => undefined)],
  ['compact', 6, compact],
  ['move', 6, move],
  ['repair', 2, repair],
  ['reindex', 2, reindex],
  ['read', 6, read],
  ['keep caches', 4, async (simulation) => simulation.keepCaches()],
  [
    'short calls',
    3,
    async (simulation) => {
      simulation.isShort = true;
    },
  ],
  ['full disk', 3, async (simulation, random) => simulation.fillDisk(Math.floor(random() ** 2 * 20_000))],
  [
    'clock',
    3,
    async (simulation, random) => {
      simulation.nowS += Math.floor((random() - 0.4) * 10 * DAY_S);
    },
  ],
  ['hold', 3, async (simulation, random) => simulation.setHold(random() < 0.3 ? null : `case ${random()}`)],
  ['restart', 2, (simulation) => simulation.restart()],
];

const TOTAL = STEPS.reduce((sum, [, weight]) => sum + weight, 0);

/** A step and the seed of its choices. */
export interface Step {
  readonly name: string;
  readonly seed: number;
}

/** Returns the steps of a seed. */
export function stepsOf(seed: number): Step[] {
  const random = randomFrom(seed);
  const count = 20 + Math.floor(random() * 60);
  return Array.from({ length: count }, () => {
    let at = random() * TOTAL;
    const [name] = STEPS.find(([, weight]) => (at -= weight) < 0) ?? STEPS[0];
    return { name, seed: Math.floor(random() * 2 ** 31) };
  });
}

/** Steps that only prepare the next one, after which there is nothing to check. */
const PREPARATIONS = new Set(['cut', 'fault', 'short calls', 'full disk']);

export async function runStep(simulation: Simulation, { name, seed }: Step): Promise<void> {
  const run = STEPS.find(([known]) => known === name)?.[2];
  if (run === undefined) throw new Error(`no such step: ${name}`);
  await run(simulation, randomFrom(seed));
  if (!PREPARATIONS.has(name) || simulation.disk.isDead) await simulation.settle();
}

/** Prints steps for a command line; stepsIn reads them. */
export const printSteps = (steps: readonly Step[]): string =>
  steps.map(({ name, seed }) => `${name.replace(' ', '-')}:${seed}`).join(',');

export function stepsIn(text: string): Step[] {
  return text.split(',').map((step) => {
    const [name = '', seed] = step.split(':');
    return { name: name.replace('-', ' '), seed: Number(seed) };
  });
}
