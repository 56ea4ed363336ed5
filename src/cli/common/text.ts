/**
 * Text output of the tools: times as the originals print them (strftime's "%F %T", local time), and
 * byte strings unchanged.
 */
import { decodeMutf7 } from '../../mailbox/mutf7.ts';
import type { CliIo } from './io.ts';

const pad = (value: number, width: number): string => String(value).padStart(width, '0');

/**
 * Formats unix seconds as `YYYY-MM-DD HH:MM:SS` in local time; a number that is no valid date as
 * `@SECONDS`.
 */
export function localTime(unixSeconds: number): string {
  const date = new Date(unixSeconds * 1000);
  if (Number.isNaN(date.getTime())) return `@${unixSeconds}`;
  const day = [pad(date.getFullYear(), 4), pad(date.getMonth() + 1, 2), pad(date.getDate(), 2)];
  const time = [pad(date.getHours(), 2), pad(date.getMinutes(), 2), pad(date.getSeconds(), 2)];
  return `${day.join('-')} ${time.join(':')}`;
}

/** Converts a command-line argument to a byte string, the form of all names in the protocol. */
export function bytesOf(argument: string): string {
  return Buffer.from(argument, 'utf8').toString('latin1');
}

/** Decodes a byte string for people to read or for JSON. Bytes that are not UTF-8 become U+FFFD. */
export function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Writes a byte string's bytes unchanged. */
export function writeBytes(io: CliIo, bytes: string): void {
  io.stdout.write(Buffer.from(bytes, 'latin1'));
}

/**
 * Returns a mailbox's name as it is printed. On a terminal, modified UTF-7 is decoded. Elsewhere
 * the bytes stay as they are, as scripts for the original tools expect them.
 */
export function nameFor(io: CliIo, name: string): string {
  const text = io.stdout.isTTY === true ? decodeMutf7(name) : undefined;
  return text === undefined ? name : bytesOf(text);
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Formats a size for people to read: `1.5 GiB`. */
export function humanSize(sizeBytes: number): string {
  let [size, unit] = [sizeBytes, 0];
  for (; size >= 1024 && unit < UNITS.length - 1; unit += 1) size /= 1024;
  return `${unit === 0 ? String(size) : size.toFixed(1)} ${UNITS[unit]}`;
}
