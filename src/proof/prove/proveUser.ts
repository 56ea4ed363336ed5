/**
 * Proves one user's backup: reads it, asks the live server, and compares. The backup is read first,
 * so a server that has moved on is always the one ahead.
 *
 * A first round compares states and checksums. The last round looks at what still differs record by
 * record, which tells a wrong record from one that the server has changed since.
 */
import { BackupError, messageOf } from '../../errors.ts';
import { itemsAt } from '../../index/queries/items.ts';
import { missingMessages } from '../../index/queries/missing.ts';
import { lastTimestamp } from '../../index/queries/timestamps.ts';
import { fullMailbox } from '../../restore/cyrus/state/serverState.ts';
import type { FullMailbox } from '../../restore/cyrus/state/serverState.ts';
import type { SyncClient } from '../../restore/cyrus/syncClient.ts';
import { RestoreSource } from '../../restore/source.ts';
import { compareItems, compareQuotas } from './compareItems.ts';
import { compareMailboxes } from './compareMailboxes.ts';
import type { Pair } from './compareMailboxes.ts';
import { compareRecords } from './compareRecords.ts';
import type { Difference } from './difference.ts';
import type { Patience } from './patience.ts';
import { readOwnUser } from './ownUser.ts';
import type { OwnMailbox } from './ownUser.ts';
import { checkSample } from './sampleMessages.ts';
import { askServer } from './serverUser.ts';
import type { NameOptions, ServerUser } from './serverUser.ts';

/** Missing messages are named up to this number. */
const MOST_MISSING = 20;

export interface UserJob {
  readonly client: SyncClient;
  readonly userid: string;
  /** The path of the data file. */
  readonly path: string;
  readonly names: NameOptions;
  readonly patience: Patience;
  /** How many messages are read on both sides; 0 for none, Infinity for all. */
  readonly sampleSize: number;
  readonly random: () => number;
  /** Waits as long as the rate limit asks for. */
  pace(bytes: number): Promise<void>;
  /** True to compare the records of every mailbox, not only of those that differ. */
  readonly isThorough: boolean;
  /** True to find the differing records now. Otherwise the user is looked at once more. */
  readonly isLast: boolean;
}

export interface UserProof {
  readonly mailboxes: number;
  readonly messages: number;
  readonly sampled: number;
  readonly sampledBytes: number;
  readonly differences: readonly Difference[];
}

/** Throws 'closed' if the connection broke, otherwise what RestoreSource and SyncClient throw. */
export async function proveUser(job: UserJob): Promise<UserProof> {
  const source = new RestoreSource(job.userid, job.path, null);
  try {
    return await compareUser(job, source);
  } finally {
    source.close();
  }
}

async function compareUser(job: UserJob, source: RestoreSource): Promise<UserProof> {
  const { userid, names } = job;
  const { index } = source.reader;
  const own = readOwnUser(source, job);
  const lastTime = lastTimestamp(index) ?? 0;
  await job.pace(0);
  const question = {
    userid,
    mailboxes: [...own.mailboxes.values()].map(({ mailbox }) => mailbox),
    quotaRoots: itemsAt(index, 'quota', null).map(({ key }) => key),
    isWhole: true,
  };
  const server = await askServer(job, question);
  const { deletedPrefix } = names;
  const compared = compareMailboxes(own, server, { userid, lastTime, deletedPrefix });
  const differences: Difference[] = [...compared.notBackedUp, ...missingBytes(source)];
  for (const pair of compared.pairs) differences.push(...(await pairDifferences(job, source, pair)));
  for (const each of compared.notThere) differences.push(await goneFrom(job, each, server));
  differences.push(...unopened(server, differences));
  const items = server.items;
  if (items !== undefined)
    differences.push(...compareItems((kind) => itemsAt(index, kind, null), items, server.scripts));
  differences.push(...compareQuotas(itemsAt(index, 'quota', null), server.quotas));
  const sample = await checkSample({
    ...job,
    source,
    sample: own.sample,
    serverMailbox: (uniqueid) => server.mailboxes.get(uniqueid),
  });
  return {
    mailboxes: own.mailboxes.size,
    messages: own.messages,
    sampled: sample.messages,
    sampledBytes: sample.bytes,
    differences: [...differences, ...sample.differences],
  };
}

/** Finds records whose bytes are not in the backup. */
function missingBytes(source: RestoreSource): Difference[] {
  return Array.from(missingMessages(source.reader.index, MOST_MISSING), ({ guid, mailbox, uid }) => ({
    what: 'message',
    verdict: 'wrong',
    mailbox,
    uid,
    name: guid,
    note: 'the master did not send its bytes',
  }));
}

/** The kinds of difference that the records explain. */
const OF_RECORDS: ReadonlySet<string> = new Set(['modseq', 'last uid', 'checksum']);

async function pairDifferences(
  job: UserJob,
  source: RestoreSource,
  { own, server, differences }: Pair,
): Promise<Difference[]> {
  const differs = differences.some(({ what }) => OF_RECORDS.has(what));
  if (!job.isThorough && !(differs && job.isLast)) return [...differences];
  await job.pace(0);
  const full = await readWhole(job, server.name);
  if (full === undefined) return [...differences];
  if (typeof full === 'string')
    return [...differences, { what: 'mailbox', verdict: 'wrong', mailbox: server.name, note: full }];
  const records = compareRecords(own, source.records(own.mailbox), full);
  const others = differences.filter(({ what }) => what !== 'checksum');
  if (records.wrong > records.differences.length)
    others.push(manyDiffer(own, records.wrong - records.differences.length));
  // Where no record differs, the two sides only count a checksum in different ways.
  return [...others, ...records.differences];
}

function manyDiffer({ mailbox }: OwnMailbox, count: number): Difference {
  return { what: 'record', verdict: 'wrong', mailbox: mailbox.name, note: `${count} more records differ` };
}

/** Explains why the server says nothing about a mailbox of the backup. */
async function goneFrom(job: UserJob, own: OwnMailbox, server: ServerUser): Promise<Difference> {
  const { mailbox, messages } = own;
  const base = {
    what: 'mailbox',
    mailbox: mailbox.name,
    since: mailbox.since,
    backup: `uniqueid ${mailbox.uniqueid}, ${messages} messages`,
  } as const;
  const there = await readWhole(job, mailbox.name);
  if (typeof there === 'string') return { ...base, verdict: 'wrong', note: there };
  if (server.unopened.has(mailbox.name))
    return { ...base, verdict: 'wrong', note: 'the server lists it, but does not open it' };
  return { ...base, verdict: 'undated' };
}

/**
 * Returns the mailbox with its records, undefined if there is none, or the reason why the server
 * cannot open it.
 */
async function readWhole(
  { client, patience }: UserJob,
  name: string,
): Promise<FullMailbox | string | undefined> {
  try {
    return await patience.ask(name, () => fullMailbox(client, name));
  } catch (error) {
    if (!(error instanceof BackupError) || error.kind === 'closed') throw error;
    return patience.hangsUpOn(name) ? messageOf(error) : `the server cannot open it: ${messageOf(error)}`;
  }
}

function unopened(server: ServerUser, known: readonly Difference[]): Difference[] {
  const named = new Set(known.map(({ mailbox }) => mailbox));
  return [...server.unopened]
    .filter(([name]) => !named.has(name))
    .map(([name, reason = 'the server lists it, but does not open it']) => ({
      what: 'mailbox',
      verdict: 'wrong',
      mailbox: name,
      note: `${reason}; no backup has it`,
    }));
}
