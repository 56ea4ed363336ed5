/**
 * `ctl_backups stat`: prints how large a backup is, and how much of it is still needed. Takes no
 * lock. Reads only the index, if this program wrote it. For a backup that has not changed since the
 * last run, reads only the stats cache (src/index/store/statsCache.ts).
 *
 * "Compactable" has the meaning of the original tool: the total size of all messages that have a
 * living record, or a record that was expunged within the retention. Utilisation is its share of
 * the uncompressed size.
 */
import { futureNote, isInFuture } from '../../backup/clock.ts';
import { sizeStats } from '../../backup/admin/backupStats.ts';
import type { SizeStats } from '../../backup/admin/backupStats.ts';
import type { Config } from '../../config/imapdConf.ts';
import { retainedSince, retentionRules } from '../../config/retentionRules.ts';
import type { RetentionRules } from '../../config/retentionRules.ts';
import { Real, writeJson } from '../common/json.ts';
import type { FoundTarget } from '../common/select.ts';
import { statusObject } from '../common/statusObject.ts';
import { humanSize, localTime, textOf } from '../common/text.ts';
import { failedToShow, OK } from './command.ts';
import type { CtlIo, CtlOptions, Outcome } from './command.ts';

interface BackupStats {
  readonly compressed: number;
  readonly uncompressed: number;
  readonly compactable: number;
  readonly missing: number;
  /** The utilisation, in percent. */
  readonly compression: number;
  readonly utilisation: number;
  readonly start: string;
  readonly end: string;
}

export async function statOne(target: FoundTarget, options: CtlOptions, io: CtlIo): Promise<Outcome> {
  const name = textOf(target.userid ?? '') || target.path;
  try {
    const since = retainedSince(options.config, target.userid, rulesOf(options.config));
    const sizes = sizeStats(target.path, since, io.figures ?? null);
    const known = sizes instanceof Promise ? await sizes : sizes;
    if (isInFuture(known.lastEnd)) io.stderr.write(`${target.label}: ${futureNote(known.lastEnd)}\n`);
    const figures = statsOf(known);
    if (options.isJson) writeJson(io, { ...asObject(target, figures), status: statusOf(target, io) });
    else io.stdout.write(options.isHuman ? humanLine(name, figures) : line(name, figures));
    return OK;
  } catch (error) {
    return failedToShow(error, target, io);
  }
}

function statusOf({ userid }: FoundTarget, { status }: CtlIo): object | undefined {
  return userid === null || status === undefined ? undefined : statusObject(status.readUser(userid));
}

/** The retention rules, which are read once for all backups of a run. */
const knownRules = new WeakMap<Config, RetentionRules>();

function rulesOf(config: Config): RetentionRules {
  const rules = knownRules.get(config) ?? retentionRules(config);
  knownRules.set(config, rules);
  return rules;
}

function statsOf(sizes: SizeStats): BackupStats {
  return {
    compressed: sizes.compressedBytes,
    uncompressed: sizes.uncompressedBytes,
    compactable: sizes.neededBytes,
    missing: sizes.missingCount,
    compression: percent(sizes.compressedBytes, sizes.uncompressedBytes),
    utilisation: percent(sizes.neededBytes, sizes.uncompressedBytes),
    start: sizes.lastStart === null ? '[unknown]' : localTime(sizes.lastStart),
    end: sizes.lastEnd === null ? '[unknown]' : localTime(sizes.lastEnd),
  };
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : (100 * part) / whole;
}

function line(name: string, figures: BackupStats): string {
  const sizes = [figures.compressed, figures.uncompressed, figures.compactable];
  const ratios = [figures.compression, figures.utilisation].map(
    (ratio) => `${ratio.toFixed(1).padStart(6)}%`,
  );
  return `${[name, ...sizes, ...ratios, figures.start.padStart(21), figures.end].join('\t')}\n`;
}

const humanColumns = (name: string, figures: readonly string[]): string =>
  [name.padEnd(30), ...figures.map((figure) => figure.padStart(12))].join('');

export const statHeading = `${humanColumns('backup', [
  'compressed',
  'plain',
  'needed',
  'compressed',
  'needed',
])}  last chunk\n`;

function humanLine(name: string, figures: BackupStats): string {
  const sizes = [figures.compressed, figures.uncompressed, figures.compactable].map(humanSize);
  const ratios = [figures.compression, figures.utilisation].map((ratio) => `${ratio.toFixed(1)} %`);
  return `${humanColumns(name, [...sizes, ...ratios])}  ${figures.end}\n`;
}

function asObject(target: FoundTarget, figures: BackupStats): object {
  return {
    userid: target.userid === null ? undefined : textOf(target.userid),
    fname: target.path,
    compressed: figures.compressed,
    uncompressed: figures.uncompressed,
    compactable: figures.compactable,
    compression_ratio: new Real(figures.compression),
    utilisation_ratio: new Real(figures.utilisation),
    last_start_time: figures.start,
    last_end_time: figures.end,
    missing_messages: figures.missing === 0 ? undefined : figures.missing,
  };
}
