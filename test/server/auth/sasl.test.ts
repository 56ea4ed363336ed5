import { expect } from 'chai';
import * as fc from 'fast-check';
import { decoyCredential } from '../../../src/config/scramCredential.ts';
import { BackupError } from '../../../src/errors.ts';
import { NO_TLS } from '../../../src/server/auth/exchange.ts';
import type { Passwords, SaslStep } from '../../../src/server/auth/exchange.ts';
import { offeredMechanisms, startMechanism } from '../../../src/server/auth/sasl.ts';

const passwords: Passwords = {
  verify: (user, password) => Promise.resolve(user === 'anne' && password === 'sécret'),
  scram: () => null,
};
const withScram: Passwords = {
  ...passwords,
  scram: () => ({
    lookup: () => null,
    decoy: (user) => decoyCredential('SCRAM-SHA-256', user, Buffer.alloc(1)),
  }),
};
const TLS = { layerBits: 256, clientUser: null };

const plain = (data: Buffer | string | null): Promise<SaslStep> =>
  startMechanism('PLAIN', passwords, NO_TLS).step(typeof data === 'string' ? Buffer.from(data) : data);

async function failureOf(attempt: Promise<unknown>): Promise<BackupError> {
  try {
    await attempt;
  } catch (error) {
    return error as BackupError;
  }
  throw new Error('it was let in');
}

describe('SASL PLAIN', () => {
  it('lets in who knows the password, with or without naming oneself twice', async () => {
    expect(await plain('\0anne\0sécret')).to.deep.equal({ done: true, user: 'anne' });
    expect(await plain('anne\0anne\0sécret')).to.deep.equal({ done: true, user: 'anne' });
  });

  it('asks with an empty challenge where there was no initial response', async () => {
    const exchange = startMechanism('plain', passwords, NO_TLS);
    expect(await exchange.step(null)).to.deep.equal({ done: false, challenge: Buffer.alloc(0) });
    expect(await exchange.step(Buffer.from('\0anne\0sécret'))).to.deep.equal({ done: true, user: 'anne' });
  });

  it('refuses the wrong password, another’s authority and anything malformed, all with the same words', async () => {
    const texts = [
      '\0anne\0wrong',
      '\0nobody\0x',
      'admin\0anne\0sécret',
      '',
      'anne',
      '\0anne',
      '\0\0x',
      '\0anne\0',
      'a\0anne\0sécret\0',
    ];
    const errors = await Promise.all(texts.map((text) => failureOf(plain(text))));
    errors.push(await failureOf(plain(Buffer.from('\0anne\0\xff\xfe', 'latin1'))));
    errors.push(await failureOf(plain(`\0anne\0${'x'.repeat(10_000)}`)));
    for (const error of errors) {
      expect(error).to.be.instanceOf(BackupError).with.property('kind', 'auth');
      expect(error.message).to.be.oneOf([
        'malformed response',
        'wrong name or password',
        'asks to act for another user',
      ]);
    }
  });

  it('lets nobody in by luck, whatever the bytes', () =>
    fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (bytes) => {
        expect(await failureOf(plain(Buffer.from(bytes)))).to.be.instanceOf(BackupError);
      }),
    ));

  it('is not mistaken for a mechanism that there is not', () => {
    expect(() => startMechanism('GSSAPI', passwords, TLS)).to.throw(BackupError, 'no such');
  });
});

describe('SASL LOGIN', () => {
  it('asks for the name, then for the password', async () => {
    const login = startMechanism('LOGIN', passwords, TLS);
    expect(await login.step(null)).to.deep.equal({ done: false, challenge: Buffer.from('Username:') });
    const second = await login.step(Buffer.from('anne'));
    expect(second).to.deep.equal({ done: false, challenge: Buffer.from('Password:') });
    expect(await login.step(Buffer.from('sécret'))).to.deep.equal({ done: true, user: 'anne' });
  });

  it('takes the name as an initial response, and refuses the wrong password and nothing at all', async () => {
    for (const [name, password] of [
      ['anne', 'wrong'],
      ['anne', ''],
      ['', 'sécret'],
      ['an\0ne', 'sécret'],
    ] as const) {
      const login = startMechanism('LOGIN', passwords, TLS);
      const tried = login.step(Buffer.from(name)).then(() => login.step(Buffer.from(password)));
      expect(await failureOf(tried)).to.have.property('kind', 'auth');
    }
  });
});

describe('SASL EXTERNAL', () => {
  const external = (data: string | null): Promise<SaslStep> =>
    startMechanism('EXTERNAL', passwords, { layerBits: 256, clientUser: 'repl' }).step(
      data === null ? null : Buffer.from(data),
    );

  it('lets in whom the certificate names, as nobody else', async () => {
    expect(await external('')).to.deep.equal({ done: true, user: 'repl' });
    expect(await external('repl')).to.deep.equal({ done: true, user: 'repl' });
    expect(await external(null)).to.deep.equal({ done: false, challenge: Buffer.alloc(0) });
    expect(await failureOf(external('admin'))).to.have.property('kind', 'auth');
  });

  it('is not there without a certificate, named or not', () => {
    expect(() => startMechanism('EXTERNAL', passwords, TLS)).to.throw(BackupError, 'no such');
  });
});

describe('offered mechanisms', () => {
  const rules = { mechList: [], allowPlaintext: false, isTlsRequired: false, minimumLayer: 0 };

  it('send no password over an open wire unless that is allowed', () => {
    expect(offeredMechanisms(rules, passwords, NO_TLS)).to.deep.equal([]);
    const allowed = { ...rules, allowPlaintext: true };
    expect(offeredMechanisms(allowed, passwords, NO_TLS)).to.deep.equal(['PLAIN', 'LOGIN']);
    expect(offeredMechanisms(rules, passwords, TLS)).to.deep.equal(['PLAIN', 'LOGIN']);
  });

  it('put what shows no password first, and EXTERNAL where a certificate says who it is', () => {
    const scram = ['SCRAM-SHA-256', 'SCRAM-SHA-1'];
    expect(offeredMechanisms(rules, withScram, NO_TLS)).to.deep.equal(scram);
    const known = { ...TLS, clientUser: 'repl' };
    const all = ['EXTERNAL', ...scram, 'PLAIN', 'LOGIN'];
    expect(offeredMechanisms(rules, withScram, known)).to.deep.equal(all);
  });

  it('wait for TLS where it is demanded, and for as many bits of it as are', () => {
    const open = { ...rules, allowPlaintext: true };
    for (const strict of [
      { ...open, minimumLayer: 1 },
      { ...open, minimumLayer: 256 },
      { ...open, isTlsRequired: true },
    ]) {
      expect(offeredMechanisms(strict, withScram, NO_TLS)).to.deep.equal([]);
      expect(offeredMechanisms(strict, withScram, TLS)).to.include('PLAIN');
    }
    expect(offeredMechanisms({ ...open, minimumLayer: 257 }, withScram, TLS)).to.deep.equal([]);
    const weaker = { ...TLS, layerBits: 128 };
    expect(offeredMechanisms({ ...open, minimumLayer: 129 }, withScram, weaker)).to.deep.equal([]);
  });

  it('keep to the list', () => {
    const offered = (...mechList: string[]): string[] =>
      offeredMechanisms({ ...rules, mechList }, withScram, TLS);
    expect(offered('plain', 'scram-sha-1')).to.deep.equal(['SCRAM-SHA-1', 'PLAIN']);
    expect(offered('GSSAPI', 'EXTERNAL')).to.deep.equal([]);
  });
});
