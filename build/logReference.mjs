/**
 * Writes docs/reference/log.md from the table of all log lines (src/logging/events.ts), so that page
 * and code cannot differ.
 *
 * Run `node build/logReference.mjs` after a build. With --check it only compares.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { EVENTS } from '../dist/src/logging/events.js';

const PAGE = new URL('../docs/reference/log.md', import.meta.url);

const row = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

const text = `# Log lines of backupd

<!-- Written by \`make docs\` from src/logging/events.ts. Change the table there, not this page. -->

backupd writes its log to standard error, one line an event. \`backup_log_format\` chooses how:

* \`text\`: sentences, \`backupd: PEER LOGIN: ...\`. The default on a terminal.
* \`logfmt\`: \`time=... level=... event=... peer=... login=...\`, then the fields of the event. The
  default everywhere else. A value with spaces, quotes or control characters stands in quotes, with
  the escapes of JSON.
* \`json\`: the same entries as one JSON object. Counts and sizes are numbers.

Under systemd a line has no time, which the journal adds, and begins with its priority (\`<3>\` for
error, \`<4>\` for warn, \`<6>\` for info, \`<7>\` for debug), so that \`journalctl -p warning\` works.
Lines of the level debug are written with \`debug: yes\` alone.

Control characters in names that a peer sent are escaped, fields are cut at 4,096 characters, and no
line holds a password or mail.

## A round

A round is what one session of a master does for one user. It begins with the first command that
names a user who has a backup. It ends with RESTART or EXIT, when the master asks for the next user
(\`sync_client -u\` and \`-A\`), or after five seconds of silence. A round in which nothing was sent is
a success too: the master compared, and found nothing to send. A round fails if one of its commands
was refused, or if the connection broke in the middle. The refusals \`out-of-step\` and \`not-found\` do
not count, because sync_client then sends what is needed.

## All lines

${[
  row(['Event', 'Level', 'Fields', 'Meaning', 'What to do']),
  row(['---', '---', '---', '---', '---']),
  ...Object.keys(EVENTS)
    .sort()
    .map((name) => {
      const { level, fields, meaning, cure } = EVENTS[name];
      const shown = fields.map((field) => `\`${field}\``).join(', ');
      return row([`\`${name}\``, level, shown || '–', meaning, cure || '–']);
    }),
].join('\n')}
`;

if (process.argv.includes('--check')) {
  if (readFileSync(PAGE, 'utf8') !== text) {
    console.error('docs/reference/log.md differs from src/logging/events.ts: make docs');
    process.exitCode = 1;
  }
} else writeFileSync(PAGE, text);
