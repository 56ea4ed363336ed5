/** What `--help` prints, of every program and command; and that a program's table is sound. */
import { expect } from 'chai';
import { backupd } from '../../../../src/cli/backupd/program.ts';
import { defaultText, helpText, synopses } from '../../../../src/cli/common/commandLine/help.ts';
import { parseCommandLine } from '../../../../src/cli/common/commandLine/parse.ts';
import { optionsOf } from '../../../../src/cli/common/commandLine/program.ts';
import type { Program } from '../../../../src/cli/common/commandLine/program.ts';
import { ctlBackups } from '../../../../src/cli/ctl_backups/program/program.ts';
import { cyrBackup } from '../../../../src/cli/cyr_backup/program.ts';
import { mountHelperProgram } from '../../../../src/cli/cyrus-backups/programs/mountHelper.ts';
import { cyrusBackups } from '../../../../src/cli/cyrus-backups/program.ts';
import { SUBCOMMANDS } from '../../../../src/cli/cyrus-backups/subcommands.ts';
import { restore } from '../../../../src/cli/restore/program/program.ts';

const programs: Program[] = [
  backupd,
  ctlBackups,
  cyrBackup,
  restore,
  mountHelperProgram,
  cyrusBackups,
  ...Object.values(SUBCOMMANDS).map(({ program }) => program),
];

for (const program of programs) {
  describe(`the command line of ${program.name}`, () => {
    const commands = [undefined, ...Object.keys(program.commands ?? {})];

    it('names each option once, and only commands that exist', () => {
      const all = optionsOf(program);
      const names = all.flatMap(({ short, long }) => [short, long]).filter((name) => name !== undefined);
      expect(names).to.deep.equal([...new Set(names)]);
      expect(all.flatMap(({ of = [] }) => of).filter((name) => !commands.includes(name))).to.deep.equal([]);
      const keys = Object.keys(program.options);
      expect((program.exclusive ?? []).flat().filter((key) => !keys.includes(key))).to.deep.equal([]);
    });

    for (const command of commands) {
      it(`has help of at most 80 columns for ${command ?? 'all of it'}`, () => {
        const text = helpText(program, command);
        expect(text).to.match(new RegExp(`^Usage: ${program.name} .*\\n\\n`));
        // An example may be as long as it is.
        const lines = text.split('\nExamples:')[0]?.split('\n') ?? [];
        expect(lines.filter((line) => line.length > 80 || line.endsWith(' '))).to.deep.equal([]);
      });

      it(`has examples that the parser takes, for ${command ?? 'all of it'}`, () => {
        const { examples = [] } = command === undefined ? program : (program.commands?.[command] ?? program);
        for (const { command: line } of examples.filter(({ command }) => command.startsWith(program.name))) {
          const words: string[] = line.slice(program.name.length).match(/'[^']*'|[^\s']+/g) ?? [];
          const end = words.findIndex((word) => word === '>' || word === '|');
          const argv = words.slice(0, end < 0 ? words.length : end).map((word) => word.replaceAll("'", ''));
          expect(parseCommandLine(program, argv).kind, line).to.equal('run');
        }
      });
    }
  });
}

describe('the pieces of help that the man pages have too', () => {
  it('are one command line for a program, and one for each command', () => {
    expect(synopses(restore)).to.have.length(1);
    expect(synopses(ctlBackups)).to.deep.equal(['ctl_backups [OPTION...] COMMAND ...']);
    expect(synopses(ctlBackups, 'compact')).to.deep.equal([
      'ctl_backups [OPTION...] compact [MODE] [BACKUP...]',
    ]);
  });

  it('are the choices and the default of an option', () => {
    const choice = { type: 'choice', argument: 'LEVEL', values: ['quick', 'full'], help: '' } as const;
    expect(defaultText({ ...choice, default: 'full' })).to.equal(': quick, full (default full)');
    expect(defaultText({ type: 'number', argument: 'N', least: 1, default: 4, help: '' })).to.equal(
      ' (default 4)',
    );
    expect(defaultText({ type: 'flag', help: '' })).to.equal('');
  });
});
