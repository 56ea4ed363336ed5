/**
 * The syntax of imapd.conf, as cyrus-imapd lib/libconfig.c reads it:
 *
 * - Options are `key: value` lines; `#` begins a comment line.
 * - A backslash at the end of a line joins the next line to it.
 * - `@include: path` is replaced by the content of another file.
 * - Keys are lower-cased, white space around values is dropped, and quotes have no meaning.
 *
 * As in Cyrus, the relative path of an include is relative to the working directory, and no file
 * may be read twice.
 */
import { resolve } from 'node:path';
import { BackupError, systemReason } from '../errors.ts';
import { disk } from '../fs/disk/current.ts';

export interface Setting {
  key: string;
  /** The value, decoded as UTF-8. Protocol strings, in contrast, have one byte per UTF-16 unit. */
  value: string;
  file: string;
  /** The number of the setting's last line, counted from 1. */
  line: number;
}

export function configError(file: string, line: number, what: string): BackupError {
  return new BackupError('config', `${file}, line ${line}: ${what}`, { subject: file });
}

function readText(path: string): string {
  try {
    return disk.readFile(path).toString('utf8');
  } catch (cause) {
    const cure = 'name another file with -C, or write one with cyrus-backups setup';
    throw new BackupError(
      'config',
      `cannot read the configuration ${path}: ${systemReason(cause)}: ${cure}`,
      {
        cause,
        subject: path,
      },
    );
  }
}

/** Yields lines joined at their backslashes, each with the number of its last physical line. */
function* logicalLines(text: string): Generator<[string, number]> {
  let joined = '';
  let number = 0;
  for (const line of text.replace(/\n$/, '').split('\n')) {
    number++;
    joined += line;
    if (joined.endsWith('\\')) joined = joined.slice(0, -1);
    else {
      yield [joined, number];
      joined = '';
    }
  }
  if (joined !== '') yield [joined, number];
}

function parseLine(text: string, file: string, line: number): Setting | null {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed.startsWith('#')) return null;
  const match = /^(@?[A-Za-z0-9_-]*):\s*(.*)$/s.exec(trimmed);
  if (match === null)
    throw configError(file, line, `not a line of the form "option: value": ${trimmed.slice(0, 80)}`);
  const key = (match[1] as string).toLowerCase();
  const value = match[2] as string;
  if (value === '') throw configError(file, line, `${key} has no value`);
  return { key, value, file, line };
}

/**
 * Yields all settings of a file and of the files that it includes, in order. `beforeReading` is
 * called with each file's path, and may refuse the file by throwing.
 */
export function* readSettings(
  path: string,
  read: Set<string> = new Set(),
  beforeReading: (path: string) => void = () => undefined,
): Generator<Setting> {
  const file = resolve(path);
  if (read.has(file)) throw new BackupError('config', `${file} is included twice`, { subject: file });
  read.add(file);
  beforeReading(file);
  for (const [text, line] of logicalLines(readText(file))) {
    const setting = parseLine(text, file, line);
    if (setting === null) continue;
    if (setting.key === '@include') yield* readSettings(setting.value, read, beforeReading);
    else if (setting.key.startsWith('@')) throw configError(file, line, `unknown directive ${setting.key}`);
    else yield setting;
  }
}
