/** A Cyrus server that stops answering is given up after a time, and the error says at what. */
import { expect } from 'chai';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { BackupError } from '../../src/errors.ts';
import { SyncClient } from '../../src/restore/cyrus/syncClient.ts';
import { XbackupClient } from '../../src/restore/connection/xbackup.ts';

const GREETING = '* SASL PLAIN\r\n* STARTTLS\r\n* OK mail Cyrus sync server v3.6.1\r\n';
const IMAP = '* OK [CAPABILITY IMAP4rev1] mail Cyrus IMAP 3.6.1 ready\r\n';
const CAPABLE = '* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR X-REPLICATION\r\n';

describe('a Cyrus server that is silent', () => {
  let server: Server;
  const sockets: Socket[] = [];
  const timers: NodeJS.Timeout[] = [];

  async function serve(greeting: string, answers: readonly [RegExp, string][] = []): Promise<void> {
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.write(greeting);
      socket.on('data', (data) => {
        const answer = answers.find(([pattern]) => pattern.test(data.toString()));
        if (answer !== undefined) socket.write(answer[1]);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  }

  afterEach(() => {
    for (const timer of timers) clearInterval(timer);
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  const OPTIONS = {
    credentials: { user: 'admin', password: 'secret', realm: undefined },
    tls: null,
    allowsClear: true,
    compress: false,
    connectTimeoutMs: 200,
    silenceTimeoutMs: 300,
  };

  async function failure(run: () => Promise<unknown>): Promise<string> {
    const error: unknown = await run().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof BackupError)) throw new Error(`no BackupError: ${String(error)}`);
    expect(error.kind).to.equal('closed');
    return error.message;
  }

  function address() {
    const { port } = server.address() as AddressInfo;
    return { host: '127.0.0.1', ports: [port], isImplicitTls: false, user: undefined };
  }

  const client = (options = {}): Promise<SyncClient> =>
    SyncClient.connect(address(), { ...OPTIONS, ...options });

  it('before its greeting, also where it sends a byte now and then', async () => {
    await serve('');
    expect(await failure(client)).to.match(/: no greeting in 0\.2 s \(--timeout\)$/);
    server.close();
    await serve('* SASL');
    server.on('connection', (socket) => timers.push(setInterval(() => socket.write('.'), 50)));
    expect(await failure(client)).to.match(/: no greeting in 0\.2 s/);
  });

  it('at STARTTLS, in the handshake, and at the login', async () => {
    const tls = { ca: undefined, verify: false };
    await serve(GREETING);
    expect(await failure(() => client({ tls }))).to.match(/: no answer to STARTTLS in 0\.2 s/);
    server.close();
    await serve(GREETING, [[/STARTTLS/, 'OK begin\r\n']]);
    expect(await failure(() => client({ tls }))).to.match(/: no answer (?:in|to STARTTLS in) 0\.2 s/);
    server.close();
    await serve(GREETING);
    expect(await failure(client)).to.match(/: no answer to the login in 0\.3 s/);
  });

  it('at a command, and where it takes no more of an upload', async () => {
    await serve(GREETING, [[/AUTHENTICATE/, 'OK in\r\n']]);
    expect(await failure(async () => (await client()).get('MAILBOXES (user.anne)'))).to.match(
      /: no answer to GET MAILBOXES in 0\.3 s \(--timeout\)$/,
    );
    server.on('connection', (socket) => socket.once('data', () => setImmediate(() => socket.pause())));
    const huge = Buffer.alloc(64 * 1024 * 1024);
    const upload = { guid: 'f'.repeat(40), sizeBytes: huge.length, pieces: () => [huge, huge] };
    expect(await failure(async () => (await client()).upload('default', [upload]))).to.match(
      /: no answer to APPLY MESSAGE in 0\.3 s/,
    );
  });

  it('at XBACKUP, and does not put that down to the channel', async () => {
    await serve(IMAP, [
      [/^R1 CAPABILITY/, `${CAPABLE}R1 OK done\r\n`],
      [/^R2 AUTHENTICATE/, 'R2 OK in\r\n'],
      [/^R3 CAPABILITY/, `${CAPABLE}R3 OK done\r\n`],
    ]);
    const run = async (): Promise<void> => {
      const xbackup = await XbackupClient.connect(address(), OPTIONS);
      await xbackup.backUp('*', 'backup', () => undefined);
    };
    expect(await failure(run)).to.match(/: no answer to XBACKUP \* in 0\.3 s/);
  });
});
