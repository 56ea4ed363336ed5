/** The command line of `cyrus-backups check`, as data. */
import { defineProgram } from '../../common/commandLine/program.ts';
import { configOption } from '../../common/commonOptions.ts';

export const checkProgram = defineProgram({
  name: 'cyrus-backups check',
  summary: 'look at a configuration and a store, and say what is wrong and what to do',
  operands: [],
  options: {
    config: configOption,
    listen: {
      type: 'list',
      long: 'listen',
      argument: 'ADDRESS',
      help: `an address at which backupd should answer, as in its own option; repeat it for more (default: backup_listen of the configuration)`,
    },
    json: { type: 'flag', short: 'j', long: 'json', help: 'print the findings as JSON' },
    isNagios: {
      type: 'flag',
      long: 'nagios',
      help: 'print one line with performance data, as monitoring plugins do; the exit code is 0 (OK), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN)',
    },
    warningHours: {
      type: 'number',
      long: 'warning',
      argument: 'HOURS',
      least: 0,
      default: 26,
      help: 'with `--nagios`: warn if a user was last synced longer ago',
    },
    criticalHours: {
      type: 'number',
      long: 'critical',
      argument: 'HOURS',
      least: 0,
      default: 50,
      help: 'with `--nagios`: critical if a user was last synced longer ago',
    },
    isQuiet: { type: 'flag', short: 'q', long: 'quiet', help: 'print only what is wrong' },
  },
  examples: [
    { command: 'cyrus-backups check -q', does: 'prints nothing if all is well' },
    { command: 'cyrus-backups check --nagios', does: 'is a plugin for Nagios, Icinga, Zabbix or monit' },
  ],
});
