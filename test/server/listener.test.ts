import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackupError } from '../../src/errors.ts';
import { HostLimits } from '../../src/server/hostLimits.ts';
import { Listener } from '../../src/server/listener.ts';
import type { ServerOptions } from '../../src/server/options.ts';
import { waitUntil } from '../support/machine.ts';
import { SocketReader } from '../support/socketReader.ts';
import { apply, message, upload } from './made.ts';
import { TestServer } from './testServer.ts';

async function closedWithin(reader: SocketReader, limitMs: number): Promise<string[]> {
  const lines: string[] = [];
  const read = async (): Promise<'closed'> => {
    try {
      for (;;) lines.push(await reader.line());
    } catch {
      return 'closed';
    }
  };
  const first = await Promise.race([read(), sleep(limitMs, 'open', { ref: false })]);
  expect(first, 'the connection').to.equal('closed');
  return lines;
}

describe('the listener', () => {
  let server: TestServer;

  afterEach(() => server.stop());

  it('greets in the order that sync_client reads: mechanisms, COMPRESS, then OK with name and version', async () => {
    server = await TestServer.start();
    const reader = await SocketReader.connect(server.port);
    expect(await reader.line()).to.equal('* SASL PLAIN');
    expect(await reader.line()).to.equal('* COMPRESS DEFLATE');
    expect(await reader.line()).to.equal('* OK backup.example.com Cyrus backup server 9.9');
    reader.close();
  });

  it('tells one connection too many so and ends it, and takes the next when another has gone', async () => {
    server = await TestServer.start({ maxConnections: 2 });
    const first = await server.login();
    await server.login();
    const third = await SocketReader.connect(server.port);
    expect(await closedWithin(third, 5000)).to.deep.equal(['* BYE Too many connections']);
    first.close();
    await waitUntil(() => server.logged('closed, 1 commands'), { what: () => server.log.join('\n') });
    expect((await (await server.login()).exchange('NOOP\r\n')).reply).to.equal('OK Noop completed');
  });

  it('names the address that it cannot have', async () => {
    server = await TestServer.start();
    const second = new Listener({} as ServerOptions); // no session begins, so no option is read
    const failure = await second
      .listen({ host: '127.0.0.1', port: server.port })
      .catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(BackupError);
    expect((failure as BackupError).message).to.contain(`127.0.0.1:${server.port}`);
  });

  it('stops at once with sessions that are idle, before and after the login and in the middle of it', async () => {
    server = await TestServer.start();
    await server.login();
    const fresh = await SocketReader.connect(server.port);
    for (let line = ''; !line.startsWith('* OK');) line = await fresh.line();
    const halfway = await SocketReader.connect(server.port);
    await halfway.send('AUTHENTICATE PLAIN\r\n');
    for (let line = ''; !line.startsWith('+');) line = await halfway.line();
    const started = Date.now();
    await server.stopListening();
    expect(Date.now() - started).to.be.lessThan(1500);
  });

  it('lets a running command finish when it stops: it is answered, on disk, and the chunk is whole', async () => {
    server = await TestServer.start();
    const client = await server.login();
    const bodies = Array.from({ length: 2000 }, (_, number) => message(`note ${number}`));
    await client.exchange(upload(...bodies));
    const reply = client.exchange(apply({ name: 'user.anne', bodies }));
    await waitUntil(() => server.catalog.find('anne') !== null, { what: () => 'the MAILBOX did not begin' });
    await server.stopListening();
    expect((await reply).reply).to.equal('OK Success');
    expect(server.dataText('anne')).to.contain('about note 1999.').and.contain('APPLY MAILBOX');
  });

  it('stops although a peer stands still in the middle of a message', async () => {
    server = await TestServer.start();
    const client = await server.login();
    await client.send(upload(message('half')).subarray(0, 120));
    await sleep(50);
    const started = Date.now();
    await server.stopListening();
    expect(Date.now() - started).to.be.lessThan(1500);
  });
});

describe('connections that do not log in', () => {
  let server: TestServer;

  afterEach(() => server.stop());

  const hosts = (connections: number, unlimited: string[]): HostLimits =>
    new HostLimits({ connections, failedLogins: 0, failedLoginWindowMs: 1000, unlimited });

  async function idle(count: number): Promise<SocketReader[]> {
    const readers: SocketReader[] = [];
    for (let at = 0; at < count; at += 1) {
      const reader = await SocketReader.connect(server.port);
      for (let line = ''; !line.startsWith('* OK');) line = await reader.line();
      readers.push(reader);
    }
    return readers;
  }

  it('shut out nobody, however many they are: the oldest make room, those that have logged in stay', async () => {
    server = await TestServer.start({ maxConnections: 6 });
    const early = await server.login();
    const [oldest] = await idle(20);
    const late = await server.login();
    for (const client of [early, late]) expect((await client.exchange('NOOP\r\n')).reply).to.match(/^OK/);
    await closedWithin(oldest as SocketReader, 1000);
    expect(server.logged('were closed to make room for others')).to.equal(true);
    // One line in a second, not one for each.
    expect(server.log.filter((line) => line.includes('to make room')).length).to.be.lessThan(5);
  });

  it('are limited by host for loopback, too, which has no other limit', async () => {
    server = await TestServer.start({ hosts: hosts(3, ['127.0.0.0/8']) });
    const [first, ...others] = await idle(4);
    await closedWithin(first as SocketReader, 1000);
    for (let at = 0; at < 5; at += 1) {
      expect((await (await server.login()).exchange('NOOP\r\n')).reply).to.match(/^OK/);
    }
    for (const reader of others) reader.close();
  });

  it('make room for one that wants to log in where the host is at its limit', async () => {
    server = await TestServer.start({ hosts: hosts(2, []) });
    await idle(2);
    const client = await server.login();
    await idle(1);
    expect((await client.exchange('NOOP\r\n')).reply).to.match(/^OK/);
  });

  it('are refused where all others have logged in', async () => {
    server = await TestServer.start({ maxConnections: 2 });
    await server.login();
    await server.login();
    const [line] = await closedWithin(await SocketReader.connect(server.port), 1000);
    expect(line).to.equal('* BYE Too many connections');
  });
});
