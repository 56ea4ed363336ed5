/** The command line of `cyrus-backups search-index`, as data. */
import { defineProgram } from '../../common/commandLine/program.ts';
import { configOption } from '../../common/commonOptions.ts';

export const searchIndexProgram = defineProgram({
  name: 'cyrus-backups search-index',
  summary: 'build the search indexes of backups, or bring them up to date',
  details:
    'What is indexed of whom is configured: `search_index`. A search index is a cache: it may be deleted at any ' +
    'time, and a search reads the messages that it does not have.',
  operands: [{ name: 'USER', isOptional: true, isRepeated: true, completion: 'user' }],
  options: {
    config: configOption,
    isAll: { type: 'flag', short: 'A', long: 'all', help: 'all backups' },
    isRebuilt: { type: 'flag', long: 'rebuild', help: 'delete what is there and build anew' },
    isVerbose: { type: 'flag', short: 'v', long: 'verbose', help: 'print a line for each backup' },
  },
  examples: [{ command: 'cyrus-backups search-index -A', does: 'meant for cron' }],
});
