import { expect } from 'chai';
import { BackupError } from '../../../../src/errors.ts';
import { parseCommandLine } from '../../../../src/cli/common/commandLine/parse.ts';
import { defineProgram } from '../../../../src/cli/common/commandLine/program.ts';

const tool = defineProgram({
  name: 'tool',
  summary: 'a tool',
  commands: {
    paint: { summary: 'paint things', operands: [{ name: 'THING', isRepeated: true }] },
    move: { summary: 'move a thing', operands: [{ name: 'THING' }, { name: 'PLACE', isOptional: true }] },
  },
  exclusive: [['red', 'blue']],
  options: {
    config: { type: 'text', short: 'C', long: 'config', argument: 'FILE', default: '/etc/tool', help: 'x' },
    red: { type: 'flag', short: 'r', long: 'red', of: ['paint'], help: 'x' },
    blue: { type: 'flag', short: 'b', of: ['paint'], help: 'x' },
    old: { type: 'flag', short: 'o', of: ['paint'], isIgnoredElsewhere: true, help: 'x' },
    verbose: { type: 'count', short: 'v', long: 'verbose', help: 'x' },
    tags: { type: 'list', long: 'tag', argument: 'TAG', help: 'x' },
    hours: { type: 'number', short: 't', argument: 'HOURS', least: 1, most: 99, alone: 24, help: 'x' },
    span: { type: 'pair', long: 'span', arguments: ['FROM', 'TO'], help: 'x' },
    way: {
      type: 'choice',
      long: 'way',
      argument: 'WAY',
      values: ['skip', 'copy'],
      default: 'skip',
      help: 'x',
    },
  },
});

const run = (...argv: string[]) => {
  const line = parseCommandLine(tool, argv);
  if (line.kind !== 'run') throw new Error(`asked for ${line.kind}`);
  return line;
};

describe('parseCommandLine', () => {
  it('takes options anywhere, in groups, with their values attached or apart', () => {
    const { command, values, operands } = run(
      '-vC',
      '/x',
      'paint',
      '-rv',
      'door',
      '--tag=a',
      'wall',
      '--tag',
      'b',
    );
    expect({ command, operands }).to.deep.equal({ command: 'paint', operands: ['door', 'wall'] });
    expect(values).to.deep.include({ config: '/x', red: true, blue: false, verbose: 2, tags: ['a', 'b'] });
  });

  it('gives defaults, and undefined without one', () => {
    const { values, given } = run('move', 'door');
    expect(values).to.deep.include({ config: '/etc/tool', way: 'skip', hours: undefined, span: undefined });
    expect([...given]).to.deep.equal([]);
  });

  it('takes what follows -- as operands', () => {
    expect(run('paint', '--', '-r', '--help').operands).to.deep.equal(['-r', '--help']);
  });

  it('takes an option without its value as the last word, and a number', () => {
    expect(run('move', 'door', '-t').values.hours).to.equal(24);
    expect(run('-t', '3', 'move', 'door').values.hours).to.equal(3);
  });

  it('takes two values of a pair', () => {
    const { values, operands } = run('--span', '1', '2', 'move', 'door');
    expect({ span: values.span, operands }).to.deep.equal({ span: ['1', '2'], operands: ['door'] });
  });

  it('ignores an option of another command where the originals do', () => {
    expect(run('-o', 'move', 'door').values.old).to.equal(true);
  });

  it('finds --help and --version anywhere, even beside what is wrong', () => {
    expect(parseCommandLine(tool, ['paint', '--bogus', '--help'])).to.deep.equal({
      kind: 'help',
      command: 'paint',
    });
    expect(parseCommandLine(tool, ['-h'])).to.deep.equal({ kind: 'help', command: undefined });
    expect(parseCommandLine(tool, ['help', 'move'])).to.deep.equal({ kind: 'help', command: 'move' });
    expect(parseCommandLine(tool, ['paint', '--version'])).to.deep.equal({ kind: 'version' });
  });

  const wrong: [argv: string[], message: string][] = [
    [[], "a command is missing. Try 'tool --help'"],
    [['pant', 'door'], "unknown command pant: did you mean paint? Try 'tool --help'"],
    [['paint'], "THING is missing: tool paint THING.... Try 'tool paint --help'"],
    [['move', 'a', 'b', 'c'], '"c" is one word too many: tool move THING [PLACE]. Try \'tool move --help\''],
    [['paint', 'x', '--rde'], "unknown option --rde: did you mean --red? Try 'tool paint --help'"],
    [['paint', 'x', '--quite'], "unknown option --quite. Try 'tool paint --help'"],
    [['paint', 'x', '-q'], "unknown option -q. Try 'tool paint --help'"],
    [['--red', 'move', 'x'], "--red goes with paint, not with move. Try 'tool move --help'"],
    [['-rb', 'paint', 'x'], "-r and -b exclude each other. Try 'tool paint --help'"],
    [['paint', 'x', '-C'], "-C needs a value: FILE. Try 'tool paint --help'"],
    [['paint', 'x', '-C', '-v'], "-C needs a value, and -v is an option: FILE. Try 'tool paint --help'"],
    [['paint', 'x', '--red=yes'], "--red takes no value: =yes. Try 'tool paint --help'"],
    [['paint', 'x', '--span', '1'], "--span needs a value: FROM TO. Try 'tool paint --help'"],
    [['-t', '100', 'paint', 'x'], "-t 100: a number is expected, 1 to 99. Try 'tool paint --help'"],
    [['-t', '1.5', 'paint', 'x'], "-t 1.5: a number is expected, 1 to 99. Try 'tool paint --help'"],
    [
      ['--way', 'coppy', 'paint', 'x'],
      "--way coppy: skip or copy is expected: did you mean copy? Try 'tool paint --help'",
    ],
  ];
  for (const [argv, message] of wrong) {
    it(`refuses "tool ${argv.join(' ')}" in one line`, () => {
      expect(() => run(...argv))
        .to.throw(BackupError)
        .that.deep.includes({ kind: 'usage', message });
    });
  }
});
