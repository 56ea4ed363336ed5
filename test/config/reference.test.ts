import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { KEYS } from '../../src/config/keys.ts';

const ROOT = new URL('../../../', import.meta.url).pathname;

describe('docs/reference/exit-codes.md', () => {
  it('is what `make docs` writes from the tables of codes and kinds', () => {
    const check = spawnSync(process.execPath, ['build/exitCodes.mjs', '--check'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect({ status: check.status, stderr: check.stderr }).to.deep.equal({ status: 0, stderr: '' });
  });
});

describe('docs/reference/configuration.md', () => {
  it('is what `make docs` writes from the table of keys', () => {
    const check = spawnSync(process.execPath, ['build/configurationReference.mjs', '--check'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect(check.stderr).to.equal('');
    expect(check.status).to.equal(0);
  });

  it('has an entry for each key, and its lines are at most 100 columns wide', () => {
    const page = readFileSync(`${ROOT}docs/reference/configuration.md`, 'utf8');
    const entries = [...page.matchAll(/^### (\S+)$/gm)].map(([, name]) => name);
    expect(entries).to.have.members(KEYS.map(({ name }) => name));
    const wide = page.split('\n').filter((line) => line.length > 100 && line.includes(' '));
    expect(wide).to.deep.equal([]);
  });
});
