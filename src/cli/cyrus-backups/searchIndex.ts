/** `cyrus-backups search-index`: builds the search indexes of backups. */
import { loadConfig } from '../../config/imapdConf.ts';
import { scopeOf } from '../../config/searchScope.ts';
import { BackupError, messageOf } from '../../errors.ts';
import { asOwnerOf } from '../../fs/actAsOwner.ts';
import { buildSearchIndex } from '../../search/build.ts';
import type { BuildResult } from '../../search/build.ts';
import { discardSearchIndex } from '../../search/store/searchIndex.ts';
import type { Parsed } from '../common/commandLine/parse.ts';
import type { CliIo } from '../common/io.ts';
import { TRY_AGAIN } from '../common/exitCodes.ts';
import { usageError } from '../common/run.ts';
import { isFound, selectTargets, storeOf } from '../common/select.ts';
import type { FoundTarget } from '../common/select.ts';
import { humanSize } from '../common/text.ts';
import type { searchIndexProgram } from './programs/searchIndex.ts';

/** Resolves to the exit code: 0; 75 if a backup or message could not be indexed. */
export async function buildSearchIndexes(
  { values, operands }: Parsed<(typeof searchIndexProgram)['options']>,
  io: CliIo,
): Promise<number> {
  const config = loadConfig(values.config);
  if (values.isAll === operands.length > 0) throw usageError('give userids, or --all for all');
  const mode = values.isAll ? 'all' : 'user';
  return asOwnerOf(storeOf(config, mode, operands), async () => {
    let isWell = true;
    for (const target of selectTargets(config, mode, operands)) {
      isWell = isFound(target, io) && index(target) && isWell;
      // Signals are handled between two backups.
      await new Promise(setImmediate);
    }
    return isWell ? 0 : TRY_AGAIN;
  });

  function index({ userid, path, label }: FoundTarget): boolean {
    const say = (text: string): void =>
      void io.stderr.write(`cyrus-backups search-index: ${label}: ${text}\n`);
    try {
      const scope = scopeOf(config, userid ?? '');
      if (values.isRebuilt || scope === 'no') discardSearchIndex(path);
      if (scope === 'no') return true;
      const result = buildSearchIndex(path, { scope });
      if (values.isVerbose) io.stdout.write(`${label}: ${inWords(result)}\n`);
      for (const guid of result.unreadable) say(`message ${guid} cannot be read, and is not indexed`);
      return result.unreadable.length === 0;
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      say(messageOf(error));
      return false;
    }
  }
}

function inWords({ added, removed, bytes }: BuildResult): string {
  return `${added} messages added (${humanSize(bytes)}), ${removed} removed`;
}
