/**
 * The daemon's log: lines on standard error, which a supervisor (systemd, runit) takes and dates. With `<N>` levels
 * in front where systemd reads along (sd-daemon(3)), so that they are sorted there.
 */
import type { Log } from '../server/options.ts';

/** Control characters from a peer must not forge lines. */
function printable(message: string): string {
  return message.replace(/[\u0000-\u001f\u007f]/g, (c) => (c === '\n' ? ' | ' : '?'));
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
