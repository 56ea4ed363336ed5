/**
 * The command lines of all programs in the form that the completions of the three shells are made
 * from. A context is a program and its command, such as `ctl_backups compact`: it has options and
 * operands. A program whose command is still to be typed is a context too.
 *
 * The kinds of a value: file, folder, user, partition, words:A B C, or text (nothing to propose).
 */
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

const PROGRAMS = [
  ['backupd/program.js', 'backupd'],
  ['ctl_backups/program/program.js', 'ctlBackups'],
  ['cyr_backup/program.js', 'cyrBackup'],
  ['restore/program/program.js', 'restore'],
];

/** Returns the programs: `{ name, before, commands, contexts }`, from the modules in `root`/dist. */
export async function programsOf(root) {
  const load = (path) => import(pathToFileURL(join(root, 'dist/src/cli', path)).href);
  const tables = await Promise.all(PROGRAMS.map(async ([path, name]) => (await load(path))[name]));
  const { SUBCOMMANDS } = await load('cyrus-backups/subcommands.js');
  return [...tables.map(ofTable), ofSubcommands('cyrus-backups', SUBCOMMANDS)];
}

/** `before` is the number of operands in front of the command's name. */
function ofTable(program) {
  const { name, commands = {}, operands = [] } = program;
  const inCommand = Object.entries(commands).map(([command, spec]) => ({
    key: `${name} ${command}`,
    options: optionsOf(program, command),
    operands: [...operands, ...spec.operands].map(operandOf),
  }));
  const alone = { key: name, options: optionsOf(program), operands: operands.map(operandOf) };
  return {
    name,
    before: inCommand.length > 0 ? operands.length : 0,
    commands: Object.entries(commands).map(([command, { summary }]) => ({
      command,
      summary: plain(summary),
    })),
    contexts: [alone, ...inCommand],
  };
}

/** Each subcommand of cyrus-backups is a program of its own, which may have commands again. */
function ofSubcommands(name, subcommands) {
  const parts = Object.entries(subcommands).map(([command, { program }]) => ({
    command,
    ...ofTable({ ...program, name: `${name} ${command}` }),
    summary: plain(program.summary),
  }));
  const flat = (part) =>
    part.commands.length === 0
      ? [{ command: part.command, summary: part.summary }]
      : part.commands.map(({ command, summary }) => ({ command: `${part.command} ${command}`, summary }));
  return {
    name,
    before: 0,
    commands: parts.flatMap(flat),
    contexts: [
      { key: name, options: helpOptions([]), operands: [] },
      ...parts.flatMap(({ contexts }) => contexts),
    ],
  };
}

function optionsOf({ options }, command) {
  const own = Object.values(options).filter(
    ({ of }) => of === undefined || command === undefined || of.includes(command),
  );
  return helpOptions(
    own.map((spec) => ({
      short: spec.short,
      long: spec.long,
      help: plain(spec.help),
      isRepeated: spec.type === 'list' || spec.type === 'count',
      values: (spec.type === 'pair' ? spec.arguments : spec.argument ? [spec.argument] : []).map(
        (argument) => ({
          argument,
          kind: kindOf(spec),
        }),
      ),
    })),
  );
}

function helpOptions(options) {
  const hasShort = options.some(({ short }) => short === 'h');
  const flag = { isRepeated: false, values: [] };
  return [
    ...options,
    { ...flag, short: hasShort ? undefined : 'h', long: 'help', help: 'print help' },
    { ...flag, short: undefined, long: 'version', help: 'print the version' },
  ];
}

function kindOf({ type, values, completion }) {
  if (type === 'choice') return `words:${values.join(' ')}`;
  return ['file', 'folder', 'user', 'partition'].includes(completion) ? completion : 'text';
}

const operandOf = (spec) => ({ name: spec.name, kind: kindOf(spec), isRepeated: spec.isRepeated === true });

const plain = (text) => text.replaceAll('`', '').replaceAll(/\s+/g, ' ');

/** The names of an option as they are typed. */
export const namesOf = ({ short, long }) => [
  ...(short === undefined ? [] : [`-${short}`]),
  ...(long === undefined ? [] : [`--${long}`]),
];

/** Shell commands that print one candidate a line. They print nothing where the store is not readable. */
export const CANDIDATES = {
  user: 'ctl_backups list -A 2>/dev/null | cut -f3',
  partition:
    "sed -n 's/^backuppartition-\\([^:]*\\):.*/\\1/p' /etc/cyrus-backups/imapd.conf /etc/imapd.conf 2>/dev/null",
};
