/**
 * A daemon's log: one line an event. Under systemd each line begins with its level as `<N>`
 * (sd-daemon(3)), so that the journal can sort by it, and has no time, which the journal adds.
 */
import { disk } from '../fs/disk/current.ts';
import { EVENTS } from './events.ts';
import type { Level, Log } from './events.ts';
import { jsonLine, logfmtLine, textLine } from './format.ts';

export type LogFormat = 'text' | 'logfmt' | 'json';

/** The priorities of syslog(3). */
export const PRIORITY: Record<Level, number> = { error: 3, warn: 4, info: 6, debug: 7 };

export interface LogOptions {
  /** The name of the program. */
  readonly prefix: string;
  readonly format: () => LogFormat;
  readonly withDebug: () => boolean;
  readonly isJournal: boolean;
  /** Receives whole lines with their line ends. */
  readonly write: (line: string) => void;
}

export function createLog({ prefix, format, withDebug, isJournal, write }: LogOptions): Log {
  return {
    write(event, fields, where = {}) {
      const { level } = EVENTS[event];
      if (level === 'debug' && !withDebug()) return;
      const kind = format();
      const time = isJournal ? undefined : new Date().toISOString();
      const line = { time, level, event, fields, where };
      let text = `${prefix}: ${textLine(event, fields, where)}`;
      if (kind === 'logfmt') text = logfmtLine(line);
      else if (kind === 'json') text = jsonLine(line);
      write(`${isJournal ? `<${PRIORITY[level]}>` : ''}${text}\n`);
    },
  };
}

/**
 * Reports whether a descriptor leads to the journal: JOURNAL_STREAM names its device and inode
 * (systemd.exec(5)). A process that redirected its output inherits the variable all the same.
 */
export function isJournalStream(fd: number, environment: NodeJS.ProcessEnv = process.env): boolean {
  const [device, inode] = (environment['JOURNAL_STREAM'] ?? '').split(':');
  if (device === undefined || inode === undefined) return false;
  try {
    const stats = disk.exactFstat(fd);
    return stats.dev === BigInt(device) && stats.ino === BigInt(inode);
  } catch {
    return false; // the descriptor is closed, or the variable is not numbers
  }
}
