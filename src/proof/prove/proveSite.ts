/**
 * Proves the backups of many users over one connection, one after another, those first that were
 * not looked at for longest. A user who differs is looked at again after the others, when
 * replication has had a moment. Each result goes into the report and the memory as soon as it is
 * known, so a run may end at any time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { BackupError, messageOf } from '../../errors.ts';
import { inboxOf, sharedUserid } from '../../mailbox/names.ts';
import { mailboxesByName } from '../../restore/cyrus/state/serverState.ts';
import type { SyncClient } from '../../restore/cyrus/syncClient.ts';
import { judge } from './judge.ts';
import type { JudgedDifference, UserVerdict } from './judge.ts';
import type { ProofMemory } from './memory.ts';
import { Patience } from './patience.ts';
import { proveUser } from './proveUser.ts';
import type { UserJob, UserProof } from './proveUser.ts';

export interface ProvenUser {
  readonly userid: string;
  readonly verdict: UserVerdict;
  readonly mailboxes: number;
  readonly messages: number;
  readonly sampled: number;
  readonly sampledBytes: number;
  readonly differences: readonly JudgedDifference[];
  /** Why the user could not be looked at, or what is to be done. */
  readonly reason?: string;
  /** When the backup was last proved before this run, unix seconds; null if never. */
  readonly provedBefore: number | null;
}

/** A user to prove. */
export interface Candidate {
  readonly userid: string;
  /** The path of the data file; null if there is no backup. */
  readonly path: string | null;
  /** Why there is no path although the catalogue has an entry. */
  readonly fault?: string;
}

export interface SiteJob extends Pick<UserJob, 'names' | 'sampleSize' | 'random' | 'pace' | 'isThorough'> {
  readonly candidates: readonly Candidate[];
  readonly memory: ProofMemory;
  /** How often a user who differs is looked at again, and after how long at the least. */
  readonly retries: number;
  readonly settleMs: number;
  /** How long a difference may be explained by a change that is not replicated yet. */
  readonly graceSeconds: number;
  connect(): Promise<SyncClient>;
  /** True if the run is to end now: no more users are begun. */
  isOver(): boolean;
  now(): number;
  onUser(user: ProvenUser): void;
}

export interface SiteResult {
  /** How many users were not looked at, because the run was ended. */
  readonly left: number;
}

/** Throws what `connect` throws. */
export async function proveSite(job: SiteJob): Promise<SiteResult> {
  const { memory, retries } = job;
  const connection = new Connection(job);
  let queue = job.candidates.toSorted(
    (a, b) => (memory.get(a.userid)?.checked ?? 0) - (memory.get(b.userid)?.checked ?? 0),
  );
  let left = 0;
  try {
    for (let round = 0; round <= retries && queue.length > 0; round += 1) {
      const startedMs = Date.now();
      const again: Candidate[] = [];
      for (const candidate of queue) {
        // A user who differs is finished even so: the difference must not be lost.
        if (job.isOver() && round === 0) {
          left += 1;
          continue;
        }
        const isLast = round === retries || job.isOver();
        const user = await lookAtPatiently(job, connection, candidate, isLast);
        if (user === undefined) again.push(candidate);
        else job.onUser(user);
      }
      queue = again;
      if (queue.length > 0) await sleep(Math.max(0, startedMs + job.settleMs - Date.now()));
    }
  } finally {
    await connection.close();
  }
  return { left };
}

/** Opens the connection when it is needed, and again when it broke. */
class Connection {
  readonly #job: SiteJob;
  #client: SyncClient | undefined;

  constructor(job: SiteJob) {
    this.#job = job;
  }

  async client(): Promise<SyncClient> {
    this.#client ??= await this.#job.connect();
    return this.#client;
  }

  async close(): Promise<void> {
    await this.#client?.close();
    this.#client = undefined;
  }
}

/** Over a new connection after each break. */
async function lookAtPatiently(
  job: SiteJob,
  connection: Connection,
  candidate: Candidate,
  isLast: boolean,
): Promise<ProvenUser | undefined> {
  const patience = new Patience();
  for (;;) {
    const client = await connection.client();
    try {
      return await lookAt({ ...job, client, patience }, candidate, isLast);
    } catch (error) {
      if (!(error instanceof BackupError) || error.kind !== 'closed') throw error;
      await connection.close();
      if (patience.broke()) continue;
      const provedBefore = job.memory.get(candidate.userid)?.proved ?? null;
      return {
        ...NOTHING,
        userid: candidate.userid,
        verdict: 'failed',
        reason: messageOf(error),
        provedBefore,
      };
    }
  }
}

const NOTHING = { mailboxes: 0, messages: 0, sampled: 0, sampledBytes: 0, differences: [] } as const;

/** Returns undefined if the user is to be looked at again. */
async function lookAt(
  job: SiteJob & Pick<UserJob, 'client' | 'patience'>,
  candidate: Candidate,
  isLast: boolean,
): Promise<ProvenUser | undefined> {
  const { userid, path, fault } = candidate;
  const before = job.memory.get(userid);
  const provedBefore = before?.proved ?? null;
  const failed = (reason: string): ProvenUser => ({
    ...NOTHING,
    userid,
    verdict: 'failed',
    reason,
    provedBefore,
  });
  if (fault !== undefined) return failed(fault);
  if (path === null) return withoutBackup(job, job.client, userid);
  let proof: UserProof;
  try {
    proof = await proveUser({ ...job, userid, path, isLast });
  } catch (error) {
    if (!(error instanceof BackupError) || error.kind === 'closed') throw error;
    return isLast ? failed(messageOf(error)) : undefined;
  }
  if (proof.differences.length > 0 && !isLast) return undefined;
  const { memory, ...judged } = judge(proof.differences, before, {
    now: job.now(),
    graceSeconds: job.graceSeconds,
  });
  job.memory.set(userid, memory);
  return { ...proof, ...judged, userid, provedBefore };
}

/** A user is new for a while: the INBOX has the time of its creation as its UIDVALIDITY. */
async function withoutBackup(job: SiteJob, client: SyncClient, userid: string): Promise<ProvenUser> {
  const none = { ...NOTHING, userid, provedBefore: null };
  const inbox = inboxOf(userid);
  const found = userid === sharedUserid ? undefined : (await mailboxesByName(client, [inbox])).get(inbox);
  const isNew = found !== undefined && job.now() - found.uidvalidity < job.graceSeconds;
  if (isNew) return { ...none, verdict: 'behind', reason: 'a new user, not backed up yet' };
  if (found === undefined && userid !== sharedUserid) {
    return { ...none, verdict: 'failed', reason: 'neither the server nor a backup has this user' };
  }
  return { ...none, verdict: 'no backup', reason: 'the server has this user, and no backup does' };
}
