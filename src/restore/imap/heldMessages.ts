/**
 * Finds which messages of a folder the server already holds. Only bytes prove that two messages are
 * the same. Message-ID, date and size only select candidates to fetch.
 *
 * 1. One FETCH lists UID, size, date and flags. Messages with the size of one of the backup's are
 *    fetched and hashed.
 * 2. Servers may alter a message when they store it (see canonical.ts), or report another size. So
 *    a remaining message is also fetched if its date or Message-ID is that of one of the backup's.
 *    These are compared in canonical form.
 *
 * Each message on the server matches one message of the backup: two identical copies in the backup
 * need two on the server.
 */
import type { FetchMessageObject, FetchQueryObject } from 'imapflow';
import { BackupError } from '../../errors.ts';
import { headerField } from '../select/headerField.ts';
import type { RestoreSource, SourceRecord } from '../source.ts';
import { canonicalHash, sha1Of } from './canonical.ts';
import type { ImapConnection } from './connection.ts';

export interface HeldMessage {
  readonly uid: number;
  readonly flags: readonly string[];
  readonly size: number;
  /** Unix seconds. */
  readonly date: number;
}

/** Keeps command lines short, and limits how much is lost if one answer fails. */
const UIDS_A_FETCH = 100;

export class HeldMessages {
  /** The server's messages by SHA-1. Holds only messages whose bytes were fetched. */
  readonly #exact: ReadonlyMap<string, HeldMessage[]>;
  /** By canonical hash: messages that differ from every one of the backup's in some byte. */
  readonly #altered: ReadonlyMap<string, ReadMessage[]>;
  /** By size and date: the number of messages that the server lists but does not return. */
  readonly #unreadable = new Map<string, number>();

  constructor(
    exact: ReadonlyMap<string, HeldMessage[]> = new Map(),
    altered: ReadonlyMap<string, ReadMessage[]> = new Map(),
    unreadable: readonly HeldMessage[] = [],
  ) {
    this.#exact = exact;
    this.#altered = altered;
    for (const { size, date } of unreadable) {
      const key = `${size} ${date}`;
      this.#unreadable.set(key, (this.#unreadable.get(key) ?? 0) + 1);
    }
  }

  takeExact(guid: string): HeldMessage | undefined {
    return this.#exact.get(guid)?.shift();
  }

  /** `isAltered` is false if the server stores the same bytes and only reports another size. */
  takeAltered(bytes: Buffer, guid: string): { held: HeldMessage; isAltered: boolean } | undefined {
    const found = this.#altered.get(canonicalHash(bytes))?.shift();
    return found === undefined ? undefined : { held: found, isAltered: found.guid !== guid };
  }

  /**
   * Reports whether the server has a message of this size and date that cannot be compared. Each
   * such message is used for one record.
   */
  takeUnreadable({ size, internaldate }: SourceRecord): boolean {
    const key = `${size} ${internaldate}`;
    const count = this.#unreadable.get(key) ?? 0;
    if (count > 0) this.#unreadable.set(key, count - 1);
    return count > 0;
  }
}

type ReadMessage = HeldMessage & { readonly guid: string };

/** Reads the selected folder. `reselect` selects it again after a reconnect. */
export async function readHeld(
  connection: ImapConnection,
  source: RestoreSource,
  records: () => Iterable<SourceRecord>,
  reselect: () => Promise<void>,
): Promise<HeldMessages> {
  const listed = await listMessages(connection);
  if (listed.length === 0) return new HeldMessages();
  const sizes = new Set<number>();
  for (const { size } of records()) sizes.add(size);
  const reader = new BodyReader(connection, reselect);
  const bodies = await reader.hashes(listed.filter(({ size }) => sizes.has(size)));
  const exact = grouped(listed, ({ uid }) => bodies.get(uid)?.guid);
  const rest = unequal(listed, exact, bodies, records());
  const candidates = await likely(connection, source, rest, () => missing(exact, records()));
  for (const [uid, hashes] of await reader.hashes(candidates.filter(({ uid }) => !bodies.has(uid))))
    bodies.set(uid, hashes);
  const read = rest.flatMap((held) => {
    const guid = bodies.get(held.uid)?.guid;
    return guid === undefined ? [] : [{ ...held, guid }];
  });
  const altered = grouped(read, ({ uid }) => bodies.get(uid)?.canonical);
  return new HeldMessages(
    exact,
    altered,
    rest.filter(({ uid }) => reader.isUnreadable(uid)),
  );
}

interface Hashes {
  readonly guid: string;
  readonly canonical: string;
}

/** Fetches bodies, hashes them one by one, and skips messages that cannot be read. */
class BodyReader {
  readonly #unreadable = new Set<number>();
  readonly #connection: ImapConnection;
  readonly #reselect: () => Promise<void>;

  constructor(connection: ImapConnection, reselect: () => Promise<void>) {
    this.#connection = connection;
    this.#reselect = reselect;
  }

  isUnreadable(uid: number): boolean {
    return this.#unreadable.has(uid);
  }

  async hashes(messages: readonly HeldMessage[]): Promise<Map<number, Hashes>> {
    const hashes = new Map<number, Hashes>();
    for (let at = 0; at < messages.length; at += UIDS_A_FETCH) {
      const some = messages.slice(at, at + UIDS_A_FETCH).map(({ uid }) => uid);
      const uids = some.filter((uid) => !this.#unreadable.has(uid));
      if (uids.length === 0 || (await this.#fetch(uids, hashes))) continue;
      // One message made the whole command fail, so each message is fetched separately.
      for (const uid of uids.filter((each) => !hashes.has(each)))
        if (!(await this.#fetch([uid], hashes))) this.#unreadable.add(uid);
    }
    return hashes;
  }

  async #fetch(uids: readonly number[], hashes: Map<number, Hashes>): Promise<boolean> {
    try {
      await eachMessage(this.#connection, uids.join(','), { uid: true, source: true }, (message) => {
        const { source: bytes, uid } = message;
        if (bytes === undefined) this.#unreadable.add(uid);
        else hashes.set(uid, { guid: sha1Of(bytes), canonical: canonicalHash(bytes) });
      });
      return true;
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      if (error.kind === 'closed') {
        await this.#connection.reopen();
        await this.#reselect();
      }
      return false;
    }
  }
}

/** Lists all messages from a UID on, without their text. */
export async function listMessages(connection: ImapConnection, firstUid = 1): Promise<HeldMessage[]> {
  const listed: HeldMessage[] = [];
  const query = { uid: true, size: true, internalDate: true, flags: true };
  await eachMessage(connection, `${firstUid}:*`, query, ({ uid, size = 0, internalDate, flags }) => {
    // `n:*` always includes the last message, even if its UID is below n (RFC 3501, 6.4.8).
    if (uid < firstUid) return;
    const date = Math.floor(new Date(internalDate ?? 0).getTime() / 1000);
    listed.push({ uid, flags: [...(flags ?? [])], size, date });
  });
  return listed;
}

async function eachMessage(
  connection: ImapConnection,
  uids: string,
  query: FetchQueryObject,
  onMessage: (message: FetchMessageObject) => void,
): Promise<void> {
  await connection.ask('FETCH', async (client) => {
    if (client.mailbox !== false && client.mailbox.exists === 0) return;
    for await (const message of client.fetch(uids, query, { uid: true })) onMessage(message);
  });
}

function grouped<T extends HeldMessage>(
  messages: readonly T[],
  keyOf: (message: T) => string | undefined,
): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const message of messages) {
    const key = keyOf(message);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [message]);
    else group.push(message);
  }
  return groups;
}

/** Yields the records of the backup that no message on the server equals byte for byte. */
function* missing(
  exact: ReadonlyMap<string, readonly HeldMessage[]>,
  records: Iterable<SourceRecord>,
): Generator<SourceRecord> {
  const used = new Map<string, number>();
  for (const record of records) {
    const count = used.get(record.guid) ?? 0;
    if (count >= (exact.get(record.guid)?.length ?? 0)) yield record;
    else used.set(record.guid, count + 1);
  }
}

/**
 * Returns the server's messages that equal no record of the backup byte for byte, including surplus
 * copies.
 */
function unequal(
  listed: readonly HeldMessage[],
  exact: ReadonlyMap<string, readonly HeldMessage[]>,
  bodies: ReadonlyMap<number, Hashes>,
  records: Iterable<SourceRecord>,
): HeldMessage[] {
  const wanted = new Map<string, number>();
  for (const { guid } of records) if (exact.has(guid)) wanted.set(guid, (wanted.get(guid) ?? 0) + 1);
  return listed.filter(({ uid }) => {
    const guid = bodies.get(uid)?.guid ?? '';
    const count = wanted.get(guid) ?? 0;
    if (count === 0) return true;
    wanted.set(guid, count - 1);
    return false;
  });
}

/**
 * Returns the server's messages that may be one of the missing records: by date, otherwise by
 * Message-ID.
 */
async function likely(
  connection: ImapConnection,
  source: RestoreSource,
  rest: readonly HeldMessage[],
  wanted: () => Iterable<SourceRecord>,
): Promise<HeldMessage[]> {
  if (rest.length === 0) return [];
  const dates = new Set<number>();
  for (const { internaldate } of wanted()) dates.add(internaldate);
  if (dates.size === 0) return [];
  const chosen = rest.filter(({ date }) => dates.has(date));
  const others = new Map(rest.filter(({ date }) => !dates.has(date)).map((held) => [held.uid, held]));
  if (others.size === 0) return chosen;
  const ids = new Set<string>();
  for (const record of wanted()) ids.add(messageIdOf(source, record));
  ids.delete('');
  if (ids.size === 0) return chosen;
  const uids = [...others.keys()];
  for (let at = 0; at < uids.length; at += UIDS_A_FETCH) {
    const some = uids.slice(at, at + UIDS_A_FETCH).join(',');
    await eachMessage(connection, some, { uid: true, envelope: true }, ({ uid, envelope }) => {
      const held = others.get(uid);
      if (held !== undefined && ids.has(idOf(envelope?.messageId ?? ''))) chosen.push(held);
    });
  }
  return chosen;
}

function messageIdOf(source: RestoreSource, record: SourceRecord): string {
  try {
    const [head = Buffer.alloc(0)] = source.pieces(record.guid);
    return idOf(headerField(head, 'message-id'));
  } catch (error) {
    // A damaged message fails later, when it is sent.
    if (error instanceof BackupError) return '';
    throw error;
  }
}

function idOf(text: string): string {
  return /<[^>]+>/.exec(text)?.[0] ?? '';
}
