/**
 * The daemon's log: lines on standard error, which a supervisor (systemd, runit) collects and
 * dates. Under systemd each line begins with its level as `<N>` (sd-daemon(3)), so that the journal
 * can sort by it.
 */
import type { Log } from '../../server/options.ts';

/**
 * The greatest length of a logged message. A message may quote a peer, and the process blocks until
 * the reader of the log takes the message. So a name of a megabyte must not reach the log.
 */
const MOST_CHARS = 4096;

/** Replaces control characters, so that a peer cannot forge log lines. */
function printable(message: string): string {
  const shown = message.length <= MOST_CHARS ? message : `${message.slice(0, MOST_CHARS)}...`;
  return shown.replace(/[\u0000-\u001f\u007f]/g, (c) => (c === '\n' ? ' | ' : '?'));
}

export function createLog(prefix: string, withDebug: () => boolean, write: (line: string) => void): Log {
  const isJournal = process.env['JOURNAL_STREAM'] !== undefined;
  const at =
    (level: number) =>
    (message: string): void =>
      write(`${isJournal ? `<${level}>` : ''}${prefix}: ${printable(message)}\n`);
  const debug = at(7);
  return {
    error: at(3),
    warn: at(4),
    info: at(6),
    debug: (message) => {
      if (withDebug()) debug(message);
    },
  };
}
