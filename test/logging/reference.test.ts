import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { EVENTS } from '../../src/logging/events.ts';

const ROOT = new URL('../../../', import.meta.url).pathname;

describe('docs/reference/log.md', () => {
  it('is what `make docs` writes from the table of log lines', () => {
    const args = ['build/logReference.mjs', '--check'];
    const check = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
    expect(check.stderr).to.equal('');
    expect(check.status).to.equal(0);
  });

  it('names a cure for each warning and error, and every field of a text', () => {
    for (const [name, { level, text, fields, cure }] of Object.entries(EVENTS)) {
      if (level === 'error' || (level === 'warn' && name !== 'not-sent')) expect(cure, name).to.not.equal('');
      for (const [, field] of text.matchAll(/\{(\w+)\}/g)) expect(fields, name).to.include(field);
    }
  });
});
