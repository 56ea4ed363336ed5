/**
 * Parses a command line by its program's description. Options may stand anywhere, as with getopt;
 * `--` ends them. Everything that is wrong is one line, which says what to type instead.
 */
import { parseArgs } from 'node:util';
import { BackupError } from '../../../errors.ts';
import { argumentsOf, operandText, optionsOf } from './program.ts';
import type { OperandSpec, Options, OptionSpec, Program, Values } from './program.ts';
import { suggestion } from './nearest.ts';
import { listed, valueOf } from './values.ts';
import type { Given } from './values.ts';

export interface Parsed<O extends Options, C extends string = string> {
  readonly kind: 'run';
  /** Without meaning if the program has no commands. */
  readonly command: C;
  readonly values: Values<O>;
  /** All operands: those in front of the command first. */
  readonly operands: readonly string[];
  /** The keys of the options that were given. */
  readonly given: ReadonlySet<keyof O & string>;
}

export type CommandLine<O extends Options, C extends string> =
  | Parsed<O, C>
  | { readonly kind: 'help'; readonly command: string | undefined }
  | { readonly kind: 'version' };

/** Builds an error that says how to get help. */
export function wrongUsage(program: Pick<Program, 'name'>, message: string, command = ''): BackupError {
  const line = [program.name, command, '--help'].filter((word) => word !== '').join(' ');
  return new BackupError('usage', `${message}${message.endsWith('?') ? '' : '.'} Try '${line}'`);
}

interface Scan {
  readonly given: readonly Given[];
  readonly words: readonly string[];
  readonly wantsHelp: boolean;
  readonly wantsVersion: boolean;
  /** The first thing that is wrong. It is reported once the command is known. */
  readonly fault: ((command: string) => string) | undefined;
}

/** Throws 'usage'. */
export function parseCommandLine<O extends Options, C extends string>(
  program: Program<O, C>,
  argv: readonly string[],
): CommandLine<O, C> {
  const scan = scanWords(program, argv);
  if (scan.wantsHelp) return { kind: 'help', command: anyCommandIn(program, scan.words) };
  if (scan.wantsVersion) return { kind: 'version' };
  if (asksForHelp(program, scan.words)) {
    return { kind: 'help', command: anyCommandIn(program, scan.words.slice(1)) };
  }
  const fault = (message: string, command?: string): never => {
    throw wrongUsage(program, message, command);
  };
  const { command, operands } = commandIn(program, scan, fault);
  if (scan.fault !== undefined) fault(scan.fault(command), command);
  for (const { spec, typed } of scan.given) {
    if (spec.of === undefined || spec.isIgnoredElsewhere === true || spec.of.includes(command)) continue;
    fault(`${typed} goes with ${listed(spec.of)}, not with ${command}`, command);
  }
  const given = new Set(scan.given.map(({ key }) => key));
  for (const keys of program.exclusive ?? []) {
    const both = scan.given.filter(({ key }) => keys.includes(key));
    const [first] = both;
    const second = both.find(({ key }) => key !== first?.key);
    if (first !== undefined && second !== undefined) {
      fault(`${first.typed} and ${second.typed} exclude each other`, command);
    }
  }
  checkOperands(program, command, operands, fault);
  const values: Record<string, unknown> = {};
  for (const [key, spec] of Object.entries<OptionSpec>(program.options)) {
    const own = scan.given.filter((each) => each.key === key);
    values[key] = valueOf(spec, own, (message) => fault(message, command));
  }
  return { kind: 'run', command: command as C, values: values as Values<O>, operands, given };
}

function scanWords(program: Program, argv: readonly string[]): Scan {
  const byName = new Map<string, [key: string, spec: OptionSpec]>();
  for (const [key, spec] of Object.entries(program.options)) {
    if (spec.short !== undefined) byName.set(`-${spec.short}`, [key, spec]);
    if (spec.long !== undefined) byName.set(`--${spec.long}`, [key, spec]);
  }
  const given: Given[] = [];
  const words: string[] = [];
  let [wantsHelp, wantsVersion] = [false, false];
  let fault: Scan['fault'];
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    tokens: true,
    options: wordsWithValue(program),
  });
  const second = new Set<number>();
  for (const [index, token] of tokens.entries()) {
    if (token.kind === 'positional' && !second.has(index)) words.push(token.value);
    if (token.kind !== 'option') continue;
    const { rawName: typed, value, inlineValue } = token;
    const known = byName.get(typed);
    if (known === undefined) {
      if (typed === '--help' || typed === '-h') wantsHelp = true;
      else if (typed === '--version') wantsVersion = true;
      else fault ??= (command) => unknownOption(program, typed, command);
      continue;
    }
    const [key, spec] = known;
    const texts = value === undefined ? [] : [value];
    const next = tokens[index + 1];
    if (spec.type === 'pair' && texts.length > 0 && next?.kind === 'positional') {
      second.add(index + 1);
      texts.push(next.value);
    }
    const wanted = argumentsOf(spec);
    const isLast = index === tokens.length - 1;
    if (texts.length === 0 && 'alone' in spec && isLast) texts.push(String(spec.alone));
    if (wanted.length === 0 && inlineValue === true) fault ??= () => `${typed} takes no value: =${value}`;
    else if (wanted.length > texts.length) fault ??= () => `${typed} needs a value: ${wanted.join(' ')}`;
    else if (inlineValue === false && byName.has(texts[0] ?? '')) {
      fault ??= () => `${typed} needs a value, and ${texts[0]} is an option: ${wanted.join(' ')}`;
    }
    given.push({ key, spec, typed, texts });
  }
  return { given, words, wantsHelp, wantsVersion, fault };
}

type Word = { type: 'string' | 'boolean'; short?: string };

/** The options in the form of parseArgs, which only has to know which of them take a value. */
function wordsWithValue({ options }: Program): Record<string, Word> {
  const words: Record<string, Word> = {};
  for (const spec of Object.values(options)) {
    const type = argumentsOf(spec).length > 0 ? 'string' : 'boolean';
    // Without a long name, parseArgs gets one that nobody can type.
    words[spec.long ?? `=${spec.short}`] = spec.short === undefined ? { type } : { type, short: spec.short };
  }
  return words;
}

function unknownOption(program: Program, typed: string, command: string): string {
  const names = optionsOf(program, command === '' ? undefined : command).flatMap(({ short, long }) => [
    ...(short === undefined ? [] : [`-${short}`]),
    ...(long === undefined ? [] : [`--${long}`]),
  ]);
  return `unknown option ${typed}${suggestion(typed, [...names, '--help', '--version'])}`;
}

/** `help` is a command, unless operands precede the command: there it may be a user's name. */
function asksForHelp({ commands, operands = [] }: Program, words: readonly string[]): boolean {
  return commands !== undefined && words[0] === 'help' && (operands.length === 0 || words.length < 3);
}

/** Finds a command's name anywhere in the words. */
function anyCommandIn({ commands = {} }: Program, words: readonly string[]): string | undefined {
  return Object.keys(commands).find((name) => ` ${words.join(' ')} `.includes(` ${name} `));
}

function commandIn(
  program: Program,
  { words }: Scan,
  fault: (message: string) => never,
): { command: string; operands: string[] } {
  const { commands, operands = [] } = program;
  if (commands === undefined) return { command: '', operands: [...words] };
  const names = Object.keys(commands);
  const longest = Math.max(...names.map((name) => name.split(' ').length));
  const at = operands.length;
  for (let length = longest; length > 0; length -= 1) {
    const name = words.slice(at, at + length).join(' ');
    if (names.includes(name))
      return { command: name, operands: [...words.slice(0, at), ...words.slice(at + length)] };
  }
  const typed = words.slice(at, at + longest);
  const command = typed.join(' ');
  if (words.length < at) return fault(`${operands[words.length]?.name} is missing`);
  if (typed.length === 0) return fault('a command is missing');
  const begun = names.filter((name) => name.startsWith(`${command} `));
  if (begun.length > 0) return fault(`${command} is incomplete: ${listed(begun, 'or')} is expected`);
  return fault(`unknown command ${command}${suggestion(command, names)}`);
}

function checkOperands(
  { name, commands, operands: before = [] }: Program,
  command: string,
  operands: readonly string[],
  fault: (message: string, command: string) => never,
): void {
  const specs: readonly OperandSpec[] = [...before, ...(commands?.[command]?.operands ?? [])];
  const missing = specs.find((spec, index) => spec.isOptional !== true && operands[index] === undefined);
  const words = [...before.map(operandText), command, ...specs.slice(before.length).map(operandText)];
  const takes = [name, ...words].filter((word) => word !== '').join(' ');
  if (missing !== undefined) fault(`${missing.name} is missing: ${takes}`, command);
  const extra = specs.at(-1)?.isRepeated === true ? undefined : operands[specs.length];
  if (extra !== undefined) {
    fault(`${JSON.stringify(extra)} is one word too many: ${takes}`, command);
  }
}
