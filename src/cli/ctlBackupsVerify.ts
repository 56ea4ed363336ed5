/** `ctl_backups verify`: checks one backup under its lock, and prints what is wrong with it, or with -v each check. */
import { verifyBackup } from '../backup/verify.ts';
import type { Verification } from '../backup/verify.ts';
import type { FoundTarget } from './commonSelect.ts';
import { failed, underLock } from './ctlBackupsCommand.ts';
import type { CtlIo, CtlOptions, Outcome, Print } from './ctlBackupsCommand.ts';

export function verifyOne(target: FoundTarget, options: CtlOptions, io: CtlIo): Promise<Outcome> {
  return underLock('verify', target, options, io, async (file, print) => {
    const notice = options.verbosity > 0 ? print : () => undefined;
    const { onProgress } = io;
    const found = await verifyBackup(file, notice, onProgress === undefined ? {} : { onProgress });
    if (options.verbosity > 0) printChecks(found, options.verbosity, print);
    else for (const line of faultsOf(found)) print(line);
    const { faultCount } = found;
    return faultCount === 0 ? null : failed(`${faultCount} fault${faultCount === 1 ? '' : 's'} found`);
  });
}

function* faultsOf(found: Verification): Generator<string> {
  for (const chunk of found.chunks) yield* [...chunk.checksums, ...chunk.messages];
  yield* found.index;
}

/** What -vv says of a chunk's checksums (cyrus-imapd backup/lcb_verify.c, verify_chunk_checksums). */
const CHECKSUM_STEPS = [
  '  checking file checksum...',
  '  checking data length',
  '  checking data checksum...',
];

/** Each check with its result, as the originals' -v. What is wrong with the index is no chunk's: it follows them. */
function printChecks(found: Verification, verbosity: number, print: Print): void {
  const check = (title: string, faults: readonly string[], steps: readonly string[] = []): void => {
    print(`checking ${title}...`);
    for (const line of [...steps, ...faults]) print(line);
    print(faults.length === 0 ? 'ok' : 'error');
  };
  for (const chunk of found.chunks) {
    check(`chunk ${chunk.id} checksums`, chunk.checksums, verbosity > 1 ? CHECKSUM_STEPS : []);
    check(`chunk ${chunk.id} messages`, chunk.messages);
    check(`chunk ${chunk.id} mailbox links`, []);
  }
  if (found.index.length > 0) check('index against the chunks', found.index);
}
