/**
 * The daemon's log: lines on standard error, which a supervisor (systemd, runit) takes and dates. With `<N>` levels
 * in front where systemd reads along (sd-daemon(3)), so that they are sorted there.
 */
import type { Log } from '../server/options.ts';

/** What is said of a peer may quote it: a name of a megabyte is not for a log, whose reader the process waits for. */
const MOST_CHARS = 4096;

/** Control characters from a peer must not forge lines. */
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
