/**
 * Records in the status store what a command found for a user, so that `list`, the metrics and
 * `cyrus-backups check --nagios` can show it. The store is a cache: whatever goes wrong with it is
 * a line on standard error, and the command's outcome stays what it is.
 */
import { requireBackupDatabase } from '../../../config/imapdConf.ts';
import { StatusWriter } from '../../../status/statusWriter.ts';
import type { FoundTarget } from '../../common/select.ts';
import type { CtlIo, CtlOptions, Outcome } from '../command.ts';

const FLUSH_MS = 1000;

/** Open writers, by the path of backups.db. */
const writers = new Map<string, StatusWriter>();

export interface Found {
  readonly outcome: Outcome;
  readonly reason?: string | undefined;
}

/** A backup that was locked was not looked at, so that is no result. */
export function recordOutcome(
  kind: 'verify' | 'compact',
  { userid }: FoundTarget,
  { config }: CtlOptions,
  { outcome, reason }: Found,
  io: CtlIo,
): void {
  if (userid === null || outcome.status === 'locked') return;
  const isOk = outcome.status !== 'failed';
  const at = Date.now() / 1000;
  writerOf(requireBackupDatabase(config), io).recordResult({ userid, kind, isOk, at, reason });
}

function writerOf(backupsDb: string, io: CtlIo): StatusWriter {
  let writer = writers.get(backupsDb);
  if (writer === undefined) {
    writer = StatusWriter.open(backupsDb, {
      warn: (reason) => void io.stderr.write(`ctl_backups: ${reason}\n`),
    });
    writer.flushEvery(FLUSH_MS);
    writers.set(backupsDb, writer);
  }
  return writer;
}

/** Call before the process, or its work on a store, ends. */
export function closeRecorded(): void {
  for (const writer of writers.values()) writer.close();
  writers.clear();
}
