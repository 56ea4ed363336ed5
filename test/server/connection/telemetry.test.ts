import { expect } from 'chai';
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '../../support/machine.ts';
import { apply, message, upload } from '../made.ts';
import { TestServer, plain } from '../testServer.ts';

describe('telemetry', () => {
  let server: TestServer;
  let directory: string;

  beforeEach(async () => {
    server = await TestServer.start();
    directory = join(server.folder, 'log', 'repluser');
  });

  afterEach(() => server.stop());

  const logs = (): string[] =>
    readdirSync(directory)
      .toSorted()
      .map((name) => readFileSync(join(directory, name), 'latin1'));

  it('is switched by a directory, for the next session, and off again', async () => {
    const early = await server.login();
    mkdirSync(directory, { recursive: true });
    await early.exchange('NOOP\r\n');
    const client = await server.login();
    const other = await server.login();
    const bodies = [message('seen on the wire')];
    await client.exchange(upload(...bodies));
    await client.exchange(apply({ name: 'user.anne', bodies }));
    await client.exchange('GET USER anne\r\n');
    await other.exchange('NOOP\r\n');
    await waitUntil(() => logs().length === 2 && logs().every((text) => text.includes('>OK ')), {
      what: () => logs().join('\n'),
    });
    const [log = '', second = ''] = logs();
    expect(log).to.match(/^---------- repluser .*\n/);
    expect(log).to.match(/<\d{10}<APPLY MESSAGE \(%\{/);
    expect(log).to.contain('about seen on the wire.');
    expect(log).to.match(/>\d{10}>OK Success\r\n/);
    expect(log).to.match(/>\d{10}>\* MAILBOX %\(/);
    expect(second).to.match(/<\d{10}<NOOP\r\n>\d{10}>OK Noop completed\r\n$/);
    const [name = ''] = readdirSync(directory);
    expect(name).to.match(new RegExp(`^backupd-${process.pid}-\\d+$`));
    expect(statSync(join(directory, name)).mode & 0o777).to.equal(0o600);
    rmSync(directory, { recursive: true });
    expect((await (await server.login()).exchange('NOOP\r\n')).reply).to.equal('OK Noop completed');
  });

  it('never has a password in it, however the pieces are cut', async () => {
    mkdirSync(directory, { recursive: true });
    const client = await server.login();
    const secret = plain();
    for (const pieces of [
      [`AUTHENTICATE PLAIN ${secret}\r\n`],
      [`NOOP\r\nauthenticate plain ${secret}\r\nNOOP\r\n`],
      `AUTHENTICATE PLAIN ${secret}\r\n`.split(''),
      ['AUTHENT', `ICATE PLAIN ${secret.slice(0, 5)}`, `${secret.slice(5)}\r\n`],
    ]) {
      for (const piece of pieces) {
        await client.send(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    await client.exchange('EXIT\r\n');
    await waitUntil(() => logs().join('').includes('OK Finished'), { what: () => logs().join('\n') });
    const text = logs()
      .join('')
      .replace(/<\d{10}</g, '');
    expect(text.match(/AUTHENTICATE \[not logged\]/gi)).to.have.length(4);
    expect(text).not.to.match(/PLAIN/i);
    expect(text).not.to.contain(secret.slice(8));
  });

  it('of a compressed session shows what was said', async () => {
    mkdirSync(directory, { recursive: true });
    const client = await server.login();
    await client.exchange('COMPRESS DEFLATE\r\n');
    client.close();
    await waitUntil(() => logs().join('').includes('OK DEFLATE active'), { what: () => logs().join('\n') });
  });

  it('that cannot be written costs the session nothing', async () => {
    mkdirSync(directory, { recursive: true });
    const client = await server.login();
    rmSync(directory, { recursive: true });
    expect((await client.exchange('NOOP\r\n')).reply).to.equal('OK Noop completed');
    mkdirSync(join(server.folder, 'log'), { recursive: true });
    expect((await (await server.login()).exchange('NOOP\r\n')).reply).to.equal('OK Noop completed');
  });
});
