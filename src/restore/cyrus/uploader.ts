/**
 * Uploads messages to a Cyrus server before the command that files them. RESERVE names the
 * mailboxes that may hold them, and the server answers which messages are missing; only those are
 * sent. Messages are checked against their GUIDs before they are sent. A message that is damaged or
 * not in the backup fails without affecting the other messages.
 */
import { messageOf } from '../../errors.ts';
import { toStrings } from '../../protocol/dlist.ts';
import { printString } from '../../protocol/print.ts';
import type { RestoreSource, SourceRecord } from '../source.ts';
import type { CyrusJob } from './job.ts';
import type { SyncClient, Upload } from './syncClient.ts';

/** The number of messages in one RESERVE; Cyrus' sync_client uses the same number. */
const MESSAGES_A_COMMAND = 1024;
/**
 * The total size of messages at which a command is sent. This also bounds memory: large messages
 * are streamed in pieces.
 */
const HELD_BYTES = 8 * 1024 * 1024;
const NO_BYTES = 'its bytes are not in this backup';
const STREAMED_FROM_BYTES = 2 * 1024 * 1024;

export interface UploadResult {
  /** GUIDs that were not uploaded, with the reason. */
  readonly failed: ReadonlyMap<string, string>;
  readonly sentBytes: number;
}

/**
 * Sends what the server lacks of these records. An expunged record whose bytes are missing does not
 * count as a failure. `folders`: internal names of the server's mailboxes that may hold copies.
 */
export async function uploadMissing(
  { client, source, uploads }: Pick<CyrusJob, 'client' | 'source' | 'uploads'>,
  partition: string,
  records: readonly SourceRecord[],
  folders: Iterable<string>,
): Promise<UploadResult> {
  const byGuid = new Map(records.map((record) => [record.guid, record]));
  const missing = await reserve(client, partition, [...byGuid.keys()], folders);
  const failed = new Map<string, string>();
  let sentBytes = 0;
  let held: Upload[] = [];
  let heldBytes = 0;
  const send = async (): Promise<void> => {
    uploads.sending(held.map(({ guid }) => guid));
    if (held.length > 0) await client.upload(partition, held);
    uploads.sending([]);
    held = [];
    heldBytes = 0;
  };
  for (const guid of missing) {
    const record = byGuid.get(guid);
    if (record === undefined) continue;
    if (uploads.isGivenUp(guid)) {
      failed.set(guid, 'given up: the server breaks the connection at this message');
      continue;
    }
    if (uploads.isSuspect(guid)) await send();
    try {
      const upload = prepare(source, record);
      held.push(upload);
      heldBytes += upload.sizeBytes;
      sentBytes += upload.sizeBytes;
    } catch (error) {
      if (record.expunged === null) failed.set(guid, messageOf(error));
      continue;
    }
    if (uploads.isSuspect(guid) || held.length >= MESSAGES_A_COMMAND || heldBytes >= HELD_BYTES) await send();
  }
  await send();
  return { failed, sentBytes };
}

/**
 * For a plan: returns the living records whose bytes neither the backup nor the server has, with
 * the reason.
 */
export async function withoutBytes(
  client: SyncClient,
  partition: string,
  records: readonly SourceRecord[],
  folders: Iterable<string>,
): Promise<Map<string, string>> {
  const lost = records.filter(({ chunkId, expunged }) => chunkId === null && expunged === null);
  if (lost.length === 0) return new Map();
  const guids = [...new Set(lost.map(({ guid }) => guid))];
  const missing = await reserve(client, partition, guids, folders);
  await client.restart();
  return new Map(missing.map((guid) => [guid, NO_BYTES]));
}

function prepare(source: RestoreSource, { guid, size, chunkId }: SourceRecord): Upload {
  if (chunkId === null) throw new Error(NO_BYTES);
  if (size >= STREAMED_FROM_BYTES) {
    // Once announced, a message must be sent completely, so it is checked first.
    source.check(guid);
    return { guid, sizeBytes: size, pieces: () => source.pieces(guid) };
  }
  const bytes = source.message(guid);
  return { guid, sizeBytes: bytes.length, pieces: () => [bytes] };
}

async function reserve(
  client: SyncClient,
  partition: string,
  guids: readonly string[],
  folders: Iterable<string>,
): Promise<string[]> {
  if (guids.length === 0) return [];
  const names = [...folders].map((name) => printString(name, 'log')).join(' ');
  const text = `RESERVE %(PARTITION ${printString(partition, 'log')} MBOXNAME (${names}) GUID (${guids.join(' ')}))`;
  const items = await client.apply(text);
  return items.filter(({ name }) => name === 'MISSING').flatMap(({ value }) => toStrings(value, 'MISSING'));
}
