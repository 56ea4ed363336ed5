/** The completion of each program for fish, a file each, as fish loads them by name. */
import { CANDIDATES } from './contexts.mjs';

const quote = (text) => `'${text.replaceAll(/['\\]/g, String.raw`\$&`)}'`;

function source(kind) {
  if (kind.startsWith('words:')) return quote(kind.slice('words:'.length));
  return quote(`(${CANDIDATES[kind]})`);
}

/** The flags of complete(1) for a value. */
function valueFlags(kind) {
  if (kind === 'file') return ['-r', '-F'];
  if (kind === 'folder') return ['-x', '-a', quote('(__fish_complete_directories)')];
  return kind === 'text' ? ['-x'] : ['-x', '-a', source(kind)];
}

/** A test whether a command was typed: all words of its name. */
function condition(program, key) {
  const words = key.slice(program.name.length).trim().split(' ').filter(Boolean);
  if (words.length > 0) return words.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
  const all = [...new Set(program.commands.map(({ command }) => command.split(' ')[0]))];
  return all.length === 0 ? undefined : `not __fish_seen_subcommand_from ${all.join(' ')}`;
}

function line(program, test, flags) {
  const when = test === undefined ? [] : ['-n', quote(test)];
  return ['complete', '-c', program.name, ...when, ...flags].join(' ');
}

function optionLine(program, test, { short, long, help, values }) {
  const names = [...(short === undefined ? [] : ['-s', short]), ...(long === undefined ? [] : ['-l', long])];
  return line(program, test, [
    ...names,
    ...(values.length > 0 ? valueFlags(values[0].kind) : []),
    '-d',
    quote(help),
  ]);
}

function operandLines(program, test, operands) {
  const kinds = new Set(operands.map(({ kind }) => kind).filter((kind) => kind !== 'text'));
  return [...kinds].map((kind) =>
    line(program, test, kind === 'file' ? ['-F'] : valueFlags(kind).filter((flag) => flag !== '-x')),
  );
}

/** The first word of each command, and the second once the first is there. */
function commandLines(program) {
  const first = new Map();
  for (const { command, summary } of program.commands) {
    const [word, ...more] = command.split(' ');
    first.set(word, more.length === 0 ? summary : '');
  }
  const start = condition(program, program.name);
  return [
    ...Array.from(first, ([word, summary]) =>
      line(program, start, ['-a', word, ...(summary === '' ? [] : ['-d', quote(summary)])]),
    ),
    ...program.commands
      .filter(({ command }) => command.includes(' '))
      .map(({ command, summary }) => {
        const [word, second] = command.split(' ');
        return line(program, `__fish_seen_subcommand_from ${word}`, ['-a', second, '-d', quote(summary)]);
      }),
  ];
}

/** Returns the files by program name. */
export function fishCompletions(programs) {
  return Object.fromEntries(
    programs.map((program) => [
      program.name,
      [
        '# Made by build/install/completions from the table that the program parses its command line with.',
        `complete -c ${program.name} -f`,
        ...commandLines(program),
        ...program.contexts.flatMap(({ key, options, operands }) => {
          const test = condition(program, key);
          return [
            ...options.map((option) => optionLine(program, test, option)),
            ...operandLines(program, test, operands),
          ];
        }),
        '',
      ].join('\n'),
    ]),
  );
}
