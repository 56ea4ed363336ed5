/** The completions for bash, zsh and fish, as an installation places them, asked by each shell. */
import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../support/machine.ts';
import { needs } from '../support/needs.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** What is typed, and the only word that it can become. */
const LINES: readonly (readonly [typed: string, word: string])[] = [
  ['ctl_backups compa', 'compact'],
  ['ctl_backups compact --force-d', '--force-drop'],
  ['ctl_backups -C /nowhere compact be', 'bethany'],
  ['ctl_backups compact --jobs 2 be', 'bethany'],
  ['ctl_backups verify --level che', 'checksums'],
  ['cyr_backup bet', 'bethany'],
  ['cyr_backup anne du', 'dump'],
  ['cyr_backup anne dump mess', 'message'],
  ['restore --existing ski', 'skip'],
  ['cyrus-backups pass', 'passwd'],
  ['cyrus-backups mount --foreg', '--foreground'],
  ['backupd --lis', '--listen'],
];

const LIST = String.raw`ctl_backups() { printf 'time\tsize\tanne\ntime\tsize\tbethany\n'; }`;

describe('the completions', function () {
  this.timeout(120_000);
  let folder: string;
  let share: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'completions-'));
    share = join(folder, 'usr/local/share');
    const { code, stderr } = await run(process.execPath, [
      join(ROOT, 'build/install/install.mjs'),
      '--destdir',
      folder,
    ]);
    expect(code, stderr).to.equal(0);
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it('of bash propose commands, options, values and users', async function () {
    const calls = LINES.map(([typed]) => `propose ${typed}`).join('\n');
    const script = `source ${share}/bash-completion/completions/cyrus-backups
compopt() { :; }
${LIST}
propose() {
  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _cyrus_backups "$1"; echo "\${COMPREPLY[*]}"
}
${calls}`;
    const { stdout, stderr } = await run('bash', ['--norc', '-c', script]);
    expect(stderr).to.equal('');
    expect(stdout.trimEnd().split('\n')).to.deep.equal(LINES.map(([, word]) => word));
  });

  it('of bash propose nothing that does not go with the command', async function () {
    const script = `source ${share}/bash-completion/completions/cyrus-backups
COMP_WORDS=(ctl_backups list --force-); COMP_CWORD=2; _cyrus_backups ctl_backups; echo "[\${COMPREPLY[*]}]"`;
    const { stdout } = await run('bash', ['--norc', '-c', script]);
    expect(stdout).to.equal('[]\n');
  });

  it('of fish propose the same', async function () {
    needs(this, 'the package fish');
    const calls = LINES.map(([typed]) => `echo (complete -C '${typed}' | cut -f1)`).join('\n');
    const script = `for file in ${share}/fish/vendor_completions.d/*.fish; source $file; end
function ctl_backups; printf 'time\\tsize\\tanne\\ntime\\tsize\\tbethany\\n'; end
${calls}`;
    const { stdout, stderr } = await run('fish', ['--no-config', '-c', script]);
    expect(stderr).to.equal('');
    expect(stdout.trimEnd().split('\n')).to.deep.equal(LINES.map(([, word]) => word));
  });

  it('of zsh propose the same', async function () {
    needs(this, 'the package zsh');
    // A shell on a terminal of its own: the tabulator must complete the line, which it then prints.
    const calls = LINES.map(([typed]) => `try '${typed}'`).join('\n');
    const script = `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "fpath=(${share}/zsh/site-functions \\$fpath); autoload -Uz compinit
compinit -u -d ${folder}/dump; PS1=; unsetopt zle_bracketed_paste
${LIST}
shown() { printf 'LI%s<%s>\\\\n' NE \\"\\$BUFFER\\"; BUFFER=; zle accept-line }; zle -N shown; bindkey '^X' shown; echo REA''DY"
zpty -r shell out '*READY*'
try() {
  zpty -w -n shell "$1"$'\\t'
  zpty -w -n shell $'\\x18'
  zpty -r shell out '*LINE<*>*'
  out=\${out##*LINE<}
  print -r -- "\${out%%>*}"
}
${calls}`;
    const { stdout, stderr } = await run('zsh', ['-f', '-c', script]);
    expect(stderr).to.equal('');
    const words = stdout.split('\n').slice(0, LINES.length);
    expect(words.map((line) => line.trimEnd().split(' ').at(-1))).to.deep.equal(
      LINES.map(([, word]) => word),
    );
  });
});
