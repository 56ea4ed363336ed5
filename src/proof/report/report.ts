/**
 * Signed reports: what a prove, a drill or an erasure found or did, kept in the folder `reports`.
 *
 * A report is a text of JSON lines. The first line says what it is and names the SHA-512 of the
 * report before it, so a report that was removed is missed. The last line is the signature over the
 * SHA-512 of all lines before it. Lines are written as they come: a run that was killed leaves an
 * unsigned `.part`.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { BackupError } from '../../errors.ts';
import { AppendedFile } from '../../fs/small/appendedFile.ts';
import { makeFolders } from '../../fs/folders.ts';
import { namesIn, readRegular, renameDurably } from '../../fs/small/wholeFiles.ts';
import { timestampText } from '../../mailbox/timestamp.ts';
import type { SigningKey } from './signingKey.ts';

export type ReportKind = 'prove' | 'drill' | 'erasure';

export interface ReportHead {
  readonly report: ReportKind;
  readonly format: 1;
  /** RFC 3339. */
  readonly started: string;
  readonly program: string;
  /** The SHA-512 of the report before this one; null for the first. */
  readonly previous: string | null;
}

export interface SignatureLine {
  readonly sha512: string;
  /** The fingerprint of the key. */
  readonly key: string;
  readonly signature: string;
}

/** Returns the text that is signed. */
export function signedText(sha512: string): string {
  return `cyrus-backups report sha512:${sha512}\n`;
}

const PART = '.part';
const ENDING = '.report';
const MOST_A_SECOND = 99;

/** Returns the paths of the finished reports, oldest first. */
export function reportPaths(folder: string): string[] {
  const reports = join(folder, 'reports');
  return namesIn(reports)
    .filter((name) => name.endsWith(ENDING))
    .map((name) => join(reports, name));
}

export interface ReportOptions {
  readonly kind: ReportKind;
  /** Name and version. */
  readonly program: string;
  /** Unix seconds. */
  readonly now: number;
  /** Further members of the first line. */
  readonly head: object;
}

export class ReportWriter {
  /** The path that the report has once it is finished. */
  readonly path: string;
  readonly #key: SigningKey;
  readonly #file: AppendedFile;
  readonly #hash = createHash('sha512');

  private constructor(path: string, key: SigningKey, file: AppendedFile) {
    this.path = path;
    this.#key = key;
    this.#file = file;
  }

  static begin(folder: string, key: SigningKey, { kind, program, now, head }: ReportOptions): ReportWriter {
    const reports = join(folder, 'reports');
    makeFolders(reports);
    const last = reportPaths(folder).at(-1);
    const started = timestampText(now);
    const [path, file] = createFree(reports, started.replaceAll(/[-:]/g, ''), kind);
    const writer = new ReportWriter(path, key, file);
    const previous = last === undefined ? null : contentHash(last);
    writer.write({ report: kind, format: 1, started, program, previous, ...head } satisfies ReportHead);
    return writer;
  }

  write(line: object): void {
    const text = `${JSON.stringify(line)}\n`;
    this.#hash.update(text);
    this.#file.append(text);
  }

  /** Signs the report and gives it its name. */
  finish(line: object): void {
    this.write(line);
    const sha512 = this.#hash.digest('hex');
    const signature = this.#key.sign(signedText(sha512));
    const last: SignatureLine = { sha512, key: this.#key.fingerprint, signature };
    this.#file.append(`${JSON.stringify(last)}\n`);
    this.#file.sync();
    this.#file.close();
    renameDurably(`${this.path}${PART}`, this.path);
  }

  /** Leaves the unsigned part of a report that was not finished. */
  abandon(): void {
    this.#file.close();
  }
}

/** Reports of one second are numbered, so that names sort by age. */
function createFree(reports: string, time: string, kind: ReportKind): [path: string, file: AppendedFile] {
  const taken = namesIn(reports);
  for (let count = 1; ; count += 1) {
    const number = `${time}-${String(count).padStart(2, '0')}`;
    if (taken.some((name) => name.startsWith(number))) continue;
    const path = join(reports, `${number}-${kind}${ENDING}`);
    try {
      return [path, AppendedFile.create(`${path}${PART}`)];
    } catch (error) {
      const { code } = (error as { cause?: { code?: unknown } }).cause ?? {};
      if (count >= MOST_A_SECOND || code !== 'EEXIST') throw error;
    }
  }
}

/** Returns the SHA-512 of a report's lines without the signature. Throws 'damaged'. */
export function contentHash(path: string): string {
  const bytes = readRegular(path);
  return createHash('sha512').update(contentOf(bytes, path)).digest('hex');
}

/** Returns the lines in front of the signature. Throws 'damaged' for a file without two lines. */
export function contentOf(bytes: Buffer, path: string): Buffer {
  const end = bytes.lastIndexOf(0x0a, bytes.length - 2);
  if (bytes.at(-1) === 0x0a && end > 0) return bytes.subarray(0, end + 1);
  throw new BackupError('damaged', `${path}: not a whole report`, { subject: path });
}
