/** Logging in, against the examples of the RFCs and against a server's side that knows, or does not know, the password. */
import { expect } from 'chai';
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { BackupError } from '../../../src/errors.ts';
import { mechanismsFor } from '../../../src/restore/connection/saslClient.ts';
import type { Mechanism } from '../../../src/restore/connection/saslClient.ts';

const credentials = { user: 'user', password: 'pencil', realm: undefined };
const SALT = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

function next(mechanism: Mechanism, answer = ''): string {
  const step = mechanism.next(Buffer.from(answer));
  return step.done === true ? 'done' : step.value.toString();
}

function start(name: string): Mechanism {
  const [choice] = mechanismsFor([name], credentials);
  if (choice === undefined) throw new Error(`no ${name}`);
  return choice.start();
}

/** RFC 5802's server, with a password: answers the server's last message, or throws where the proof is wrong. */
function serverFinal(
  password: string,
  clientFirst: string,
  serverFirst: string,
  clientFinal: string,
): string {
  const salted = pbkdf2Sync(password, SALT, 4096, 32, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  const stored = createHash('sha256').update(clientKey).digest();
  const authMessage = `${clientFirst.slice(3)},${serverFirst},${clientFinal.replace(/,p=.*$/, '')}`;
  const proof = Buffer.from(/,p=(.*)$/.exec(clientFinal)?.[1] ?? '', 'base64');
  const key = Buffer.from(hmac(stored, authMessage).map((byte, at) => byte ^ (proof[at] ?? 0)));
  if (!createHash('sha256').update(key).digest().equals(stored)) throw new Error('wrong proof');
  return `v=${hmac(hmac(salted, 'Server Key'), authMessage).toString('base64')}`;
}

function scramTo(password: string): string {
  const mechanism = start('SCRAM-SHA-256');
  const clientFirst = next(mechanism);
  const nonce = /r=(.*)$/.exec(clientFirst)?.[1] ?? '';
  const serverFirst = `r=${nonce}server,s=${SALT.toString('base64')},i=4096`;
  const clientFinal = next(mechanism, serverFirst);
  return next(mechanism, serverFinal(password, clientFirst, serverFirst, clientFinal));
}

describe('logging in to a server', () => {
  it('PLAIN and LOGIN say name and password, with the realm where there is one', () => {
    expect(next(start('PLAIN'))).to.equal('\0user\0pencil');
    const [choice] = mechanismsFor(['LOGIN'], { ...credentials, realm: 'example.com' });
    const login = choice!.start();
    expect([next(login), next(login, 'Password:')]).to.deep.equal(['user@example.com', 'pencil']);
  });

  it('SCRAM proves the password without saying it, and checks the server', () => {
    expect(scramTo('pencil')).to.equal('');
  });

  it('SCRAM: a server that does not know the password is not believed', () => {
    const mechanism = start('SCRAM-SHA-256');
    const nonce = /r=(.*)$/.exec(next(mechanism))?.[1] ?? '';
    next(mechanism, `r=${nonce}server,s=${SALT.toString('base64')},i=4096`);
    expect(() => next(mechanism, `v=${Buffer.alloc(32).toString('base64')}`)).to.throw(
      BackupError,
      /does not know/,
    );
  });

  it('SCRAM: a challenge that is not for our nonce, or asks for millions of rounds, is refused', () => {
    for (const challenge of ['r=other,s=AAAA,i=4096', 'e=unknown-user']) {
      const mechanism = start('SCRAM-SHA-1');
      next(mechanism);
      expect(() => next(mechanism, challenge)).to.throw(BackupError, /makes no sense/);
    }
    const mechanism = start('SCRAM-SHA-1');
    const nonce = /r=(.*)$/.exec(next(mechanism))?.[1] ?? '';
    expect(() => next(mechanism, `r=${nonce}x,s=AAAA,i=99999999`)).to.throw(BackupError, /makes no sense/);
  });

  it('the best offered is tried first, PLAIN behind it; nothing known is said so', () => {
    const names = (...offered: string[]): string[] =>
      mechanismsFor(offered, credentials).map(({ name }) => name);
    expect(names('PLAIN', 'GSSAPI', 'scram-sha-256')).to.deep.equal(['SCRAM-SHA-256', 'PLAIN']);
    expect(names('LOGIN', 'PLAIN')).to.deep.equal(['PLAIN']);
    expect(() => names('GSSAPI')).to.throw(BackupError, /offered \(GSSAPI\)/);
  });
});
