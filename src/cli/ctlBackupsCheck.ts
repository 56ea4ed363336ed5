/**
 * `ctl_backups verify` and `reindex`: work on one backup under its lock, and the line that says how it went, as
 * the originals print it (cyrus-imapd backup/ctl_backups.c, print_status). Details go to standard output before it; with
 * -j, where that holds nothing but JSON, to standard error.
 */
import { rebuildIndex } from '../backup/openIndex.ts';
import { verifyBackup } from '../backup/verify.ts';
import type { Verification } from '../backup/verify.ts';
import { LockedFile } from '../catalog/lockedFile.ts';
import { BackupError, messageOf } from '../errors.ts';
import { chunks } from '../index/queries.ts';
import type { FoundTarget } from './commonSelect.ts';
import { textOf, writeJson } from './commonText.ts';
import type { CtlOptions, Outcome } from './ctlBackups.ts';
import type { CliIo } from './io.ts';

type Print = (line: string) => void;

export function verifyOne(target: FoundTarget, options: CtlOptions, io: CliIo): Promise<Outcome> {
  return work('verify', target, options, io, async (file, print) => {
    const found = await verifyBackup(file, options.verbosity > 0 ? print : () => undefined);
    if (options.verbosity > 0) printChecks(found, print);
    else for (const line of faultsOf(found)) print(line);
    const faults = found.faultCount;
    return faults === 0 ? null : `${faults} fault${faults === 1 ? '' : 's'} found`;
  });
}

export function reindexOne(target: FoundTarget, options: CtlOptions, io: CliIo): Promise<Outcome> {
  return work('reindex', target, options, io, async (file, print) => {
    // What is damaged stays so whatever index there is: it is said, and the rebuilt index is none the worse.
    const { index, result } = await rebuildIndex(file, print);
    try {
      if (options.verbosity === 0) return null;
      for (const chunk of chunks(index)) print(`found chunk at offset ${chunk.offset}`);
      print(`reached end of file: ${result.chunks} chunks, ${result.messages} messages`);
      return null;
    } finally {
      index.close();
    }
  });
}

/** `task` answers why the backup failed, or null where all is well. */
async function work(
  command: string,
  target: FoundTarget,
  options: CtlOptions,
  io: CliIo,
  task: (file: LockedFile, print: Print) => Promise<string | null>,
): Promise<Outcome> {
  const details = options.isJson ? io.stderr : io.stdout;
  let outcome: Outcome = 'ok';
  let reason: string | null = null;
  try {
    const file = await LockedFile.acquire(target.path, options.waitsForLocks ? { wait: {} } : {});
    try {
      reason = await task(file, (line) => void details.write(`${line}\n`));
    } finally {
      file.release();
    }
    if (reason !== null) outcome = 'failed';
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    outcome = error.kind === 'locked' ? 'locked' : 'failed';
    reason = messageOf(error);
  }
  const status = outcome === 'failed' ? `failed (${reason})` : outcome;
  const userid = target.userid === null ? undefined : textOf(target.userid);
  if (options.isJson) writeJson(io, { command, userid, fname: target.path, status });
  else io.stdout.write(`${command} ${userid ?? target.path}: ${status}\n`);
  return outcome;
}

function* faultsOf(found: Verification): Generator<string> {
  for (const chunk of found.chunks) yield* [...chunk.checksums, ...chunk.messages];
  yield* found.index;
}

/** Each check with its result, as the originals' -v. */
function printChecks(found: Verification, print: Print): void {
  const check = (title: string, faults: readonly string[]): void => {
    print(`checking ${title}...`);
    for (const fault of faults) print(fault);
    print(faults.length === 0 ? 'ok' : 'error');
  };
  for (const chunk of found.chunks) {
    check(`chunk ${chunk.id} checksums`, chunk.checksums);
    check(`chunk ${chunk.id} messages`, chunk.messages);
  }
  check('index against the chunks', found.index);
}
