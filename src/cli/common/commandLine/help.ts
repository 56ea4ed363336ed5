/** Formats the text of `--help` from a program's description. */
import { MODES } from '../commonOptions.ts';
import { argumentsOf, operandText, optionsOf } from './program.ts';
import type { CommandSpec, Example, OptionSpec, Program } from './program.ts';

const COLUMNS = 80;
/** The column at which the help texts of options begin. */
const INDENT = 24;

/** Returns the help of one command, or without one, of the program. */
export function helpText(program: Program, command?: string): string {
  const spec = command === undefined ? undefined : program.commands?.[command];
  if (command === undefined || spec === undefined) return programHelp(program);
  const sections = [
    synopses(program, command).map((line, at) => `${at === 0 ? 'Usage: ' : '       '}${line}`),
    wrapped(sentence(spec.summary)),
    ...(spec.details === undefined ? [] : [wrapped(spec.details)]),
    ...optionSections(program, optionsOf(program, command)),
    ...exampleSection(spec.examples),
  ];
  return joined(sections);
}

function programHelp(program: Program): string {
  const { commands, summary, details, examples, name } = program;
  const sections = [
    synopses(program).map((line, at) => `${at === 0 ? 'Usage: ' : '       '}${line}`),
    wrapped(sentence(summary)),
    ...(details === undefined ? [] : [wrapped(details)]),
    ...(commands === undefined ? [] : [commandSection(commands)]),
    ...optionSections(program, optionsOf(program)),
    ...exampleSection(examples),
    ...(commands === undefined ? [] : [[`'${name} COMMAND --help' explains one command.`]]),
  ];
  return joined(sections);
}

const sentence = (phrase: string): string => `${phrase.slice(0, 1).toUpperCase()}${phrase.slice(1)}.`;
const plain = (text: string): string => text.replaceAll('`', '');

function joined(sections: readonly (readonly string[])[]): string {
  return sections.map((lines) => `${lines.join('\n')}\n`).join('\n');
}

/** Returns the program's command line, or that of one command. */
export function synopses(program: Program, command?: string): string[] {
  const { name, commands, operands = [], options } = program;
  const before = operands.map(operandText);
  if (commands === undefined) return [[name, '[OPTION...]', ...before].join(' ')];
  if (command === undefined) return [[name, '[OPTION...]', ...before, 'COMMAND ...'].join(' ')];
  const hasModes = Object.values(options).some(
    ({ group, of }) => group === MODES && (of === undefined || of.includes(command)),
  );
  const after = commands[command]?.operands.map(operandText) ?? [];
  const mode = hasModes ? ['[MODE]'] : [];
  if (before.length > 0) return [[name, '[OPTION...]', ...mode, ...before, command, ...after].join(' ')];
  return [[name, '[OPTION...]', command, ...mode, ...after].join(' ')];
}

function commandSection(commands: Readonly<Record<string, CommandSpec>>): string[] {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  return [
    'Commands:',
    ...Object.entries(commands).flatMap(([name, { summary }]) =>
      hanging(`  ${name.padEnd(width)}`, plain(summary), width + 4),
    ),
  ];
}

function optionSections(program: Program, options: readonly OptionSpec[]): string[][] {
  const groups = new Map<string, OptionSpec[]>();
  for (const option of options) {
    const group = option.group ?? 'Options';
    groups.set(group, [...(groups.get(group) ?? []), option]);
  }
  const last = 'Options';
  const own = groups.get(last) ?? [];
  groups.delete(last);
  const section = (title: string, lines: readonly string[]): string[] => [`${title}:`, ...lines];
  return [
    ...Array.from(groups, ([title, specs]) =>
      section(
        title,
        specs.flatMap((spec) => optionLines(spec)),
      ),
    ),
    section(last, [
      ...own.flatMap((spec) => optionLines(spec)),
      ...hanging(`  ${hasShortH(program) ? '    ' : '-h, '}--help`, 'print this help', INDENT),
      ...hanging('      --version', 'print the version', INDENT),
    ]),
  ];
}

const hasShortH = ({ options }: Program): boolean =>
  Object.values(options).some(({ short }) => short === 'h');

function optionLines(spec: OptionSpec): string[] {
  return hanging(
    `  ${spec.short === undefined ? '    ' : ''}${optionText(spec)}`,
    `${plain(spec.help)}${defaultText(spec)}`,
    INDENT,
  );
}

/** Formats an option with its names and arguments: `-C, --config FILE`. */
function optionText(spec: OptionSpec): string {
  const { short, long } = spec;
  const names = [
    ...(short === undefined ? [] : [`-${short}`]),
    ...(long === undefined ? [] : [`--${long}`]),
  ].join(', ');
  const values = argumentsOf(spec).join(' ');
  if (values === '') return names;
  return 'alone' in spec ? `${names} [${values}]` : `${names} ${values}`;
}

/** Formats the choices and the default: ` (default 4)`. */
export function defaultText(spec: OptionSpec): string {
  const preset = 'defaultText' in spec ? spec.defaultText : 'default' in spec ? spec.default : undefined;
  const values = spec.type === 'choice' ? `: ${spec.values.join(', ')}` : '';
  return `${values}${preset === undefined ? '' : ` (default ${preset})`}`;
}

function exampleSection(examples: readonly Example[] | undefined): string[][] {
  if (examples === undefined) return [];
  return [['Examples:', ...examples.flatMap(({ command, does }) => [`  ${command}`, `      ${does}`])]];
}

/** Wraps a text behind a head, which gets its own line if it is too long. */
function hanging(head: string, text: string, indent: number): string[] {
  const lines = wrapped(text, COLUMNS - indent).map((line) => `${' '.repeat(indent)}${line}`);
  if (head.trimEnd().length + 2 > indent) return [head.trimEnd(), ...lines];
  return [head.padEnd(indent) + (lines[0] ?? '').slice(indent), ...lines.slice(1)];
}

function wrapped(text: string, columns = COLUMNS): string[] {
  const lines = [''];
  for (const word of plain(text).split(/\s+/)) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
