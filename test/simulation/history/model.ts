/**
 * The model: what a user's backup must hold, and a made-up master that changes it. Each change is a
 * command in the wire's grammar and the state after it. States are never changed in place.
 */
import { crcOf, guidOf, madeRecord, mailboxLine, upload } from '../../server/made.ts';
import { bytesOf } from '../../support/backups.ts';

export interface ModelRecord {
  readonly uid: number;
  readonly modseq: number;
  readonly body: string;
  readonly flags: readonly string[];
}

export interface ModelMailbox {
  readonly uniqueid: string;
  readonly name: string;
  readonly lastUid: number;
  readonly modseq: number;
  readonly records: readonly ModelRecord[];
}

export interface UserState {
  readonly mailboxes: readonly ModelMailbox[];
  /** A number that is in the value of each item, by `kind key`. */
  readonly items: ReadonlyMap<string, string>;
}

export const NOTHING: UserState = { mailboxes: [], items: new Map() };

/** Prints a state, as observe.ts prints that of a backup. */
export function textOf({ mailboxes, items }: UserState): string {
  const lines = mailboxes.flatMap(({ uniqueid, name, lastUid, modseq, records }) => [
    `mailbox ${uniqueid} ${name} ${lastUid} ${modseq}`,
    ...records.map(
      ({ uid, modseq, body, flags }) =>
        `record ${uniqueid} ${uid} ${modseq} ${guidOf(body)} ${flags.toSorted().join(' ')}`,
    ),
  ]);
  return [...lines, ...[...items].map(([key, token]) => `${key} ${token}`)].toSorted().join('\n');
}

export interface Change {
  /** Commands whose failure changes nothing that a check would see: uploads. */
  readonly uploads: readonly string[];
  readonly command: string;
  readonly after: UserState;
}

const FLAGS = ['\\Seen', '\\Flagged', '\\Answered', '$Label'];
const SIZES = [40, 300, 900, 2500, 9000, 40_000];
const STORED_AT = 1_700_000_000;

type Random = () => number;
const below = (random: Random, end: number): number => Math.floor(random() * end);
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)] as T;
const token = (random: Random): string => String(90_000_000 + below(random, 10_000_000));

/** Makes a random change of a user. */
export function changeOf(random: Random, userid: string, state: UserState): Change {
  if (state.mailboxes.length === 0) return createMailbox(random, `user.${userid}`, state);
  const kind = random();
  if (kind < 0.4) return append(random, state);
  if (kind < 0.55) return setFlags(random, state);
  if (kind < 0.67) return expunge(random, state);
  if (kind < 0.75) return createMailbox(random, `user.${userid}.b${below(random, 1000)}`, state);
  if (kind < 0.8) return renameMailbox(random, userid, state);
  if (kind < 0.85) return removeMailbox(random, userid, state);
  return changeItem(random, userid, state);
}

function mailboxChange(
  state: UserState,
  mailbox: ModelMailbox,
  sent: readonly ModelRecord[],
  uploads: readonly string[] = [],
): Change {
  const made = mailbox.records.map(({ uid, modseq, body, flags }) => madeRecord(uid, modseq, body, flags));
  const said = sent.map(({ uid, modseq, body, flags }) => madeRecord(uid, modseq, body, flags));
  const others = state.mailboxes.filter(({ uniqueid }) => uniqueid !== mailbox.uniqueid);
  return {
    uploads,
    command: mailboxLine({ ...mailbox, crc: crcOf(made) }, said),
    after: { ...state, mailboxes: [...others, mailbox] },
  };
}

function createMailbox(random: Random, name: string, state: UserState): Change {
  if (state.mailboxes.some((mailbox) => mailbox.name === name)) return append(random, state);
  const uniqueid = `u${token(random)}`;
  return mailboxChange(state, { uniqueid, name, lastUid: 0, modseq: 1, records: [] }, []);
}

function bodyOf(random: Random): string {
  const seed = below(random, 1e9);
  const head = `From: a@b\r\nSubject: ${seed}\r\n\r\n`;
  return head + bytesOf(seed, 1 + below(random, pick(random, SIZES))).toString('latin1');
}

function append(random: Random, state: UserState): Change {
  const mailbox = pick(random, state.mailboxes);
  const known = state.mailboxes.flatMap(({ records }) => records.map(({ body }) => body));
  const count = 1 + below(random, 3);
  const modseq = mailbox.modseq + 1;
  const added = Array.from({ length: count }, (_, at): ModelRecord => {
    const body = known.length > 0 && random() < 0.2 ? pick(random, known) : bodyOf(random);
    return { uid: mailbox.lastUid + 1 + at, modseq, body, flags: random() < 0.3 ? ['\\Seen'] : [] };
  });
  const fresh = [...new Set(added.map(({ body }) => body))].filter((body) => !known.includes(body));
  const uploads = fresh.length === 0 ? [] : [upload(...fresh).toString('latin1')];
  const records = [...mailbox.records, ...added];
  return mailboxChange(
    state,
    { ...mailbox, lastUid: mailbox.lastUid + count, modseq, records },
    added,
    uploads,
  );
}

function setFlags(random: Random, state: UserState): Change {
  const mailbox = pick(random, state.mailboxes);
  if (mailbox.records.length === 0) return append(random, state);
  const modseq = mailbox.modseq + 1;
  const records = mailbox.records.map((record) => {
    if (random() < 0.6) return record;
    return { ...record, modseq, flags: FLAGS.filter(() => random() < 0.4) };
  });
  const sent = records.filter((record) => record.modseq === modseq);
  return mailboxChange(state, { ...mailbox, modseq, records }, sent);
}

function expunge(random: Random, state: UserState): Change {
  const mailbox = pick(random, state.mailboxes);
  const modseq = mailbox.modseq + 1;
  const gone = mailbox.records.filter(() => random() < 0.3);
  if (gone.length === 0) return append(random, state);
  const records = mailbox.records.filter((record) => !gone.includes(record));
  const sent = gone.map((record) => ({ ...record, modseq, flags: ['\\Expunged'] }));
  return mailboxChange(state, { ...mailbox, modseq, records }, sent);
}

/** A mailbox other than the INBOX. */
function folderOf(random: Random, userid: string, state: UserState): ModelMailbox | undefined {
  const folders = state.mailboxes.filter(({ name }) => name !== `user.${userid}`);
  return folders.length === 0 ? undefined : pick(random, folders);
}

function renameMailbox(random: Random, userid: string, state: UserState): Change {
  const from = folderOf(random, userid, state);
  const name = `user.${userid}.b${below(random, 1000)}`;
  if (from === undefined || state.mailboxes.some((mailbox) => mailbox.name === name))
    return append(random, state);
  const mailboxes = state.mailboxes.map((each) => (each === from ? { ...each, name } : each));
  const keys = `OLDMBOXNAME ${from.name} NEWMBOXNAME ${name} PARTITION default UIDVALIDITY ${STORED_AT}`;
  return { uploads: [], command: `APPLY RENAME %(${keys})\r\n`, after: { ...state, mailboxes } };
}

function removeMailbox(random: Random, userid: string, state: UserState): Change {
  const gone = folderOf(random, userid, state);
  if (gone === undefined) return append(random, state);
  const mailboxes = state.mailboxes.filter((each) => each !== gone);
  return { uploads: [], command: `APPLY UNMAILBOX ${gone.name}\r\n`, after: { ...state, mailboxes } };
}

function changeItem(random: Random, userid: string, state: UserState): Change {
  const items = new Map(state.items);
  const [first, value] = [`user.${userid}.b${below(random, 4)}`, token(random)];
  const script = `s${below(random, 2)}.script`;
  const forms: readonly [string, string, string][] = [
    [`sub ${first}`, `SUB %(USERID ${userid} MBOXNAME ${first})`, ''],
    [
      `sieve ${script}`,
      `SIEVE %(USERID ${userid} FILENAME ${script} LAST_UPDATE ${STORED_AT} CONTENT "#${value}")`,
      value,
    ],
    [`quota user.${userid}`, `QUOTA %(ROOT user.${userid} STORAGE ${value})`, value],
  ];
  const [key, command, token_] = pick(random, forms);
  if (key.startsWith('sub') && items.has(key)) {
    items.delete(key);
    const undo = `APPLY UNSUB %(USERID ${userid} MBOXNAME ${first})\r\n`;
    return { uploads: [], command: undo, after: { ...state, items } };
  }
  items.set(key, token_);
  return { uploads: [], command: `APPLY ${command}\r\n`, after: { ...state, items } };
}
