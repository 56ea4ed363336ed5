/** SCRAM, server side: the RFCs' examples word for word, and every way in which a client may be wrong. */
import { expect } from 'chai';
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import * as fc from 'fast-check';
import { decoyCredential, deriveCredential } from '../../../src/config/scramCredential.ts';
import type { ScramCredential, ScramMechanism } from '../../../src/config/scramCredential.ts';
import { BackupError } from '../../../src/errors.ts';
import { mechanismsFor } from '../../../src/restore/connection/saslClient.ts';
import type { SaslExchange, ScramCredentials } from '../../../src/server/auth/exchange.ts';
import { startScram } from '../../../src/server/auth/scram.ts';

interface Example {
  readonly mechanism: ScramMechanism;
  readonly salt: string;
  readonly clientFirst: string;
  readonly serverNonce: string;
  readonly serverFirst: string;
  readonly clientFinal: string;
  readonly serverFinal: string;
}

/** User "user", password "pencil". */
const examples: readonly Example[] = [
  {
    mechanism: 'SCRAM-SHA-256', // RFC 7677, section 3
    salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
    clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
    serverNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    clientFinal:
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
  {
    mechanism: 'SCRAM-SHA-1', // RFC 5802, section 5
    salt: 'QSXCR+Q6sek8bf92',
    clientFirst: 'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL',
    serverNonce: '3rfcNHYJY1ZVvWVs7j',
    serverFirst: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    clientFinal: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    serverFinal: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
];
const [sha256] = examples as [Example];

const SECRET = Buffer.from('a secret of the server');

function credentialsOf(user: string, credential: ScramCredential): ScramCredentials {
  return {
    lookup: (asked) => (asked === user ? credential : null),
    decoy: (asked, mechanism) => decoyCredential(mechanism, asked, SECRET),
  };
}

async function credentialsFor({ mechanism, salt }: Example, user = 'user'): Promise<ScramCredentials> {
  const settings = { salt: Buffer.from(salt, 'base64'), iterations: 4096 };
  return credentialsOf(user, await deriveCredential(mechanism, 'pencil', settings));
}

async function say(exchange: SaslExchange, text: string): Promise<string> {
  const step = await exchange.step(Buffer.from(text));
  return step.done ? `user ${step.user}` : step.challenge.toString();
}

async function failureOf(attempt: Promise<unknown>): Promise<BackupError> {
  try {
    await attempt;
  } catch (error) {
    return error as BackupError;
  }
  throw new Error('it was let in');
}

/** The proof of one who knows the password of the first example. */
function proofOf(signed: string): string {
  const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const salted = pbkdf2Sync('pencil', Buffer.from(sha256.salt, 'base64'), 4096, 32, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  const signature = hmac(createHash('sha256').update(clientKey).digest(), signed);
  return Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))).toString('base64');
}

/** Runs both messages of a client and answers how that fails. */
async function refused(example: Example, first: string, final: string): Promise<BackupError> {
  const exchange = startScram(example.mechanism, await credentialsFor(example), example.serverNonce);
  return failureOf(say(exchange, first).then(() => say(exchange, final)));
}

for (const example of examples) {
  const { mechanism, clientFirst, clientFinal } = example;
  describe(mechanism, () => {
    it('speaks as in the RFC’s example', async () => {
      const exchange = startScram(mechanism, await credentialsFor(example), example.serverNonce);
      expect(await exchange.step(null)).to.deep.equal({ done: false, challenge: Buffer.alloc(0) });
      expect(await say(exchange, clientFirst)).to.equal(example.serverFirst);
      expect(await say(exchange, clientFinal)).to.equal(example.serverFinal);
      expect(await say(exchange, '')).to.equal('user user');
    });

    it('lets in nobody before the last message, which is empty', async () => {
      const exchange = startScram(mechanism, await credentialsFor(example), example.serverNonce);
      await say(exchange, clientFirst);
      await say(exchange, clientFinal);
      await failureOf(say(exchange, 'more'));
    });

    it('agrees with our own client, for names and passwords of all kinds', async () => {
      const user = 'a,b=c ünïcode';
      const password = 'pass, wörd=3D';
      const salt = Buffer.from('salty');
      const credential = await deriveCredential(mechanism, password, { salt, iterations: 7 });
      const exchange = startScram(mechanism, credentialsOf(user, credential));
      const [choice] = mechanismsFor([mechanism], { user, password, realm: undefined });
      const client = choice?.start();
      let answer = '';
      for (let message = client?.next(Buffer.alloc(0)); message?.done === false;) {
        answer = await say(exchange, message.value.toString());
        message = client?.next(Buffer.from(answer));
      }
      expect(answer).to.equal(`user ${user}`);
    });

    it('refuses a proof, nonce or channel binding that was tampered with, all in the same words', async () => {
      const changed = [
        clientFinal.replace(/p=./, 'p=A'),
        clientFinal.replace(/p=.*/, 'p=AAAA'),
        `${clientFinal}AAAA`,
        clientFinal.replace(/,p=.*/, ''),
        clientFinal.replace(/r=./, 'r=x'),
        clientFinal.replace(example.serverNonce, ''),
        clientFinal.replace('c=biws', 'c=eSws'), // "y,,"
        clientFinal.replace('c=biws', 'c=cD10bHMtdW5pcXVlLCw='), // "p=tls-unique,,"
        clientFinal.replace('c=biws', 'c='),
        clientFinal.replace('c=biws,', ''),
        '',
        '*',
      ];
      for (const final of changed) {
        const error = await refused(example, clientFirst, final);
        expect(error, final).to.be.instanceOf(BackupError).with.property('kind', 'auth');
        expect(error.message).to.be.oneOf([
          'malformed response',
          'wrong name or password',
          'asks to act for another user',
        ]);
      }
    });
  });
}

describe('SCRAM', () => {
  it('refuses channel binding, mandatory extensions and what is no first message', async () => {
    const wrong = [
      'p=tls-unique,,n=user,r=abc',
      'p=tls-server-end-point,,n=user,r=abc',
      'n,,m=new,n=user,r=abc',
      'n,,n=user',
      'n,,n=,r=abc',
      'n,,n=user,r=',
      'n,,n=user,r=a bc',
      'n,,n=us=er,r=abc',
      'n,,n=us=2cer,r=abc',
      'x,,n=user,r=abc',
      'n,n=user,r=abc',
      '',
    ];
    for (const first of wrong) {
      const exchange = startScram(sha256.mechanism, await credentialsFor(sha256));
      expect(await failureOf(say(exchange, first)), first).to.have.property('kind', 'auth');
    }
  });

  it('lets one act for oneself alone: the proof is right, only the authzid is another’s', async () => {
    const attempt = async (authzid: string): Promise<string> => {
      const exchange = startScram('SCRAM-SHA-256', await credentialsFor(sha256));
      const header = `n,a=${authzid},`;
      const challenge = await say(exchange, `${header}n=user,r=abc`);
      const final = `c=${Buffer.from(header).toString('base64')},${challenge.replace(/,s=.*/, '')}`;
      const proof = proofOf(`n=user,r=abc,${challenge},${final}`);
      await say(exchange, `${final},p=${proof}`);
      return say(exchange, '');
    };
    expect(await attempt('user')).to.equal('user user');
    expect(await failureOf(attempt('admin'))).to.have.property('kind', 'auth');
  });

  it('takes the same path for a user who is not known: same salt each time, same iterations as a new one', async () => {
    const credentials = await credentialsFor(sha256);
    const first = (user: string): Promise<string> =>
      say(startScram('SCRAM-SHA-256', credentials, 'N'), `n,,n=${user},r=abc`);
    expect(await first('nobody')).to.match(/^r=abcN,s=[A-Za-z0-9+/]{22}==,i=65536$/);
    expect(await first('nobody')).to.equal(await first('nobody'));
    expect(await first('nobody')).to.not.equal(await first('someone'));
    const exchange = startScram('SCRAM-SHA-256', credentials, 'N');
    await say(exchange, 'n,,n=nobody,r=abc');
    const error = await failureOf(say(exchange, `c=biws,r=abcN,p=${'A'.repeat(43)}=`));
    expect(error.message).to.be.oneOf([
      'malformed response',
      'wrong name or password',
      'asks to act for another user',
    ]);
  });

  it('lets nobody in with the decoy: who knew its keys would still be unknown', async () => {
    const decoy = decoyCredential('SCRAM-SHA-256', 'nobody', SECRET);
    const known = await deriveCredential('SCRAM-SHA-256', 'guessed', decoy);
    const lucky: ScramCredentials = { lookup: () => null, decoy: () => known };
    const exchange = startScram('SCRAM-SHA-256', lucky);
    const [choice] = mechanismsFor(['SCRAM-SHA-256'], {
      user: 'nobody',
      password: 'guessed',
      realm: undefined,
    });
    const client = choice?.start();
    const challenge = await say(exchange, String(client?.next(Buffer.alloc(0)).value));
    await failureOf(say(exchange, String(client?.next(Buffer.from(challenge)).value)));
  });

  it('lets nobody in by luck, whatever the bytes, and never with another error', () =>
    fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 60 }),
        fc.uint8Array({ maxLength: 60 }),
        async (first, final) => {
          const exchange = startScram(
            'SCRAM-SHA-256',
            credentialsOf('user', decoyCredential('SCRAM-SHA-256', '', SECRET)),
          );
          const attempt = exchange.step(Buffer.from(first)).then(() => exchange.step(Buffer.from(final)));
          expect(await failureOf(attempt)).to.be.instanceOf(BackupError);
        },
      ),
    ));
});
