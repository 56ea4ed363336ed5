/** The options of ctl_backups, as data. */
import { VERIFY_LEVELS } from '../../../backup/options.ts';
import type { Options } from '../../common/commandLine/program.ts';
import { configOption, modeOptions, MODES } from '../../common/commonOptions.ts';

/** Commands that only read any number of backups. */
export const INSPECT = ['list', 'stat'] as const;
/** Commands that lock each backup and work on it. */
export const WORK = ['compact', 'verify', 'reindex', 'retime'] as const;
const EACH = [...INSPECT, ...WORK];
/** Commands for one backup. */
const NAMED = [...EACH, 'lock', 'move', 'delete'];

export const options = {
  config: configOption,
  force: {
    type: 'flag',
    short: 'F',
    long: 'force',
    of: ['compact', 'delete', 'reconstruct'],
    isIgnoredElsewhere: true,
    help:
      '`compact`: whatever there is to do; `delete`: without asking; ' +
      '`reconstruct`: put in order what it would only report',
  },
  stopsOnError: {
    type: 'flag',
    short: 'S',
    long: 'stop-on-error',
    of: EACH,
    isIgnoredElsewhere: true,
    help: 'stop at the first backup that fails',
    more: 'A backup that is locked does not count.',
  },
  noChecksums: {
    type: 'flag',
    short: 'V',
    long: 'no-checksums',
    of: INSPECT,
    isIgnoredElsewhere: true,
    help: 'do not verify checksums, which `list` and `stat` never do',
    more: '`verify` always does.',
  },
  json: {
    type: 'flag',
    short: 'j',
    long: 'json',
    of: [...NAMED, 'rename', 'reconstruct'],
    isIgnoredElsewhere: true,
    help: 'print JSON objects; not with `-v`',
    more:
      'Objects follow one another. Those of `list` have `timestamp`, `compressed`, `userid` and `fname`; ' +
      'those of `stat` have `userid`, `fname`, `compressed`, `uncompressed`, `compactable`, ' +
      '`compression_ratio`, `utilisation_ratio`, `last_start_time` and `last_end_time`; all others have ' +
      '`command`, `userid`, `fname` and `status`. Where `verify` fails, they also have `damaged_chunks`, ' +
      '`damaged_messages` (each with its `records` as `mboxname` and `uid`), `index_faults` and ' +
      '`missing_messages`. With `-f` there is no `userid`. Details go to standard error.',
  },
  verbose: {
    type: 'count',
    short: 'v',
    long: 'verbose',
    help: 'say more; repeat it for more',
  },
  waits: {
    type: 'flag',
    short: 'w',
    long: 'wait',
    of: [...WORK, 'lock', 'move', 'rename', 'delete'],
    isIgnoredElsewhere: true,
    help: 'wait for locks; without it, locked backups are skipped',
  },
  isHuman: {
    type: 'flag',
    long: 'human',
    of: INSPECT,
    help: 'print sizes with units, under headings, in columns',
  },
  isColoured: { type: 'flag', long: 'colour', help: 'print the results in colours' },
  level: {
    type: 'choice',
    long: 'level',
    argument: 'LEVEL',
    values: VERIFY_LEVELS,
    default: 'full',
    of: ['verify'],
    help: 'how much is checked',
    more:
      "`quick` checks the last chunk's checksum. `checksums` checks that of every chunk, which takes as " +
      'long as reading the file. `full` checks everything, message by message, and the index against it. ' +
      'Where a checksum is wrong, each level goes on as `full`, which names the messages.',
  },
  readsAll: {
    type: 'flag',
    long: 'read-all',
    of: ['verify'],
    help: 'read every message once more, as the mount and restore would',
  },
  repairs: {
    type: 'flag',
    long: 'repair',
    of: ['verify'],
    help: 'remove what is damaged, keep what is whole',
  },
  mayForceClock: {
    type: 'flag',
    long: 'force-clock',
    of: ['compact', 'retime'],
    help: 'the clock is right, although no backup has a line of the last days',
  },
  mayDropMost: {
    type: 'flag',
    long: 'force-drop',
    of: ['compact'],
    help: 'compact even if all messages of a backup, or nearly all, would go',
  },
  jobs: {
    type: 'number',
    long: 'jobs',
    argument: 'N',
    least: 1,
    of: WORK,
    help: 'work on N backups at a time (default: the number of processors)',
    more: 'The output and its order are the same. With `-S`, it is one backup at a time.',
  },
  staleHours: {
    type: 'number',
    short: 't',
    long: 'stale',
    argument: 'HOURS',
    least: 1,
    alone: 24,
    of: ['list'],
    isIgnoredElsewhere: true,
    help: 'only backups without an update in so many hours (24 if it is the last word)',
  },
  isNew: {
    type: 'flag',
    short: 'c',
    long: 'create',
    of: ['lock'],
    isIgnoredElsewhere: true,
    help: 'create the backup, which must not exist',
    more: 'With `-f`, create a data file that no user has.',
  },
  untilEof: {
    type: 'flag',
    short: 'p',
    of: ['lock'],
    help: 'hold the lock until standard input ends (the default)',
  },
  sqlite: {
    type: 'flag',
    short: 's',
    of: ['lock'],
    help: 'hold the lock while sqlite3 is open on the index',
  },
  exec: {
    type: 'text',
    short: 'x',
    argument: 'COMMAND',
    of: ['lock'],
    help: 'hold the lock while COMMAND runs in the shell',
  },
  isDryRun: {
    type: 'flag',
    short: 'n',
    long: 'dry-run',
    of: ['reconstruct'],
    help: 'only say what would be done',
  },
  all: { type: 'flag', short: 'A', long: 'all', group: MODES, of: EACH, help: 'all backups; no names' },
  domain: {
    type: 'flag',
    short: 'D',
    long: 'domain',
    group: MODES,
    of: EACH,
    help: 'domains',
    more: 'A userid without a domain is in `defaultdomain`.',
  },
  prefix: {
    type: 'flag',
    short: 'P',
    long: 'prefix',
    group: MODES,
    of: EACH,
    help: 'beginnings of userids',
  },
  file: { ...modeOptions.file, of: NAMED },
  mailbox: { ...modeOptions.mailbox, of: NAMED },
  user: { ...modeOptions.user, of: NAMED },
} as const satisfies Options;
