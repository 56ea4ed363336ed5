/**
 * Restores what a user has besides mailboxes to a Cyrus server: sieve scripts and the active one,
 * subscriptions, quota, seen state. Existing items are kept, except with `replace`. Subscriptions
 * are only ever added.
 */
import { createHash } from 'node:crypto';
import { BackupError, messageOf } from '../../errors.ts';
import type { ItemKind } from '../../index/types.ts';
import { KeyValues, getString, toKeyValues } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';
import { printItem } from '../../protocol/print.ts';
import type { ItemAction, ItemOutcome } from '../report/outcome.ts';
import type { CyrusJob } from './job.ts';
import { mailboxesByUniqueid } from './state/serverState.ts';
import { readUserItems, scriptName } from './state/userItems.ts';
import type { ServerItems } from './state/userItems.ts';

export async function restoreItems(job: CyrusJob, isWholeUser: boolean): Promise<ItemOutcome[]> {
  const { what, source } = job;
  const outcomes: ItemOutcome[] = [];
  if (!(['seen', 'sieve', 'subs', 'quota'] as const).some((each) => what.has(each))) return outcomes;
  const server = await readUserItems(job.client, source.userid);
  const run = async (kind: ItemKind, each: (kv: KeyValues) => Promise<ItemOutcome>): Promise<void> => {
    for (const item of source.items(kind))
      outcomes.push(await each(toKeyValues(parseDlist(item.value), kind)));
  };
  if (what.has('sieve') && isWholeUser && !job.isFlagsOnly) {
    await run('sieve', (kv) => restoreScript(job, server, kv));
    await run('active', (kv) => activateScript(job, server, kv));
  }
  if (what.has('subs') && isWholeUser && !job.isFlagsOnly)
    await run('sub', (kv) => subscribe(job, server, kv));
  if (what.has('quota') && isWholeUser && !job.isFlagsOnly) await run('quota', (kv) => restoreQuota(job, kv));
  if (what.has('seen') && (isWholeUser || job.isFlagsOnly)) await restoreSeen(job, server, outcomes);
  return outcomes;
}

/** Applies the item, unless this is a plan. A refusal fails only this item. */
async function apply(
  job: CyrusJob,
  item: { readonly kind: string; readonly name: string },
  text: string,
): Promise<ItemOutcome> {
  if (job.isPlan) return { ...item, action: 'set' };
  try {
    await job.client.apply(text);
    return { ...item, action: 'set' };
  } catch (error) {
    if (!(error instanceof BackupError) || error.kind === 'closed') throw error;
    return { ...item, action: 'failed', reason: messageOf(error) };
  }
}

function kept(kind: string, name: string, action: ItemAction, reason?: string): ItemOutcome {
  return reason === undefined ? { kind, name, action } : { kind, name, action, reason };
}

function restoreScript(job: CyrusJob, server: ServerItems, kv: KeyValues): Promise<ItemOutcome> {
  const file = getString(kv, 'FILENAME');
  const content = getString(kv, 'CONTENT');
  const there = server.scripts.get(file)?.guid;
  const guid = createHash('sha1').update(content, 'latin1').digest('hex');
  if (there === guid) return Promise.resolve(kept('sieve', file, 'same'));
  if (there !== undefined && job.existing === 'skip') {
    return Promise.resolve(kept('sieve', file, 'kept', 'the server has another script of that name'));
  }
  const isCopy = there !== undefined && job.existing === 'copy';
  const name = isCopy ? file.replace(/(\.script)?$/, '-restored.script') : file;
  if (server.scripts.get(name)?.guid === guid) return Promise.resolve(kept('sieve', name, 'same'));
  const text = printItem('SIEVE', withKeys(kv, { USERID: job.source.userid, FILENAME: name }), 'log');
  return apply(job, { kind: 'sieve', name }, text);
}

function activateScript(job: CyrusJob, server: ServerItems, kv: KeyValues): Promise<ItemOutcome> {
  const file = getString(kv, 'FILENAME');
  const name = scriptName(file);
  if (server.active === name) return Promise.resolve(kept('active script', name, 'same'));
  if (server.active !== undefined && job.existing !== 'replace') {
    return Promise.resolve(kept('active script', name, 'kept', `${server.active} is active on the server`));
  }
  const text = printItem('ACTIVATE_SIEVE', withKeys(kv, { USERID: job.source.userid }), 'log');
  return apply(job, { kind: 'active script', name }, text);
}

function subscribe(job: CyrusJob, server: ServerItems, kv: KeyValues): Promise<ItemOutcome> {
  const name = getString(kv, 'MBOXNAME');
  if (server.subscriptions.has(name)) return Promise.resolve(kept('subscription', name, 'same'));
  const text = printItem('SUB', withKeys(kv, { USERID: job.source.userid }), 'log');
  return apply(job, { kind: 'subscription', name }, text);
}

async function restoreQuota(job: CyrusJob, kv: KeyValues): Promise<ItemOutcome> {
  const root = getString(kv, 'ROOT');
  const answers = await job.client.get(printItem('QUOTA', root, 'log'));
  const there = answers.find(({ name }) => name === 'QUOTA');
  if (there !== undefined) {
    const theirs = toKeyValues(there.value, 'QUOTA');
    const limits = kv.entries.filter(([key]) => key !== 'MODSEQ' && key !== 'ROOT');
    if (limits.every(([key, value]) => theirs.get(key) === value)) return kept('quota', root, 'same');
    if (job.existing !== 'replace') return kept('quota', root, 'kept', 'the server has another limit');
  }
  return apply(job, { kind: 'quota', name: root }, printItem('QUOTA', kv, 'log'));
}

/**
 * Restores the seen state of mailboxes that keep it separately (other users' and shared ones). They
 * are found by uniqueid; if the server has no such mailbox, the state is left out.
 */
async function restoreSeen(job: CyrusJob, server: ServerItems, outcomes: ItemOutcome[]): Promise<void> {
  const ours = job.source.items('seen').map(({ value }) => toKeyValues(parseDlist(value), 'SEEN'));
  const there = await mailboxesByUniqueid(
    job.client,
    ours.map((kv) => getString(kv, 'UNIQUEID')),
  );
  for (const kv of ours) {
    const uniqueid = getString(kv, 'UNIQUEID');
    const mailbox = there.get(uniqueid);
    const theirs = server.seen.get(uniqueid);
    const isSame = theirs !== undefined && theirs.get('SEENUIDS') === kv.get('SEENUIDS');
    if (mailbox === undefined)
      outcomes.push(kept('seen', uniqueid, 'left out', 'no such mailbox on the server'));
    else if (isSame) outcomes.push(kept('seen', mailbox.name, 'same'));
    else if (theirs !== undefined && job.existing !== 'replace' && !job.isFlagsOnly) {
      outcomes.push(kept('seen', mailbox.name, 'kept', 'the server has a seen state of its own'));
    } else {
      const text = printItem('SEEN', withKeys(kv, { USERID: job.source.userid }), 'log');
      outcomes.push(await apply(job, { kind: 'seen', name: mailbox.name }, text));
    }
  }
}

/** Returns a copy of the keys, with some of them replaced or added. */
function withKeys(kv: KeyValues, keys: Readonly<Record<string, string>>): KeyValues {
  return new KeyValues([...kv.entries.filter(([key]) => !(key in keys)), ...Object.entries(keys)]);
}
