/**
 * Status information for monitoring: `.status.json`, for a user and for the whole mount, and
 * `.metrics`. The text is in latin1.
 */
import { isInFuture, knownSince } from '../../../src/backup/clock.ts';
import { disk } from '../../../src/fs/disk/current.ts';
import { chunkCount, uncompressedBytes } from '../../../src/index/queries/chunks.ts';
import { livingSize } from '../../../src/index/queries/records.ts';
import { firstTimestamp, lastTimestamp } from '../../../src/index/queries/timestamps.ts';
import type { MailView } from '../views/mailView.ts';
import { timestampName } from '../timestampNames.ts';
import type { StructureFolder } from '../views/structure.ts';
import type { TreeContext } from '../userTree.ts';

export function userStatus(view: MailView): string {
  const reader = view.reader();
  const { index } = reader;
  const folders = [...withMailbox(view.structure())];
  const sizes = folders.map(({ mailbox }) => livingSize(index, mailbox?.id ?? 0));
  const time = (moment: number | null): string | null => (moment === null ? null : timestampName(moment));
  return json({
    userid: Buffer.from(view.user.userid, 'latin1').toString('utf8'),
    mailboxes: folders.length,
    messages: sizes.reduce((sum, { messages }) => sum + messages, 0),
    messageBytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
    firstChange: time(firstTimestamp(index)),
    lastChange: time(lastTimestamp(index)),
    ...(isInFuture(lastTimestamp(index)) ? { lastChangeIsInFuture: true } : {}),
    /** The earliest time that `.at` can show. */
    knownSince: time(knownSince(index)),
    chunks: chunkCount(index),
    uncompressedBytes: uncompressedBytes(index),
    dataFileBytes: disk.stat(reader.path)?.size ?? 0,
  });
}

function* withMailbox(folder: StructureFolder): Generator<StructureFolder> {
  if (folder.mailbox !== null) yield folder;
  for (const child of folder.children.values()) yield* withMailbox(child);
}

export interface MountStats {
  readonly startedAtMs: number;
  readonly users: number;
}

export function mountStatus({ handles, settings }: TreeContext, { startedAtMs, users }: MountStats): string {
  return json({
    mountedAt: new Date(startedAtMs).toISOString(),
    moment: settings.at === undefined ? null : timestampName(settings.at),
    view: settings.view,
    users,
    openBackups: handles.openBackups,
    residentBytes: process.memoryUsage.rss(),
  });
}

/** Returns the metrics of the mount in the text format of Prometheus. */
export function mountMetrics({ handles }: TreeContext, { startedAtMs, users }: MountStats): string {
  const gauges: [name: string, help: string, value: number][] = [
    ['users', 'Users in backups.db that this mount shows.', users],
    ['open_backups', 'Backups that the mount holds open.', handles.openBackups],
    ['resident_bytes', 'Resident memory of the mount’s process.', process.memoryUsage.rss()],
    ['start_time_seconds', 'When the mount was started.', Math.floor(startedAtMs / 1000)],
  ];
  const text = gauges.map(([name, help, value]) => {
    const full = `cyrus_backups_mount_${name}`;
    return `# HELP ${full} ${help}\n# TYPE ${full} gauge\n${full} ${value}\n`;
  });
  return latin1(text.join(''));
}

function json(values: Record<string, unknown>): string {
  return latin1(`${JSON.stringify(values, null, 2)}\n`);
}

function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
