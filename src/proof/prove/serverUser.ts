/**
 * Reads what the live server has of one user, with questions that change nothing there: which
 * mailboxes it lists, their state and checksums (GET MAILBOXES), scripts, subscriptions and seen
 * state (GET META), quotas (GET QUOTA).
 */
import { createHash } from 'node:crypto';
import { BackupError } from '../../errors.ts';
import {
  backupUseridOf,
  deletedAtOf,
  fromAdmin,
  inboxOf,
  parseName,
  sharedUserid,
  toAdmin,
} from '../../mailbox/names.ts';
import { KeyValues, getString, optionalString, toKeyValues } from '../../protocol/dlist.ts';
import { printItem } from '../../protocol/print.ts';
import { mailboxesByUniqueid } from '../../restore/cyrus/state/serverState.ts';
import type { ServerMailbox } from '../../restore/cyrus/state/serverState.ts';
import type { SyncClient } from '../../restore/cyrus/syncClient.ts';
import { readUserItems } from '../../restore/cyrus/state/userItems.ts';
import type { ServerItems } from '../../restore/cyrus/state/userItems.ts';
import type { Patience } from './patience.ts';

/** How the site writes mailbox names. */
export interface NameOptions {
  readonly virtDomains: boolean;
  readonly defaultDomain: string | undefined;
  readonly deletedPrefix: string;
}

export interface ServerUser {
  /** By uniqueid. */
  readonly mailboxes: ReadonlyMap<string, ServerMailbox>;
  /** Internal names that the server lists but does not open, and why if that is known. */
  readonly unopened: ReadonlyMap<string, string | undefined>;
  /** Undefined for the shared mailboxes, and if nobody has asked. */
  readonly items: ServerItems | undefined;
  /** The SHA-1 of each script's text as the server reads it, by file name. */
  readonly scripts: ReadonlyMap<string, string>;
  /** By quota root. */
  readonly quotas: ReadonlyMap<string, KeyValues>;
}

const HANGS_UP = 'the server hangs up when it is asked for it';

export interface Asked {
  readonly client: SyncClient;
  readonly names: NameOptions;
  readonly patience: Patience;
}

/** What to ask for: the mailboxes that the backup has, and whether to look for others. */
export interface Question {
  readonly userid: string;
  readonly mailboxes: readonly { readonly name: string; readonly uniqueid: string }[];
  readonly quotaRoots: readonly string[];
  /** False if only the named mailboxes are looked at once more. */
  readonly isWhole: boolean;
}

export async function askServer({ client, names, patience }: Asked, question: Question): Promise<ServerUser> {
  const { userid, isWhole } = question;
  const listed = isWhole && client.canList ? await listedNames(client, userid, names) : [];
  const asked = [...new Set([...question.mailboxes.map(({ name }) => name), ...listed])];
  const byName = await patience.mailboxes(client, asked);
  const mailboxes = new Map([...byName.values()].map((mailbox) => [mailbox.uniqueid, mailbox]));
  const renamed = question.mailboxes
    .filter(({ name, uniqueid }) => !mailboxes.has(uniqueid) && !patience.hangsUpOn(name))
    .map(({ uniqueid }) => uniqueid);
  for (const mailbox of (await mailboxesByUniqueid(client, renamed)).values())
    mailboxes.set(mailbox.uniqueid, mailbox);
  const roots = new Set(question.quotaRoots);
  for (const { state } of mailboxes.values()) {
    const root = optionalString(state, 'QUOTAROOT');
    if (isWhole && root !== undefined) roots.add(root);
  }
  const found = new Set([...mailboxes.values()].map(({ name }) => name));
  const silent = asked.filter((name) => !found.has(name) && !isOfScripts(name));
  const unopened = silent.filter((name) => patience.hangsUpOn(name) || listed.includes(name));
  const read = isWhole && userid !== sharedUserid ? await readItems(client, userid) : undefined;
  return {
    mailboxes,
    unopened: new Map(unopened.map((name) => [name, patience.hangsUpOn(name) ? HANGS_UP : undefined])),
    items: read?.items,
    scripts: read?.scripts ?? new Map(),
    quotas: await readQuotas(client, roots),
  };
}

/** A script may be replaced between the two questions. Then both are asked again. */
const MOST_READS = 3;

async function readItems(
  client: SyncClient,
  userid: string,
): Promise<{ readonly items: ServerItems; readonly scripts: Map<string, string> }> {
  for (let attempt = 1; ; attempt += 1) {
    const items = await readUserItems(client, userid);
    const scripts = await readScripts(client, userid, items.scripts.keys());
    const isStable = [...items.scripts].every(([file, { guid }]) => scripts.get(file) === guid);
    if (isStable || attempt >= MOST_READS) return { items, scripts };
  }
}

/** Returns the SHA-1 of the text of each script; of none that the server cannot read. */
async function readScripts(
  client: SyncClient,
  userid: string,
  files: Iterable<string>,
): Promise<Map<string, string>> {
  const hashes = new Map<string, string>();
  for (const file of files) {
    const place = new KeyValues([
      ['USERID', userid],
      ['FILENAME', file],
    ]);
    try {
      const items = await client.get(printItem('FETCH_SIEVE', place, 'log'));
      const script = items.find(({ name }) => name === 'SIEVE');
      if (script === undefined) continue;
      const content = getString(toKeyValues(script.value, 'SIEVE'), 'CONTENT');
      hashes.set(file, createHash('sha1').update(content, 'latin1').digest('hex'));
    } catch (error) {
      if (!(error instanceof BackupError) || error.kind === 'closed') throw error;
    }
  }
  return hashes;
}

/** Newer servers keep scripts in a mailbox, which they replicate as scripts. */
function isOfScripts(name: string): boolean {
  return parseName(name).boxes[0] === '#sieve';
}

async function readQuotas(client: SyncClient, roots: Iterable<string>): Promise<Map<string, KeyValues>> {
  const quotas = new Map<string, KeyValues>();
  for (const root of roots) {
    try {
      const items = await client.get(printItem('QUOTA', root, 'log'));
      const quota = items.find(({ name }) => name === 'QUOTA');
      if (quota !== undefined) quotas.set(root, toKeyValues(quota.value, 'QUOTA'));
    } catch (error) {
      if (!(error instanceof BackupError && error.kind === 'not-found')) throw error;
    }
  }
  return quotas;
}

/** Returns the internal names of the user's mailboxes, without those under the deleted prefix. */
async function listedNames(client: SyncClient, userid: string, options: NameOptions): Promise<string[]> {
  const names: string[] = [];
  for (const pattern of patternsOf(userid, await separatorOf(client), options)) {
    await client.list(pattern, ({ name, separator }) => {
      const internal = internalOf(name, separator, options);
      const isOwn = backupUseridOf(internal, options.deletedPrefix) === userid;
      if (isOwn && deletedAtOf(internal, options.deletedPrefix) === undefined) names.push(internal);
    });
  }
  return [...new Set(names)];
}

function internalOf(name: string, separator: string, options: NameOptions): string {
  return fromAdmin(name, {
    unixHierarchySep: separator === '/',
    virtDomains: options.virtDomains,
    deletedPrefix: options.deletedPrefix,
    ...(options.defaultDomain === undefined ? {} : { defaultDomain: options.defaultDomain }),
  });
}

const separators = new WeakMap<SyncClient, string>();

/** Returns the server's character between levels. */
async function separatorOf(client: SyncClient): Promise<string> {
  let separator = separators.get(client);
  if (separator === undefined) {
    await client.list('user%', (mailbox) => (separator ??= mailbox.separator));
    if (separator === undefined) await client.list('%', (mailbox) => (separator ??= mailbox.separator));
    separator ??= '/';
    separators.set(client, separator);
  }
  return separator;
}

function patternsOf(userid: string, separator: string, options: NameOptions): string[] {
  if (userid === sharedUserid) return ['*'];
  const { virtDomains } = options;
  const inbox = toAdmin(inboxOf(userid), { unixHierarchySep: separator === '/', virtDomains });
  const at = virtDomains ? inbox.lastIndexOf('@') : -1;
  const tail = at === -1 ? '' : inbox.slice(at);
  const local = tail === '' ? inbox : inbox.slice(0, -tail.length);
  return [inbox, `${local}${separator}*${tail}`];
}

/** Returns the userids that the server has mailboxes of; %SHARED for those without an owner. */
export async function listUsers(client: SyncClient, options: NameOptions): Promise<Set<string>> {
  const users = new Set<string>();
  await client.list('*', ({ name, separator }) => {
    const internal = internalOf(name, separator, options);
    if (deletedAtOf(internal, options.deletedPrefix) !== undefined) return;
    users.add(backupUseridOf(internal, options.deletedPrefix));
  });
  return users;
}
