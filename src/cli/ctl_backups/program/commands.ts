/** The commands of ctl_backups, as data. */
import type { CommandSpec, OperandSpec } from '../../common/commandLine/program.ts';

const backups: readonly OperandSpec[] = [
  { name: 'BACKUP', isOptional: true, isRepeated: true, completion: 'user' },
];
const backup: OperandSpec = { name: 'BACKUP', completion: 'user' };

export const commands = {
  list: {
    summary: 'show when each backup was last written, and its size',
    operands: backups,
    examples: [
      { command: 'ctl_backups list --human', does: 'all backups, with units and columns' },
      { command: 'ctl_backups list -t 24', does: 'backups without an update in the last 24 hours' },
    ],
  },
  stat: {
    summary: 'show how large each backup is, and how much of it is still needed',
    operands: backups,
    examples: [{ command: 'ctl_backups stat --human -A', does: 'all backups' }],
  },
  compact: {
    summary: 'rewrite each backup without what its retention no longer needs',
    operands: backups,
    examples: [
      { command: 'ctl_backups compact -A', does: 'all backups; the usual job at night' },
      { command: 'ctl_backups -v compact anne', does: "anne's backup, and say what is done" },
    ],
  },
  verify: {
    summary: 'read each backup and check it, byte by byte',
    operands: backups,
    examples: [
      { command: 'ctl_backups verify -A', does: 'all backups' },
      { command: 'ctl_backups verify --repair anne', does: "mend anne's backup" },
    ],
  },
  reindex: {
    summary: 'rebuild the index of each backup from its data file',
    operands: backups,
    examples: [{ command: 'ctl_backups reindex anne', does: "anne's backup" }],
  },
  retime: {
    summary: 'repair backups that were written while the clock was ahead',
    operands: backups,
    examples: [{ command: 'ctl_backups retime -A', does: 'all backups, once the clock is right' }],
  },
  lock: {
    summary: 'hold the lock of one backup while something else works on its files',
    operands: [backup],
    examples: [
      {
        command: `ctl_backups lock -x 'cp "$ctl_backups_lock_data_fname" /tmp' anne`,
        does: "copy anne's data file",
      },
    ],
  },
  move: {
    summary: 'move one backup to another partition',
    operands: [backup, { name: 'PARTITION', completion: 'partition' }],
    examples: [{ command: 'ctl_backups move anne archive', does: 'to backuppartition-archive' }],
  },
  rename: {
    summary: "give one user's backup, with all its history, to another userid",
    operands: [
      { name: 'OLD', completion: 'user' },
      { name: 'NEW', completion: 'user' },
    ],
    examples: [{ command: 'ctl_backups rename anne anna', does: 'what anne had is now of anna' }],
  },
  delete: {
    summary: 'remove one backup for good',
    operands: [backup],
    examples: [{ command: 'ctl_backups delete anne', does: 'asks first, and wants the name again' }],
  },
  reconstruct: {
    summary: 'make backups.db agree with the files on the partitions',
    operands: [],
    examples: [{ command: 'ctl_backups reconstruct -n', does: 'only say what would be done' }],
  },
  retention: {
    summary: 'show or set how long a user or a domain keeps what was deleted',
    operands: [
      { name: 'USER|@DOMAIN', isOptional: true, completion: 'user' },
      { name: 'DURATION|default', isOptional: true },
    ],
    examples: [
      { command: 'ctl_backups retention', does: 'show all rules and holds' },
      { command: 'ctl_backups retention @example.com 365d', does: 'a year for a domain' },
    ],
  },
  hold: {
    summary: "drop nothing of a user's backup from now on",
    operands: [
      { name: 'USER', completion: 'user' },
      { name: 'REASON', isOptional: true, isRepeated: true },
    ],
    examples: [{ command: 'ctl_backups hold anne case 17', does: 'with a reason' }],
  },
  release: {
    summary: 'end a hold',
    operands: [{ name: 'USER', completion: 'user' }],
    examples: [{ command: 'ctl_backups release anne', does: 'the retention counts again' }],
  },
} as const satisfies Record<string, CommandSpec>;
