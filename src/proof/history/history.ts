/**
 * The history of a mailbox or of a message: when it came, changed, moved and went. It follows from
 * the versions in the index, so it reaches back to the horizon of the last compaction.
 */
import { parseState } from '../../index/fold/state.ts';
import { mailboxTurnover, mailboxVersions, messageVersions } from '../../index/queries/past/history.ts';
import type { RecordVersion } from '../../index/queries/past/history.ts';
import type { IndexFile } from '../../index/store/indexFile.ts';
import type { Mailbox } from '../../index/types.ts';
import { deletedAtOf } from '../../mailbox/names.ts';
import { printDlist } from '../../protocol/print.ts';

export interface HistoryEvent {
  /** Unix seconds: when the master reported it. */
  readonly time: number;
  readonly event:
    | 'came'
    | 'moved'
    | 'flags'
    | 'went'
    | 'back'
    | 'created'
    | 'renamed'
    | 'deleted'
    | 'settings'
    | 'messages';
  /** Internal name of the mailbox at that time. */
  readonly mailbox: string;
  readonly uid?: number;
  /** What exactly: flags, the name before, the setting. */
  readonly detail?: string;
}

/** A copy that comes so soon after a copy went, or before, is a move. */
const MOVE_SECONDS = 5;

/** Returns what happened to a message and to the mailboxes while they held it, oldest first. */
export function messageHistory(index: IndexFile, messageId: number, deletedPrefix: string): HistoryEvent[] {
  const events: HistoryEvent[] = [];
  const records = new Map<string, RecordVersion[]>();
  for (const version of messageVersions(index, messageId)) {
    const key = `${version.mailboxId} ${version.uid}`;
    const known = records.get(key);
    if (known === undefined) records.set(key, [version]);
    else known.push(version);
  }
  const gone = [...records.values()].flatMap((versions) =>
    versions.filter(({ expunged }) => expunged !== null),
  );
  for (const versions of records.values()) {
    const [first] = versions;
    if (first === undefined) continue;
    const mailboxes = mailboxVersions(index, first.mailboxId);
    events.push(...recordEvents(index, versions, mailboxes, gone));
    const end = versions.at(-1)?.expunged ?? Infinity;
    for (const event of mailboxEvents(mailboxes, deletedPrefix)) {
      const isHolding = event.time > first.since && event.time < end;
      if (isHolding && (event.event === 'renamed' || event.event === 'deleted')) events.push(event);
    }
  }
  return events.toSorted((a, b) => a.time - b.time);
}

function* recordEvents(
  index: IndexFile,
  versions: readonly RecordVersion[],
  mailboxes: readonly Mailbox[],
  gone: readonly RecordVersion[],
): Generator<HistoryEvent> {
  let before: RecordVersion | undefined;
  for (const version of versions) {
    const { uid, since: time, flags, expunged } = version;
    const place = { time, uid, mailbox: nameAt(mailboxes, time) };
    if (before === undefined && expunged === null) {
      const from = gone.find(
        (other) =>
          other.mailboxId !== version.mailboxId && Math.abs((other.expunged ?? 0) - time) <= MOVE_SECONDS,
      );
      const source = from === undefined ? undefined : nameAt(mailboxVersions(index, from.mailboxId), time);
      const detail = `flags (${flags})`;
      if (source === undefined) yield { ...place, event: 'came', detail };
      else yield { ...place, event: 'moved', detail: `from ${source}, ${detail}` };
    } else if (expunged !== null && (before?.expunged ?? null) === null) yield { ...place, event: 'went' };
    else if (expunged === null && before?.expunged != null) yield { ...place, event: 'back' };
    else if (before !== undefined && before.flags !== flags)
      yield { ...place, event: 'flags', detail: flagChange(before.flags, flags) };
    before = version;
  }
}

function nameAt(versions: readonly Mailbox[], time: number): string {
  return (versions.findLast(({ since }) => since <= time) ?? versions[0])?.name ?? '';
}

/** Formats a change of flags: `+\Seen -\Flagged`. */
function flagChange(before: string, after: string): string {
  const [old, now] = [before, after].map((flags) => new Set(flags.split(' ').filter((flag) => flag !== '')));
  const added = [...(now ?? [])].filter((flag) => old?.has(flag) !== true).map((flag) => `+${flag}`);
  const removed = [...(old ?? [])].filter((flag) => now?.has(flag) !== true).map((flag) => `-${flag}`);
  return [...added, ...removed].join(' ');
}

/** Returns what happened to a mailbox itself, and how many messages came, went and changed. */
export function mailboxHistory(index: IndexFile, mailboxId: number, deletedPrefix: string): HistoryEvent[] {
  const versions = mailboxVersions(index, mailboxId);
  const events = [...mailboxEvents(versions, deletedPrefix)];
  for (const { time, came, went, changed } of mailboxTurnover(index, mailboxId)) {
    const parts = [
      ...(came > 0 ? [`${came} came`] : []),
      ...(went > 0 ? [`${went} went`] : []),
      ...(changed > 0 ? [`${changed} changed`] : []),
    ];
    if (parts.length > 0)
      events.push({ time, event: 'messages', mailbox: nameAt(versions, time), detail: parts.join(', ') });
  }
  return events.toSorted((a, b) => a.time - b.time);
}

/** Keys of a mailbox's state that an administrator or a user sets. */
const SETTINGS = ['ACL', 'OPTIONS', 'MBOXTYPE', 'QUOTAROOT', 'ANNOTATIONS', 'UIDVALIDITY'] as const;

function* mailboxEvents(versions: readonly Mailbox[], deletedPrefix: string): Generator<HistoryEvent> {
  let before: Mailbox | undefined;
  for (const version of versions) {
    const { name, since: time, deleted } = version;
    if (before === undefined) yield { time, event: 'created', mailbox: name };
    else {
      if (before.name !== name) yield renameEvent(before.name, name, time, deletedPrefix);
      if (before.deleted === null && deleted !== null)
        yield { time, event: 'deleted', mailbox: name, detail: 'for good' };
      if (before.deleted !== null && deleted === null) yield { time, event: 'back', mailbox: name };
      for (const change of settingChanges(before, version))
        yield { time, event: 'settings', mailbox: name, detail: change };
    }
    before = version;
  }
}

function renameEvent(from: string, to: string, time: number, deletedPrefix: string): HistoryEvent {
  const isDeletion =
    deletedAtOf(to, deletedPrefix) !== undefined && deletedAtOf(from, deletedPrefix) === undefined;
  if (isDeletion) return { time, event: 'deleted', mailbox: from, detail: `now ${to}` };
  return { time, event: 'renamed', mailbox: to, detail: `from ${from}` };
}

function settingChanges(before: Mailbox, after: Mailbox): string[] {
  if (before.state === after.state) return [];
  const [old, now] = [parseState(before.state), parseState(after.state)];
  return SETTINGS.flatMap((key) => {
    const [was, is] = [old, now].map((state) =>
      printDlist(state.get(key) ?? null, 'log').replaceAll('\t', ' '),
    );
    return was === is ? [] : [`${key} ${was} -> ${is}`];
  });
}
