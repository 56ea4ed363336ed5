/** The command line of `cyrus-backups search`, as data. */
import { defineProgram } from '../../common/commandLine/program.ts';
import { configOption } from '../../common/commonOptions.ts';

export const searchProgram = defineProgram({
  name: 'cyrus-backups search',
  summary: 'find messages in all backed-up mail, living and deleted',
  details:
    'A query has words, "phrases", prefix*, -not, OR and parentheses. Fields: from: to: cc: subject: body: ' +
    'filename: list: id: in: flag: is:living is:deleted has:attachment larger: smaller: before: after: on:. ' +
    'at:TIME searches the mail as it was then. The newest message comes first.',
  operands: [{ name: 'QUERY', isRepeated: true }],
  options: {
    config: configOption,
    users: {
      type: 'list',
      short: 'u',
      long: 'user',
      argument: 'USER',
      completion: 'user',
      help: 'search the backup of this user; may be repeated',
    },
    domains: {
      type: 'list',
      short: 'D',
      long: 'domain',
      argument: 'DOMAIN',
      completion: 'domain',
      help: 'search the backups of all users of this domain; may be repeated',
    },
    isAll: { type: 'flag', short: 'A', long: 'all', help: 'search all backups' },
    limit: {
      type: 'number',
      long: 'limit',
      argument: 'N',
      least: 1,
      help: 'print only the newest N messages',
    },
    isCount: { type: 'flag', long: 'count', help: 'print only the number of messages' },
    json: { type: 'flag', short: 'j', long: 'json', help: 'print one JSON object a line' },
    isFiles: {
      type: 'flag',
      long: 'files',
      help: 'print the paths on the mount, each ended by a NUL, for `xargs -0`',
    },
    mountpoint: {
      type: 'text',
      long: 'mountpoint',
      argument: 'FOLDER',
      completion: 'folder',
      help: 'where the backups are mounted (default: the first mount of cyrus-backups)',
    },
  },
  exclusive: [['isCount', 'json', 'isFiles']],
  examples: [
    {
      command: 'cyrus-backups search -u anne \'from:bob "quarterly report" after:2026-01-01\'',
      does: "messages of Anne's from Bob with that phrase",
    },
    {
      command: "cyrus-backups search -A --files 'invoice 4711' | xargs -0 cp -t found/",
      does: "copies everybody's messages with both words",
    },
  ],
});
