import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BackupError } from '../../../src/errors.ts';
import { setPassword } from '../../../src/config/passwordFile.ts';
import { verifyBySaslauthd } from '../../../src/server/auth/saslauthd.ts';
import { createPasswords } from '../../../src/server/auth/verifier.ts';

const counted = (text: string): Buffer =>
  Buffer.concat([Buffer.from([0, Buffer.byteLength(text)]), Buffer.from(text)]);

describe('checking passwords', () => {
  let scratch: string;
  let socketPath: string;
  let server: Server;
  let asked: Buffer[];
  let answer: (socket: Socket) => void;

  beforeEach(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'verify-'));
    socketPath = join(scratch, 'mux');
    asked = [];
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (data) => {
        asked.push(data);
        answer(socket);
      });
    });
    server.listen(socketPath);
    await once(server, 'listening');
  });
  afterEach(() => {
    server.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  const ask = (user: string, password: string): Promise<boolean> =>
    verifyBySaslauthd(user, password, { socketPath, service: 'csync', timeoutMs: 200 });

  it('asks saslauthd with user, password, service and realm', async () => {
    answer = (socket) => socket.end(counted('OK'));
    expect(await ask('anne@example.com', 'pw')).to.equal(true);
    expect(asked[0]).to.deep.equal(Buffer.concat(['anne', 'pw', 'csync', 'example.com'].map(counted)));
    expect(await ask('anne', 'pw')).to.equal(true);
    expect(asked[1]).to.deep.equal(Buffer.concat(['anne', 'pw', 'csync', ''].map(counted)));
  });

  it('takes nothing but OK for a yes, even byte by byte', async () => {
    answer = (socket) => [...counted('NO reason OK')].forEach((byte) => socket.write(Buffer.from([byte])));
    expect(await ask('anne', 'pw')).to.equal(false);
    answer = (socket) => socket.end(counted('OKAY'));
    expect(await ask('anne', 'pw')).to.equal(false);
    expect(await ask('anne', 'x'.repeat(2000))).to.equal(false);
    expect(asked).to.have.length(2);
  });

  it('fails where saslauthd is gone, silent or breaks off, and keeps the password to itself', async () => {
    const failures: unknown[] = [];
    answer = (socket) => socket.destroy();
    failures.push(await ask('anne', 'hushhush').catch((error: unknown) => error));
    answer = () => undefined;
    failures.push(await ask('anne', 'hushhush').catch((error: unknown) => error));
    server.close();
    const none = { socketPath: join(scratch, 'none'), service: 'csync' };
    failures.push(await verifyBySaslauthd('anne', 'hushhush', none).catch((error: unknown) => error));
    for (const error of failures) {
      expect(error).to.be.instanceOf(BackupError).with.property('kind', 'io');
      expect((error as BackupError).message).to.not.include('hushhush');
    }
  });

  it('goes through the methods in order, and by default prefers the file where there is one', async () => {
    answer = (socket) => socket.end(counted('OK'));
    const passwdFile = join(scratch, 'backup.passwd');
    const options = { passwdFile, saslauthd: { socketPath, service: 'csync' } };
    const byDefault = createPasswords({ ...options, pwcheckMethods: [] });
    expect(await byDefault.verify('anne', 'anything')).to.equal(true);
    expect(byDefault.scram(), 'there is no file').to.equal(null);
    await setPassword(passwdFile, 'anne', 'right');
    expect(await byDefault.verify('anne', 'anything')).to.equal(false);
    expect(await byDefault.verify('anne', 'right')).to.equal(true);
    expect(asked).to.have.length(1);
    const both = createPasswords({ ...options, pwcheckMethods: ['auxprop', 'saslauthd'] });
    expect(await both.verify('anne', 'anything')).to.equal(true);
    expect(asked).to.have.length(2);
    expect(both.scram(), 'some are known to saslauthd only').to.equal(null);
    expect(byDefault.scram()?.lookup('anne', 'SCRAM-SHA-256')).to.have.property('iterations');
    expect(() => createPasswords({ ...options, pwcheckMethods: ['alwaystrue'] })).to.throw(
      BackupError,
      'alwaystrue',
    );
  });
});
