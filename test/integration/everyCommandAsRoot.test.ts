/**
 * Every subcommand, run by root on a store of another account: whatever it does, all files of the
 * store belong to that account afterwards, and nobody else may read them.
 */
import { expect } from 'chai';
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SUBCOMMANDS } from '../../src/cli/cyrus-backups/subcommands.ts';
import { ctlBackups } from '../../src/cli/ctl_backups/program/program.ts';
import { cyrBackup } from '../../src/cli/cyr_backup/program.ts';
import type { OperandSpec } from '../../src/cli/common/commandLine/program.ts';
import { SampleSite } from '../backup/sampleBackup.ts';
import { run } from '../support/machine.ts';
import { needs } from '../support/needs.ts';

const BIN = new URL('../../bin/', import.meta.url).pathname;
const OWNER = 4711;

/** Operands and options that matter; all other operands that a command needs are made up. */
const OPERANDS: Readonly<Record<string, readonly string[]>> = {
  passwd: ['repluser'],
  adopt: ['--apply'],
  undo: ['--between', '2h', '1h', '127.0.0.1:1', 'anne'],
  search: ['anything'],
  setup: ['--no-test', '--account', '4711', '--password-file', '-'],
  // The mountpoint is missing, so that nothing stays mounted.
  mount: ['/nonexistent/mountpoint'],
};

/** Makes up the operands that must be given. No server listens at port 1. */
function madeUp(operands: readonly OperandSpec[] = []): string[] {
  const values: Record<string, string> = { SERVER: '127.0.0.1:1', USER: 'anne', ID: '1' };
  return operands.filter(({ isOptional }) => isOptional !== true).map(({ name }) => values[name] ?? 'x');
}

const CTL_OPERANDS: Readonly<Record<string, readonly string[]>> = {
  move: ['anne', 'two'],
  rename: ['anne', 'bethany'],
  retention: ['anne', '30d'],
  reconstruct: [],
  delete: ['bob@example.com'],
  lock: ['-x', 'true', 'anne'],
};

/** These remove or rename what the others work on. */
const LAST = ['move', 'rename', 'delete', 'reconstruct'];

describe('every command as root, on a store of another account', function () {
  this.timeout(300_000);
  let site: SampleSite;

  before(async function () {
    needs(this, 'root');
    site = await SampleSite.create(['anne', 'bob@example.com']);
    mkdirSync(join(site.folder, 'two'), { mode: 0o700 });
    mkdirSync(join(site.folder, 'up'), { mode: 0o700 });
    const more = [`backuppartition-two: ${site.folder}/two`, `backup_staging_path: ${site.folder}/up`];
    writeFileSync(site.config, `${more.join('\n')}\nadmins: repluser\n`, { flag: 'a' });
    chmodSync(site.folder, 0o755);
    for (const path of below()) {
      chownSync(path, OWNER, OWNER);
      if (lstatSync(path).isDirectory()) chmodSync(path, 0o700);
    }
  });
  after(() => site?.remove());

  function below(): string[] {
    return ['conf', 'data', 'two', 'up'].flatMap((folder) => {
      const path = join(site.folder, folder);
      const names = readdirSync(path, { recursive: true, encoding: 'utf8' });
      return [path, ...names.map((name) => join(path, name))];
    });
  }

  async function leavesOwners(program: string, args: readonly string[]): Promise<void> {
    const { code, stdout, stderr } = await run(join(BIN, program), args, { input: 'secret\n', cwd: '/' });
    expect(code, `killed: ${stdout}${stderr}`).to.be.at.least(0);
    expect(stderr).to.not.match(/unknown (command|option)|is missing/);
    const wrong = below().flatMap((path) => {
      const { uid, gid, mode } = lstatSync(path);
      const isWell = uid === OWNER && gid === OWNER && (mode & 0o007) === 0;
      return isWell ? [] : [`${path.slice(site.folder.length)} ${uid}:${gid} ${(mode & 0o777).toString(8)}`];
    });
    expect(wrong, `${program} ${args.join(' ')}: ${stdout}${stderr}`).to.deep.equal([]);
  }

  for (const [command, { program }] of Object.entries(SUBCOMMANDS)) {
    it(`cyrus-backups ${command}`, () => {
      const operands = OPERANDS[command] ?? madeUp(program.operands);
      return leavesOwners('cyrus-backups', [command, '-C', site.config, ...operands]);
    });
  }

  for (const [command, { operands }] of Object.entries(cyrBackup.commands ?? {})) {
    it(`cyr_backup ${command}`, () =>
      leavesOwners('cyr_backup', ['-C', site.config, 'anne', ...command.split(' '), ...madeUp(operands)]));
  }

  it('restore', () =>
    leavesOwners('restore', ['-C', site.config, '--to', `maildir:${join(site.folder, 'out')}`, 'anne']));

  const commands = Object.keys(ctlBackups.commands ?? {});
  for (const command of [...commands.filter((name) => !LAST.includes(name)), ...LAST]) {
    it(`ctl_backups ${command}`, () => {
      const operands = CTL_OPERANDS[command] ?? ['anne'];
      return leavesOwners('ctl_backups', ['-C', site.config, '-F', command, ...operands]);
    });
  }
});
