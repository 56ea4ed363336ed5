/** The first words of a session, against servers that are made up: what is refused, and what is never said. */
import { expect } from 'chai';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { BackupError } from '../../../src/errors.ts';
import { openSession } from '../../../src/restore/connection/syncLogin.ts';
import type { LoginOptions, Session } from '../../../src/restore/connection/syncLogin.ts';
import { Wire } from '../../../src/restore/connection/wire.ts';

const OPTIONS: LoginOptions = {
  credentials: { user: 'admin', password: 'secret', realm: undefined },
  tls: { ca: undefined, verify: true },
  isImplicitTls: false,
  allowsClear: true,
  compress: false,
};

describe('opening a session', () => {
  let server: Server;
  let sockets: Socket[];
  let heard: string;

  /** A server that greets, and answers lines by the first pattern that matches. */
  async function serve(greeting: string, answers: readonly [RegExp, string][] = []): Promise<void> {
    sockets = [];
    heard = '';
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.write(greeting);
      socket.on('data', (data) => {
        heard += data.toString();
        const answer = answers.find(([pattern]) => pattern.test(data.toString()));
        if (answer !== undefined) socket.write(answer[1]);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  }

  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  async function open(options: Partial<LoginOptions> = {}): Promise<Session> {
    const { port } = server.address() as AddressInfo;
    const wire = await Wire.connect({
      host: '127.0.0.1',
      port,
      connectTimeoutMs: 1000,
      silenceTimeoutMs: 300,
    });
    try {
      return await openSession(wire, { ...OPTIONS, ...options });
    } finally {
      wire.close();
    }
  }

  async function failure(options: Partial<LoginOptions> = {}): Promise<BackupError> {
    const error: unknown = await open(options).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof BackupError)) throw new Error('no BackupError');
    return error;
  }

  const CSYNC = '* SASL PLAIN\r\n* OK mail Cyrus sync server v3.6.1\r\n';

  it('a password is not sent where it could be read, and nothing better is offered', async () => {
    await serve(CSYNC, [[/AUTHENTICATE/, 'OK Success\r\n']]);
    expect(await failure({ allowsClear: false })).to.include({ kind: 'auth' });
    expect(heard).to.equal('');
  });

  it('csync is told from IMAP by its greeting', async () => {
    await serve(CSYNC, [[/AUTHENTICATE PLAIN/, 'OK Success\r\n']]);
    expect((await open()).dialect).to.equal('csync');
    for (const socket of sockets) socket.destroy();
    server.close();
    const capability = '* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR X-REPLICATION\r\n';
    await serve('* OK [CAPABILITY IMAP4rev1] mail ready\r\n', [
      [/^R1 CAPABILITY/, `${capability}R1 OK done\r\n`],
      [/^R2 AUTHENTICATE PLAIN \S+/, 'R2 OK in\r\n'],
      [/^R3 CAPABILITY/, `${capability}R3 OK done\r\n`],
    ]);
    const session = await open();
    expect([session.dialect, session.has('X-REPLICATION')]).to.deep.equal(['imap', true]);
  });

  it('answers in the clear behind STARTTLS are not believed', async () => {
    await serve(`* STARTTLS\r\n${CSYNC}`, [[/STARTTLS/, `OK Begin TLS\r\n${CSYNC}`]]);
    const error = await failure();
    expect(error.kind).to.equal('auth');
    expect(error.message).to.contain('in the clear behind STARTTLS');
    expect(heard).to.equal('STARTTLS\r\n');
  });

  it('a server that is silent, hangs up, says BYE or is something else ends it with a word', async () => {
    await serve('');
    expect((await failure()).message).to.match(/no greeting in 0\.3 s/);
    for (const [greeting, message] of [
      ['* BYE too many connections\r\n', /too many connections/],
      ['220 mail ESMTP\r\n', /OK, NO, BAD or BYE is expected/],
      ['* SASL GSSAPI\r\n* OK mail Cyrus sync server\r\n', /offered \(GSSAPI\)/],
    ] as const) {
      for (const socket of sockets) socket.destroy();
      server.close();
      await serve(greeting);
      expect((await failure()).message, greeting).to.match(message);
    }
  });

  it('compression that is asked for and not offered is refused', async () => {
    await serve(CSYNC, [[/AUTHENTICATE/, 'OK Success\r\n']]);
    expect((await failure({ compress: true })).message).to.contain('cannot compress (-z)');
  });
});
