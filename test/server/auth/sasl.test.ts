import { expect } from 'chai';
import * as fc from 'fast-check';
import { BackupError } from '../../../src/errors.ts';
import { offeredMechanisms, startMechanism, type SaslStep } from '../../../src/server/auth/sasl.ts';

const verify = (user: string, password: string): Promise<boolean> =>
  Promise.resolve(user === 'anne' && password === 'sécret');

const plain = (data: Buffer | string | null): Promise<SaslStep> =>
  startMechanism('PLAIN', verify).step(typeof data === 'string' ? Buffer.from(data) : data);

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
    const exchange = startMechanism('plain', verify);
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
      expect(error.message).to.equal('authentication failed');
    }
  });

  it('lets nobody in by luck, whatever the bytes', () =>
    fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (bytes) => {
        expect(await failureOf(plain(Buffer.from(bytes)))).to.be.instanceOf(BackupError);
      }),
    ));

  it('is not mistaken for a mechanism that there is not', () => {
    expect(() => startMechanism('GSSAPI', verify)).to.throw(BackupError, 'no such');
  });
});

describe('offered mechanisms', () => {
  const rules = { mechList: [], isEncrypted: false, allowPlaintext: false, minimumLayer: 0 };

  it('send no password over an open wire unless that is allowed', () => {
    expect(offeredMechanisms(rules)).to.deep.equal([]);
    expect(offeredMechanisms({ ...rules, allowPlaintext: true })).to.deep.equal(['PLAIN']);
    expect(offeredMechanisms({ ...rules, isEncrypted: true })).to.deep.equal(['PLAIN']);
  });

  it('wait for encryption where a layer is demanded, and keep to the list', () => {
    const open = { ...rules, allowPlaintext: true };
    expect(offeredMechanisms({ ...open, minimumLayer: 1 })).to.deep.equal([]);
    expect(offeredMechanisms({ ...open, minimumLayer: 1, isEncrypted: true })).to.deep.equal(['PLAIN']);
    expect(offeredMechanisms({ ...open, mechList: ['login', 'plain'] })).to.deep.equal(['PLAIN']);
    expect(offeredMechanisms({ ...open, mechList: ['GSSAPI'] })).to.deep.equal([]);
  });
});
