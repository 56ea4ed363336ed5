/** The man pages agree with the programs' tables, and are formatted without a warning. */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LIMIT_KEYS } from '../../src/config/limitKeys.ts';
import { parseMountOptions } from '../../mount/options.ts';
import { skipLoudly } from '../support/skip.ts';

/** The checkout, from the compiled test. */
const ROOT = new URL('../../../', import.meta.url);
const MAN = new URL('docs/man/', ROOT);

const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');
const page = (name: string): string =>
  read(`docs/man/${name}.8`).replaceAll('\\-', '-').replaceAll(/\\f./g, '');

/** The heads of paragraphs: what a page explains. */
function explained(text: string): string {
  return [...text.matchAll(/^\.TP\n(.*)$/gm)].map(([, head]) => head).join('\n');
}

describe('man pages', () => {
  it('have their synopses and options from the tables, as `make docs` writes them', () => {
    const check = spawnSync(process.execPath, ['build/manPages.mjs', '--check'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect({ status: check.status, stderr: check.stderr }).to.deep.equal({ status: 0, stderr: '' });
  });

  it('cyrus-backups-mount explains every mount option, and all that it explains is taken', () => {
    const values: Record<string, string> = {
      cache: '64M',
      dmode: '0750',
      fmode: '0640',
      umask: '027',
      gid: '5',
      log: 'x',
      threads: '3',
      transport: 'kernel',
      uid: '5',
      at: '@5',
      owner: 'map',
      users: 'a*',
      view: 'mh',
    };
    const section = /^\.SH "MOUNT OPTIONS"\n([^]*?)^\.SH/m.exec(page('cyrus-backups-mount'))?.[1] ?? '';
    const names = [...explained(section).matchAll(/^\.BI? ([a-z_]+)/gm)].map(([, name]) => name as string);
    const unset = parseMountOptions([]);
    const changed = names.map((name) => {
      const set = parseMountOptions([name in values ? `${name}=${values[name]}` : name]);
      return Object.keys(set).filter(
        (key) => set[key as keyof typeof set] !== unset[key as keyof typeof set],
      );
    });
    expect([...new Set(changed.flat())].toSorted()).to.deep.equal(Object.keys(unset).toSorted());
  });

  it('backupd has every limit with its default, and so has the table of the operations page', () => {
    const table = read('docs/guide/operations.md');
    for (const { name, default: value } of LIMIT_KEYS) {
      expect(page('backupd'), name).to.contain(`.IR ${name} " (${value})"`);
      expect(table, name).to.contain(`| ${name} | ${value} |`);
    }
  });

  it('there is one for each program, and all that is there is a page', () => {
    const programs = Object.keys((JSON.parse(read('package.json')) as { bin: object }).bin);
    expect(readdirSync(MAN).toSorted()).to.deep.equal(
      [...programs, 'cyrus-backups-mount'].map((name) => `${name}.8`).toSorted(),
    );
  });

  for (const file of readdirSync(MAN)) {
    it(`${file} is formatted without a warning`, function () {
      const path = fileURLToPath(new URL(file, MAN));
      const { error, stderr, status } = spawnSync('groff', ['-man', '-Tutf8', '-wall', '-z', path], {
        encoding: 'utf8',
      });
      if (error !== undefined) skipLoudly(this, 'groff');
      expect(stderr).to.equal('');
      expect(status).to.equal(0);
    });
  }
});
