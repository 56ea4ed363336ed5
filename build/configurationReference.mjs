/**
 * Writes docs/reference/configuration.md from the tables that the programs themselves read
 * (src/config/keys.ts), so that page and code cannot differ.
 *
 * Run `node build/configurationReference.mjs` after a build. With --check it only compares.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { KEYS } from '../dist/src/config/keys.js';
import { LIMIT_KEYS } from '../dist/src/config/limitKeys.js';
import { SERVER_KEYS } from '../dist/src/config/serverKeys.js';
import { STORAGE_KEYS } from '../dist/src/config/storageKeys.js';

const PAGE = new URL('../docs/reference/configuration.md', import.meta.url);

const UNITS = { d: 'days', h: 'hours', m: 'minutes', s: 'seconds', K: 'KiB', B: 'bytes' };

function typeOf({ type, unit, values }) {
  if (type === 'enum') return values.map((value) => `\`${value}\``).join(', ');
  if (type === 'switch') return 'yes or no';
  if (type === 'duration') return `duration; a bare number is in ${UNITS[unit]}`;
  if (type === 'bytes') return `size; a bare number is in ${UNITS[unit]}`;
  if (type === 'int') return 'integer';
  return type === 'list' ? 'list' : 'text';
}

function rangeOf({ least, most }) {
  if (least === undefined) return '';
  return most === undefined ? `; at least ${least}` : `; ${least} to ${most}`;
}

/** A meaning that starts with `Ours.` belongs to a key that Cyrus does not know. */
function entry(spec) {
  const isOurs = spec.meaning.startsWith('Ours. ');
  const meaning = isOurs ? spec.meaning.slice('Ours. '.length) : spec.meaning;
  const replaced = spec.replacedBy === undefined ? '' : ` Older name of \`${spec.replacedBy}\`, which wins.`;
  const value = spec.default === null ? 'not set' : `\`${spec.default}\``;
  return [
    `### ${spec.name}`,
    '',
    ...wrap(meaning + replaced),
    '',
    ...wrap(`* Value: ${typeOf(spec)}${rangeOf(spec)}`, '  '),
    `* Default: ${value}`,
    ...(isOurs ? ['* Cyrus does not know this key and ignores it.'] : []),
    '',
  ];
}

/** Wraps text into lines of at most 100 columns and indents all lines but the first. */
function wrap(text, indent = '') {
  const lines = [''];
  for (const word of text.trim().split(/\s+/)) {
    const line = lines.at(-1);
    if (line !== '' && line.length + 1 + word.length > 100) lines.push(indent + word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

const byName = (a, b) => a.name.localeCompare(b.name, 'en');
const section = (title, specs) => [`## ${title}`, '', ...[...specs].sort(byName).flatMap(entry)];

const text = [
  '# Configuration keys',
  '',
  '<!-- Written by `make docs` from src/config. Change the tables there, not this page. -->',
  '',
  ...wrap(
    `All programs read one \`imapd.conf\`, in Cyrus' own syntax, named by \`-C FILE\`. They use these ${KEYS.length}
    keys, and any number of \`backuppartition-NAME\` keys, each with the folder of a partition. Other keys are left
    to Cyrus. A wrong value is an error that names file, line and key (exit code 78).`,
  ),
  '',
  ...wrap(
    `A duration is written as \`90s\`, \`1h30m\` or \`7d\`, a size as \`64K\`, \`8M\` or \`4G\`. A key with the
    prefix \`backupd_\` wins over the key without it, so that backupd can share the file of a Cyrus server.`,
  ),
  '',
  ...section('Storage and retention', STORAGE_KEYS),
  ...section('Server, login, log and metrics', SERVER_KEYS),
  ...section('Limits', LIMIT_KEYS),
]
  .join('\n')
  .trimEnd()
  .concat('\n');

if (process.argv.includes('--check')) {
  if (readFileSync(PAGE, 'utf8') !== text) {
    console.error('docs/reference/configuration.md differs from src/config: make docs');
    process.exitCode = 1;
  }
} else writeFileSync(PAGE, text);
