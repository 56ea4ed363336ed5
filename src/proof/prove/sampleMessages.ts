/**
 * Reads sampled messages on both sides: from the backup, and from the spool of the server (GET
 * FETCH). Both must have the SHA-1 that the record names.
 */
import { createHash } from 'node:crypto';
import { BackupError, messageOf } from '../../errors.ts';
import { KeyValues } from '../../protocol/dlist.ts';
import { printDlist } from '../../protocol/print.ts';
import { fullMailbox } from '../../restore/cyrus/state/serverState.ts';
import type { ServerMailbox } from '../../restore/cyrus/state/serverState.ts';
import type { SyncClient } from '../../restore/cyrus/syncClient.ts';
import type { RestoreSource } from '../../restore/source.ts';
import type { Difference } from './difference.ts';
import type { SampledMessage } from './ownUser.ts';

export interface SampleResult {
  readonly differences: readonly Difference[];
  /** How many messages were read on both sides, and their bytes. */
  readonly messages: number;
  readonly bytes: number;
}

export interface SampleJob {
  readonly client: SyncClient;
  readonly source: RestoreSource;
  readonly sample: readonly SampledMessage[];
  /** Returns the server's mailbox with that uniqueid. */
  serverMailbox(uniqueid: string): ServerMailbox | undefined;
  /** Waits as long as the rate limit asks for. */
  pace(bytes: number): Promise<void>;
}

export async function checkSample(job: SampleJob): Promise<SampleResult> {
  const differences: Difference[] = [];
  let [messages, bytes] = [0, 0];
  for (const sampled of job.sample) {
    const { record } = sampled;
    const server = job.serverMailbox(sampled.mailbox.uniqueid);
    if (server === undefined) continue;
    await job.pace(record.size);
    const [ours, theirs] = [
      ownFault(job.source, record.guid),
      await serverFault(job.client, sampled, server),
    ];
    messages += 1;
    bytes += record.size;
    if (ours !== undefined)
      differences.push(differing(sampled, { backup: ours, server: theirs ?? 'is right' }));
    else if (theirs !== undefined && (await isStillThere(job.client, sampled, server)))
      differences.push(differing(sampled, { backup: 'is right', server: theirs }));
  }
  return { differences, messages, bytes };
}

function differing(
  { mailbox, record }: SampledMessage,
  faults: { readonly backup: string; readonly server: string },
): Difference {
  const place = { mailbox: mailbox.name, uid: record.uid, name: record.guid, since: record.since };
  return { what: 'message', verdict: 'wrong', ...place, ...faults };
}

/** Returns what is wrong with the backup's copy. */
function ownFault(source: RestoreSource, guid: string): string | undefined {
  try {
    source.check(guid);
    return undefined;
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return error.kind === 'not-found' ? 'has no bytes' : `is damaged: ${messageOf(error)}`;
  }
}

/** Returns what is wrong with the server's copy. */
async function serverFault(
  client: SyncClient,
  { record }: SampledMessage,
  server: ServerMailbox,
): Promise<string | undefined> {
  const hash = createHash('sha1');
  let isSent = false;
  const place = new KeyValues([
    ['MBOXNAME', server.name],
    ['PARTITION', server.partition],
    ['UNIQUEID', server.uniqueid],
    ['GUID', record.guid],
    ['UID', String(record.uid)],
  ]);
  try {
    await client.fetch(printDlist(place, 'log'), async (file, bytes) => {
      isSent = true;
      await bytes.pieces(file.size, (piece) => void hash.update(piece));
    });
  } catch (error) {
    if (!(error instanceof BackupError) || error.kind === 'closed') throw error;
    return error.kind === 'not-found' ? 'has no file' : `cannot send it: ${messageOf(error)}`;
  }
  if (!isSent) return 'has a file that is not the message of its GUID';
  const sha1 = hash.digest('hex');
  return sha1 === record.guid ? undefined : `has other bytes, SHA-1 ${sha1}`;
}

/** Reports whether the server still has the message. A file may go soon after an expunge. */
async function isStillThere(
  client: SyncClient,
  { record }: SampledMessage,
  { name }: ServerMailbox,
): Promise<boolean> {
  const full = await fullMailbox(client, name);
  return (
    full?.records.some(
      ({ uid, guid, isExpunged }) => uid === record.uid && guid === record.guid && !isExpunged,
    ) === true
  );
}
