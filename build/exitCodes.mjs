/**
 * Writes docs/reference/exit-codes.md from the tables of the code: what each exit code means, and
 * which kinds of error end with it.
 *
 * Run `node build/exitCodes.mjs` after a build. With --check it only compares.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { EXIT_CODES } from '../dist/src/cli/common/exitCodes.js';
import { exitCodeOf } from '../dist/src/errors.js';

const PAGE = new URL('../docs/reference/exit-codes.md', import.meta.url);

function kindsOf(code) {
  const kinds = Object.keys(exitCodeOf).filter((kind) => exitCodeOf[kind] === code);
  return kinds.map((kind) => `\`${kind}\``).join(', ');
}

const unknown = Object.entries(exitCodeOf).filter(
  ([, code]) => !EXIT_CODES.some((each) => each.code === code),
);
if (unknown.length > 0) throw new Error(`no meaning for the exit codes of ${unknown.join(' and ')}`);

const rows = EXIT_CODES.map(
  ({ code, name, meaning }) => `| ${code} | ${name} | ${meaning} | ${kindsOf(code)} |`,
);

const text = `# Exit codes

<!-- Written by \`make docs\` from src/cli/common/exitCodes.ts and src/errors.ts. Change those. -->

All programs use the codes of \`sysexits.h\`. The most severe code comes first:

| Code | Name | Meaning | Kinds of error |
| --- | --- | --- | --- |
${rows.join('\n')}

## Runs over many backups

\`ctl_backups list\`, \`stat\`, \`compact\`, \`verify\`, \`reindex\` and \`retime\`, and \`restore\` of many
users, go on after a failure. They end with the code that stands highest in the table. A script can
therefore act on one number:

* 75 alone: some backups were busy, or not everything was done. The next run repeats it.
* 67 or 66: a name was wrong, or something is gone.
* 65: a backup is damaged. \`ctl_backups verify\` says where.
* 74 or 70: look at the messages at once.

A backup that needs nothing is printed as \`skipped\` and counts as done: \`compact\` and \`retime\` end
with 0.

## Exceptions

* \`cyrus-backups check\` ends with 0 if all is well, 1 with warnings, and 2 with errors.
* \`ctl_backups lock -x\` ends with the code of the command that it ran.
* The original tools end with 75 for whatever went wrong with a backup
  ([deviations](deviations.md)).
`;

if (process.argv.includes('--check')) {
  if (readFileSync(PAGE, 'utf8') !== text) {
    console.error('docs/reference/exit-codes.md differs from the code: make docs');
    process.exitCode = 1;
  }
} else writeFileSync(PAGE, text);
