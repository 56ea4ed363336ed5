/**
 * Writes SYNOPSIS, OPTIONS and EXIT STATUS of docs/man/*.8 between their markers, from the tables that the
 * programs parse their command lines with (src/cli/*\/program.ts), so that page and program cannot
 * differ.
 *
 * Run `node build/manPages.mjs` after a build. With --check it only compares.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { backupd } from '../dist/src/cli/backupd/program.js';
import { defaultText, synopses } from '../dist/src/cli/common/commandLine/help.js';
import { argumentsOf, optionsOf } from '../dist/src/cli/common/commandLine/program.js';
import { EXIT_CODES } from '../dist/src/cli/common/exitCodes.js';
import { ctlBackups } from '../dist/src/cli/ctl_backups/program/program.js';
import { cyrBackup } from '../dist/src/cli/cyr_backup/program.js';
import { mountHelperProgram } from '../dist/src/cli/cyrus-backups/programs/mountHelper.js';
import { SUBCOMMANDS } from '../dist/src/cli/cyrus-backups/subcommands.js';
import { restore } from '../dist/src/cli/restore/program/program.js';

/** Escapes text for roff. Text in backquotes becomes bold; capitals alone, as in FILE, italic. */
function roff(text) {
  const escaped = text.replaceAll('\\', '\\e').replaceAll('-', '\\-');
  const marked = escaped.replaceAll(/`([^`]+)`/g, '\\fB$1\\fR');
  // roff wants each sentence on a line of its own.
  return marked.replaceAll(/(?<=[.?]) (?=[A-Z\\])/g, '\n').replaceAll(/^([.'])/gm, '\\&$1');
}

const bold = (word) => `\\fB${roff(word)}\\fR`;
const italic = (word) => `\\fI${roff(word)}\\fR`;

/** Formats a line of a synopsis: capitals are what the user puts in, the rest is typed as it is. */
function synopsisLine(line) {
  return line.replaceAll(/[^\s[\]|.]+|\.{3}/g, (word) =>
    /^[^a-z]*[A-Z][^a-z]*$/.test(word) ? italic(word) : /^\.{3}$/.test(word) ? word : bold(word),
  );
}

function synopsisOf(programs) {
  const lines = programs.flatMap((program) =>
    program.commands === undefined
      ? synopses(program)
      : Object.keys(program.commands).flatMap((command) => synopses(program, command)),
  );
  return ['.SH SYNOPSIS', ...lines.flatMap((line, at) => [...(at === 0 ? [] : ['.br']), synopsisLine(line)])];
}

/** One option, with the commands that it goes with. */
function optionParagraph(spec, command) {
  const { short, long, of, help, more } = spec;
  const names = [
    ...(short === undefined ? [] : [bold(`-${short}`)]),
    ...(long === undefined ? [] : [bold(`--${long}`)]),
  ].join(', ');
  const values = argumentsOf(spec).map(italic).join(' ');
  const argument = values === '' ? '' : 'alone' in spec ? ` [${values}]` : ` ${values}`;
  const commands = command === undefined ? of : [command];
  const goesWith = commands === undefined || isModes(spec) ? '' : `${listed(commands.map(bold))}: `;
  const sentence = `${roff(help)}${roff(defaultText(spec))}.`;
  return [
    '.TP',
    `${names}${argument}`,
    ...(goesWith === '' ? [capital(sentence)] : [goesWith.trimEnd(), sentence]),
    ...(more === undefined ? [] : [roff(more)]),
  ];
}

const isModes = ({ group }) => group?.startsWith('Modes') === true;
const capital = (text) => text.replace(/^[a-z]/, (letter) => letter.toUpperCase());
const listed = (names) => [names.slice(0, -1).join(', '), names.at(-1)].filter(Boolean).join(' and ');

function optionsSections(programs) {
  const groups = new Map();
  for (const program of programs) {
    const command = programs.length > 1 ? program.name.split(' ')[1] : undefined;
    for (const spec of optionsOf(program)) {
      const title = spec.group ?? 'Options';
      const paragraphs = groups.get(title) ?? new Map();
      groups.set(title, paragraphs);
      const key = JSON.stringify({ ...spec, of: undefined });
      const before = paragraphs.get(key);
      const commands = [...(before?.commands ?? []), ...(command === undefined ? [] : [command])];
      paragraphs.set(key, { spec, commands });
    }
  }
  const all = programs.length;
  const section = ([title, paragraphs]) => [
    `.SH "${title.split(' (')[0].toUpperCase()}"`,
    ...(title.includes(' (') ? [`${capital(title.split(' (')[1].slice(0, -1))}.`] : []),
    ...[...paragraphs.values()].flatMap(({ spec, commands }) =>
      optionParagraph(commands.length === 0 || commands.length === all ? spec : { ...spec, of: commands }),
    ),
    ...(title === 'Options'
      ? ['.TP', `${bold('-h')}, ${bold('--help')}`, 'Print a help text, on standard output.'].concat([
          '.TP',
          bold('--version'),
          'Print the version.',
        ])
      : []),
  ];
  if (!groups.has('Options')) groups.set('Options', new Map());
  return [...groups].flatMap(section);
}

/** The codes that the program can end with, as one paragraph. */
function exitStatus() {
  const codes = [...EXIT_CODES].sort((a, b) => a.code - b.code);
  return [
    '.SH "EXIT STATUS"',
    ...codes.flatMap(({ code, meaning }) => ['.TP', bold(String(code)), `${capital(roff(meaning))}.`]),
    '.PP',
    'A run over many backups ends with the most severe of their codes:',
    `${EXIT_CODES.filter(({ code }) => code !== 0)
      .map(({ code }) => code)
      .join(', ')}.`,
  ];
}

const begin = (name) => `.\\" ${name}: written by make docs from the program's table`;
const END = '.\\" end of what make docs writes';

function withGenerated(page, name, lines) {
  const start = page.indexOf(`${begin(name)}\n`);
  const end = page.indexOf(`${END}\n`, start);
  if (start < 0 || end < 0) throw new Error(`no place for ${name}`);
  return `${page.slice(0, start)}${begin(name)}\n${lines.join('\n')}\n${page.slice(end)}`;
}

const subcommands = Object.values(SUBCOMMANDS).map(({ program }) => program);
const { mount } = SUBCOMMANDS;
const PAGES = {
  backupd: [backupd],
  ctl_backups: [ctlBackups],
  cyr_backup: [cyrBackup],
  'cyrus-backups': subcommands,
  'cyrus-backups-mount': [mount.program],
  'mount.cyrus-backups': [mountHelperProgram],
  restore: [restore],
};

for (const [name, programs] of Object.entries(PAGES)) {
  const path = new URL(`../docs/man/${name}.8`, import.meta.url);
  const before = readFileSync(path, 'utf8');
  const sections = [
    ['synopsis', synopsisOf(programs)],
    ['options', optionsSections(programs)],
    ['exit status', exitStatus()],
  ];
  const after = sections.reduce((page, [title, lines]) => withGenerated(page, title, lines), before);
  if (after === before) continue;
  if (process.argv.includes('--check')) {
    console.error(`docs/man/${name}.8 differs from the program's table: make docs`);
    process.exitCode = 1;
  } else writeFileSync(path, after);
}
