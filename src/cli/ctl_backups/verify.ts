/**
 * `ctl_backups verify`: checks one backup under its lock. Prints the faults; with -v, prints each
 * check.
 */
import { rebuildIndex } from '../../backup/openIndex.ts';
import { COMPRESSION_LEVEL } from '../../backup/options.ts';
import { removeUnfinished, repairBackup } from '../../backup/verify/repair.ts';
import { verifyBackup } from '../../backup/verify/verify.ts';
import type { Verification } from '../../backup/verify/verify.ts';
import type { DamagedMessage } from '../../backup/scan/damagedMessages.ts';
import { LockedFile } from '../../fs/lockedFile.ts';
import type { FoundTarget } from '../common/select.ts';
import { textOf } from '../common/text.ts';
import { EMPTY, failed } from './command.ts';
import { recordOutcome } from './run/recorded.ts';
import { underLock } from './run/underLock.ts';
import type { CtlIo, CtlOptions, Ending, Outcome, Print } from './command.ts';

export async function verifyOne(target: FoundTarget, options: CtlOptions, io: CtlIo): Promise<Outcome> {
  let reason: string | undefined;
  const ended = (found: Verification): Ending | null => {
    const ending = endingOf(found);
    reason = ending?.reason;
    return ending;
  };
  const outcome = await underLock('verify', target, options, io, async (file, print) => {
    if (options.verify.repairs) removeUnfinished(target.path);
    const found = await verify(file, options, io, print);
    if (found.faultCount === 0) {
      if (found.chunks.length === 0 && options.verify.level === 'full')
        io.stderr.write(`${target.label}: ${EMPTY}\n`);
      return null;
    }
    if (!options.verify.repairs) return ended(found);
    await repair(file, found, options, print);
    // After a repair, the lock may still be on the old data file, which the repair has replaced.
    const fresh = file.isCurrent() ? file : await LockedFile.acquire(target.path, { wait: {} });
    try {
      return ended(await verify(fresh, options, io, print));
    } finally {
      if (fresh !== file) fresh.release();
    }
  });
  recordOutcome('verify', target, options, { outcome, reason }, io);
  return outcome;
}

async function verify(file: LockedFile, options: CtlOptions, io: CtlIo, print: Print): Promise<Verification> {
  const { onProgress } = io;
  const { level, readsAll, repairs } = options.verify;
  const found = await verifyBackup(file, options.verbosity > 0 ? print : () => undefined, {
    level: repairs ? 'full' : level,
    readsAll,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  if (options.verbosity > 0) printChecks(found, options.verbosity, print);
  else for (const line of faultsOf(found)) print(line);
  return found;
}

function endingOf(found: Verification): Ending | null {
  const { faultCount } = found;
  if (faultCount === 0) return null;
  return {
    ...failed('damaged', `${faultCount} fault${faultCount === 1 ? '' : 's'} found`),
    report: reportOf(found),
  };
}

/**
 * Repairs the data file if chunks are damaged; otherwise rebuilds a faulty index. An unsound index
 * is rebuilt in either case. Messages that are only missing cannot be repaired here.
 */
async function repair(
  file: LockedFile,
  { chunks, index, isIndexUnsound }: Verification,
  { config }: CtlOptions,
  print: Print,
): Promise<void> {
  if (isIndexUnsound) (await rebuildIndex(file, print)).index.close();
  if (chunks.some(({ checksums, messages }) => checksums.length + messages.length > 0)) {
    const kept = await repairBackup(
      file,
      {
        stagingDirectory: config.backup_staging_path,
        compressionLevel: COMPRESSION_LEVEL,
        lockTimeoutMs: 0,
      },
      print,
    );
    print(`repaired, the damaged data file is kept as ${kept}`);
  } else if (index.length > 0) {
    if (!isIndexUnsound) (await rebuildIndex(file, print)).index.close();
    print('the index was built anew');
  }
}

function* faultsOf(found: Verification): Generator<string> {
  for (const { id, checksums, messages } of found.chunks) {
    yield* checksums;
    for (const message of messages) yield messageFault(id, message);
  }
  yield* found.index;
  yield* found.missing;
  yield* found.clock;
}

function messageFault(chunkId: number, { guid }: DamagedMessage): string {
  return `guid mismatch for message ${guid} in chunk ${chunkId}`;
}

/**
 * The steps that -vv prints for a chunk's checksums (cyrus-imapd backup/lcb_verify.c,
 * verify_chunk_checksums).
 */
const CHECKSUM_STEPS = [
  '  checking file checksum...',
  '  checking data length',
  '  checking data checksum...',
];

/**
 * Prints each check with its result, like the originals' -v. Faults of the index belong to no
 * chunk, so they come last.
 */
function printChecks(found: Verification, verbosity: number, print: Print): void {
  const check = (title: string, faults: readonly string[], steps: readonly string[] = []): void => {
    print(`checking ${title}...`);
    for (const line of [...steps, ...faults]) print(line);
    print(faults.length === 0 ? 'ok' : 'error');
  };
  for (const { id, checksums, messages } of found.chunks) {
    check(`chunk ${id} checksums`, checksums, verbosity > 1 ? CHECKSUM_STEPS : []);
    check(
      `chunk ${id} messages`,
      messages.flatMap((message) => [messageFault(id, message), ...placeLines(message)]),
    );
    check(`chunk ${id} mailbox links`, []);
  }
  const ofIndex = [...found.index, ...found.missing];
  if (ofIndex.length > 0) check('index against the chunks', ofIndex);
  if (found.clock.length > 0) check('timestamps', found.clock);
}

function placeLines({ places }: DamagedMessage): string[] {
  if (places.length === 0) return ['  in no mailbox'];
  return places.map(({ mailbox, uid }) => `  ${textOf(mailbox)} uid ${uid}`);
}

/** Builds the JSON report for -j. */
function reportOf({ chunks, index, missing, clock }: Verification): object {
  const damaged = chunks.filter(({ checksums, messages }) => checksums.length + messages.length > 0);
  return {
    damaged_chunks: damaged.map(({ id, offset, checksums }) => ({ id, offset, faults: checksums })),
    damaged_messages: damaged.flatMap(({ id, messages }) =>
      messages.map(({ guid, places }) => ({
        guid,
        chunk: id,
        records: places.map(({ mailbox, uid }) => ({ mboxname: textOf(mailbox), uid })),
      })),
    ),
    index_faults: index,
    missing_messages: missing,
    clock_faults: clock,
  };
}
