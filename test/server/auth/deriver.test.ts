import { expect } from 'chai';
import { pbkdf2Sync } from 'node:crypto';
import fs from 'node:fs';
import { Deriver } from '../../../src/server/auth/deriver.ts';

const SALT = Buffer.from('salt');

describe('deriving keys from passwords', () => {
  it('gives what PBKDF2 gives', async () => {
    const key = await new Deriver().deriveFor('a')('secret', SALT, 1000, 32, 'sha256');
    expect(key.equals(pbkdf2Sync('secret', SALT, 1000, 32, 'sha256'))).to.equal(true);
  });

  it('hosts have their turns in a circle: one that guesses a hundred times delays itself', async () => {
    const deriver = new Deriver();
    const order: string[] = [];
    const ask = (host: string, name: string): Promise<unknown> =>
      deriver
        .deriveFor(host)(name, SALT, 100, 32, 'sha256')
        .then(() => order.push(name));
    const all = Array.from({ length: 100 }, (_, at) => ask('bad', `bad ${at}`));
    all.push(ask('good', 'good'));
    await Promise.all(all);
    expect(order.indexOf('good')).to.be.lessThan(3);
    expect(order).to.have.length(101);
  });

  it('leaves the thread pool to the disk: a sync does not wait behind a hundred of them', async () => {
    const deriver = new Deriver();
    let done = 0;
    const all = Array.from({ length: 100 }, () =>
      deriver
        .deriveFor('bad')('guess', SALT, 65_536, 32, 'sha256')
        .then(() => (done += 1)),
    );
    await new Promise<void>((resolve, reject) =>
      fs.stat('.', (error) => (error === null ? resolve() : reject(error))),
    );
    expect(done, 'derived before a look at a file was through').to.be.lessThan(10);
    await Promise.all(all);
  });

  it('one that cannot be had fails by itself', async () => {
    const deriver = new Deriver();
    const failure = await deriver
      .deriveFor('a')('x', SALT, 10, 32, 'no such hash')
      .catch((error: Error) => error);
    expect((failure as Error).message).to.equal('passwords cannot be checked: its thread ended');
    expect((await deriver.deriveFor('a')('x', SALT, 10, 32, 'sha256')).length).to.equal(32);
  });
});
