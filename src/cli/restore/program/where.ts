/** The options of restore that say where to, and how, as data. */
import { timeoutOption } from '../../common/commandLine/loginOptions.ts';
import type { Options } from '../../common/commandLine/program.ts';

const WHERE = 'Where and how';

export const whereOptions = {
  to: {
    type: 'text',
    long: 'to',
    argument: 'DESTINATION',
    group: WHERE,
    help:
      'instead of a Cyrus server: imap:// or imaps://[USER@]HOST[:PORT] (any IMAP server), maildir:DIR, ' +
      'mbox:DIR, tar:FILE, zip:FILE (- for standard output)',
    more: 'The destinations are described under DESTINATIONS. Not with `-A`, `-L`, `-P`, `-U`, `-z` and `--flags-only`.',
  },
  acl: {
    type: 'text',
    short: 'A',
    argument: 'ACL',
    alone: '',
    group: WHERE,
    help: 'give restored mailboxes this ACL',
    more: "An ACL is identifiers and rights by turns, with TABs or spaces between. As the last word, without an ACL, it means the server's default.",
  },
  isLocal: { type: 'flag', short: 'L', group: WHERE, help: 'change this server only, not mupdate' },
  targetMailbox: {
    type: 'text',
    short: 'M',
    argument: 'MAILBOX',
    group: WHERE,
    help: 'restore into this mailbox',
  },
  partition: {
    type: 'text',
    short: 'P',
    argument: 'PARTITION',
    group: WHERE,
    help: 'create mailboxes on this partition',
  },
  isExact: {
    type: 'flag',
    short: 'U',
    group: WHERE,
    help: 'create mailboxes exactly as they were: UIDs, flags, checksums',
    more: 'A mailbox that does not exist is created with its UIDVALIDITY, UIDs, modseqs and uniqueid, expunged records included, and the server compares checksums: no client notices. A mailbox that exists as it was at an earlier time, as an interrupted restore leaves it, is completed in the same way. Any other mailbox that lives gets missing messages as new ones. A uniqueid that another mailbox still has (a deleted one whose deletion is delayed) is replaced by a new one. Not with `-A`, `-M`, `-P` or `--into`.',
  },
  into: {
    type: 'text',
    long: 'into',
    argument: 'FOLDER',
    group: WHERE,
    help: 'restore below a folder of its own, such as Restored/{date}',
    more: "Slashes separate levels. `{date}` and `{time}` are today's.",
  },
  existing: {
    type: 'choice',
    long: 'existing',
    argument: 'WAY',
    values: ['skip', 'copy', 'replace'],
    group: WHERE,
    help: 'what to do with what exists (default skip)',
    more: '`skip` leaves it as it is. `copy` adds a second copy of messages and scripts beside it, with every run. `replace` gives messages the flags and date, and mailboxes the ACL and annotations, that they had; it replaces scripts, the active script, quota and seen state.',
  },
  timeout: {
    ...timeoutOption,
    // A server may work on one command for minutes, while a hung server never answers.
    default: 300,
    group: WHERE,
    more: 'Connecting, the greeting and STARTTLS have 30 seconds each, or less if this is less. The error names the command that was not answered.',
  },
  jobs: {
    type: 'number',
    long: 'jobs',
    argument: 'N',
    least: 1,
    most: 999_999,
    default: 4,
    group: WHERE,
    help: 'restore N users at a time',
  },
  isPlan: {
    type: 'flag',
    short: 'n',
    long: 'dry-run',
    group: WHERE,
    help: 'show what would be done, and do nothing',
    more: 'The plan says which mailboxes would be created, and how many messages would be added, skipped and changed in each. The server is asked, and nothing is changed.',
  },
  verbose: {
    type: 'count',
    short: 'v',
    long: 'verbose',
    group: WHERE,
    help: "show each mailbox's counts at the end",
  },
  json: {
    type: 'flag',
    long: 'json',
    group: WHERE,
    help: 'report as JSON',
    more: 'It is one JSON object for each user, of a plan or of what was done.',
  },
  waitSeconds: {
    type: 'number',
    short: 'w',
    argument: 'SECONDS',
    least: 0,
    most: 999_999,
    default: 0,
    group: WHERE,
    help: 'wait before starting',
  },
  compress: {
    type: 'flag',
    short: 'z',
    group: WHERE,
    help: 'compress, and give up if the server cannot',
    more: 'Without this option nothing is compressed.',
  },
} as const satisfies Options;
