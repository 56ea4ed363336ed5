/** Checks a signed report: that nobody has changed it, and that none before it is missing. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { BackupError } from '../../errors.ts';
import { readRegular } from '../../fs/small/wholeFiles.ts';
import { contentHash, contentOf, reportPaths, signedText } from './report.ts';
import type { ReportHead, SignatureLine } from './report.ts';
import { isSignedBy } from './signingKey.ts';
import type { PublicKey } from './signingKey.ts';

export interface ReportFile {
  readonly path: string;
  readonly head: ReportHead;
  /** The lines between the first one and the signature. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  readonly sha512: string;
  readonly signature: SignatureLine;
}

/** Reads a report without checking its signature. Throws 'damaged'. */
export function readReport(path: string): ReportFile {
  const bytes = readRegular(path);
  const content = contentOf(bytes, path);
  const text = content.toString().split('\n').slice(0, -1);
  const parsed = [...text, bytes.subarray(content.length).toString()].map((line) => objectIn(line, path));
  const head = parsed[0] as unknown as ReportHead;
  const signature = parsed.at(-1) as unknown as SignatureLine;
  if (head.format !== 1 || typeof head.report !== 'string' || typeof signature.signature !== 'string')
    throw new BackupError('damaged', `${path}: not a report`, { subject: path });
  const sha512 = createHash('sha512').update(content).digest('hex');
  return { path, head, lines: parsed.slice(1, -1), sha512, signature };
}

function objectIn(line: string, path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new BackupError('damaged', `${path}: a line is no JSON object`, { subject: path });
}

/** Throws 'damaged' if the report was changed, or was signed with another key. */
export function verifyReport(report: ReportFile, key: PublicKey): void {
  const { path, sha512, signature } = report;
  const wrong = (why: string): BackupError =>
    new BackupError('damaged', `${path}: ${why}`, { subject: path });
  if (signature.key !== key.fingerprint)
    throw wrong(`signed with the key ${signature.key}, not with ${key.fingerprint}`);
  if (signature.sha512 !== sha512) throw wrong('its lines are not those that were signed');
  if (!isSignedBy(key, signedText(sha512), signature.signature)) throw wrong('the signature is wrong');
}

/** Checks all reports of a folder, and that each names the one before it. Returns the faults. */
export function verifyChain(
  folder: string,
  key: PublicKey,
): { readonly checked: number; readonly faults: string[] } {
  const faults: string[] = [];
  // Old reports may have been deleted: the first one that is left may name any before it.
  let previous: string | null | undefined;
  const paths = reportPaths(folder);
  for (const path of paths) {
    try {
      const report = readReport(path);
      verifyReport(report, key);
      if (previous !== undefined && report.head.previous !== previous)
        faults.push(`${basename(path)}: the report before it was removed or replaced`);
      previous = report.sha512;
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      faults.push(error.message);
      previous = hashOf(path);
    }
  }
  return { checked: paths.length, faults };
}

function hashOf(path: string): string | null {
  try {
    return contentHash(path);
  } catch {
    return null;
  }
}
