import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../support/machine.ts';
import { SocketReader } from '../support/socketReader.ts';
import type { SyncConnection } from '../support/syncConnection.ts';
import { apply, guidOf, message, upload, uploadAs } from './made.ts';
import { TestServer, plain } from './testServer.ts';

const UNKNOWN = 'NO IMAP_PROTOCOL_ERROR Protocol error';

describe('a session', () => {
  let server: TestServer;
  let client: SyncConnection;

  beforeEach(async () => {
    server = await TestServer.start();
    client = await server.login();
  });

  afterEach(() => server.stop());

  const reply = async (command: string | Buffer): Promise<string> => (await client.exchange(command)).reply;
  const expectInStep = async (): Promise<void> => {
    expect(await reply('NOOP\r\n')).to.equal('OK Noop completed');
  };

  describe('refuses by name what it does not serve, and stays in step', () => {
    const file = `%{default ${guidOf('hello')} 5}\r\nhello`;
    const unknown: [command: string, answer: string][] = [
      ['GET FROB anne', UNKNOWN],
      ['APPLY FROB %(A {12+}\r\nNOOP\r\nEXIT\r\n B 1)', UNKNOWN],
      [`APPLY FROB (${file} ${file})`, UNKNOWN],
      ['RESTORE MAILBOX %(MBOXNAME user.anne)', UNKNOWN],
      ['FETCH FETCH %(MBOXNAME user.anne)', UNKNOWN],
      ['APPLY MESSAGES_PLEASE NIL', UNKNOWN],
      ['STARTTLS', 'BAD IMAP_PROTOCOL_ERROR Unrecognized command'],
      ['FROB some words', 'BAD IMAP_PROTOCOL_ERROR Unrecognized command'],
      ['', 'BAD Null command'],
    ];
    for (const [command, answer] of unknown) {
      it(JSON.stringify(command.slice(0, 24)), async () => {
        expect(await reply(`${command}\r\n`)).to.equal(answer);
        await expectInStep();
        if (answer === UNKNOWN) expect(server.log.join('\n')).to.contain(command.split(' ')[1]);
        expect(server.catalog.find('anne')).to.equal(null);
      });
    }
  });

  it('a literal that waits for "+ go ahead" gets it', async () => {
    const { untagged, reply: said } = await client.exchange('GET USER {4}\r\nanne\r\n');
    expect(untagged).to.deep.equal(['+ go ahead']);
    expect(said).to.equal('OK Success');
  });

  it('verbs and names in any case', async () => {
    expect(await reply('get uSeR anne\r\n')).to.equal('OK Success');
  });

  it('a message with the wrong SHA-1 is refused and not stored, and the next command is fine', async () => {
    const [right, wrong] = [message('right'), message('wrong')];
    expect(await reply(uploadAs(guidOf(right), wrong))).to.match(/^NO IMAP_PROTOCOL_BAD_PARAMETERS /);
    await expectInStep();
    const { untagged } = await client.exchange(
      `APPLY RESERVE %(PARTITION default MBOXNAME (user.anne) GUID (${guidOf(right)}))\r\n`,
    );
    expect(untagged).to.deep.equal([`* MISSING (${guidOf(right)})`]);
    await client.exchange(apply({ name: 'user.anne', bodies: [right] }));
    expect(server.dataText('anne')).not.to.contain('about wrong.').and.not.contain('about right.');
  });

  it('one bad message spoils its whole command: those before it are not kept', async () => {
    const good = message('good');
    const spoilt = Buffer.concat([
      upload(good).subarray(0, -3),
      Buffer.from(` %{default ${'0'.repeat(40)} 3}\r\nbad)\r\n`),
    ]);
    expect(await reply(spoilt)).to.match(/^NO /);
    await client.exchange(apply({ name: 'user.anne', bodies: [good] }));
    expect(server.dataText('anne')).not.to.contain('about good.');
  });

  const malformed: [what: string, command: string, answer: RegExp][] = [
    [
      'lists in lists without end',
      `GET MAILBOXES ${'('.repeat(5000)}`,
      /^NO IMAP_PROTOCOL_BAD_PARAMETERS Over a limit/,
    ],
    ['a list that does not end', 'GET MAILBOXES (a b', /^BAD IMAP_PROTOCOL_ERROR/],
    ['something behind the end', 'GET USER anne bethany', /^BAD IMAP_PROTOCOL_ERROR/],
    ['a literal with a size that is no number', 'GET USER {x+}', /^BAD IMAP_PROTOCOL_ERROR/],
    ['a key without a value', 'APPLY SUB %(USERID)', /^(BAD|NO) IMAP_PROTOCOL_/],
    ['no name', 'GET', /^BAD /],
    ['no value', 'GET USER', /^BAD /],
    ['binary', `APPLY \x00\x01\xff %(\x80)`, /^(BAD|NO) /],
  ];
  for (const [what, command, answer] of malformed) {
    it(`${what} costs that command alone`, async () => {
      expect(await reply(Buffer.from(`${command}\r\n`, 'latin1'))).to.match(answer);
      await expectInStep();
    });
  }

  it('a literal over the limit is refused as it comes, and the session goes on', async () => {
    const size = 65 << 20;
    await client.send(
      Buffer.from(`APPLY SIEVE %(USERID anne FILENAME x LAST_UPDATE 1 CONTENT {${size}+}\r\n`),
    );
    await client.send(Buffer.alloc(size, 'x'));
    expect(await reply(')\r\n')).to.match(/^NO IMAP_PROTOCOL_BAD_PARAMETERS Over a limit/);
    await expectInStep();
  });

  it('garbage of any kind ends at most the connection', async () => {
    for (let round = 0; round < 20; round += 1) {
      const other = await server.login();
      await other.send(Buffer.concat([randomBytes(5000), Buffer.from('\r\n')])).catch(() => undefined);
      await other.finish(5000);
    }
    await expectInStep();
    expect(server.log.filter((line) => line.startsWith('error'))).to.deep.equal([]);
  });

  it('one that sends a byte at a time makes nobody else wait', async () => {
    const slow = await server.login();
    const bodies = [message('slowly')];
    const bytes = Buffer.concat([upload(...bodies), Buffer.from(apply({ name: 'user.anne', bodies }))]);
    let isOver = false;
    const dribble = (async (): Promise<void> => {
      for (const byte of bytes) {
        await slow.send(Buffer.from([byte]));
        await sleep(1);
      }
      isOver = true;
    })();
    for (let round = 0; round < 50; round += 1) {
      const started = Date.now();
      await expectInStep();
      expect(Date.now() - started).to.be.lessThan(500);
    }
    expect(isOver, 'the slow one is not done yet').to.equal(false);
    await dribble;
    await waitUntil(
      () => server.catalog.find('anne') !== null && server.dataText('anne').includes('APPLY MAILBOX'),
      {
        what: () => 'the slow one did not get through',
      },
    );
    expect(server.dataText('anne')).to.contain('about slowly.');
  });

  it('EXIT is answered, and then the connection ends', async () => {
    expect(await reply('EXIT\r\n')).to.equal('OK Finished');
    expect(await client.finish(5000)).to.deep.equal([]);
  });
});

describe('a session whose peer is silent', () => {
  let server: TestServer;

  afterEach(() => server.stop());

  it('is ended after the idle time', async () => {
    server = await TestServer.start({ idleTimeoutMs: 100, releaseTimeoutMs: 50 });
    const client = await server.login();
    await waitUntil(() => server.logged('repluser: closed'), {
      timeoutMs: 5000,
      what: () => server.log.join('\n'),
    });
    expect(await client.finish(1000)).to.deep.equal([]);
  });

  it('but one that uploads, message by message, is not silent', async () => {
    server = await TestServer.start({ idleTimeoutMs: 300, releaseTimeoutMs: 1000 });
    const client = await server.login();
    const bodies = Array.from({ length: 6 }, (_, number) => message(`patience ${number}`));
    const bytes = upload(...bodies);
    const part = Math.ceil(bytes.length / 6);
    for (let at = 0; at + part < bytes.length; at += part) {
      await client.send(bytes.subarray(at, at + part));
      await sleep(100);
    }
    const rest = bytes.subarray(Math.floor((bytes.length - 1) / part) * part);
    expect((await client.exchange(rest)).reply).to.equal('OK Success');
  });

  it('and does not read its answers, is broken off, and its lock is free', async () => {
    server = await TestServer.start({ writeTimeoutMs: 300 });
    const client = await server.login();
    await client.exchange(apply({ name: 'user.anne', extra: ` NOTES "${'word '.repeat(200_000)}"` }));
    await client.exchange('EXIT\r\n');
    const deaf = await SocketReader.connect(server.port);
    deaf.socket.pause();
    const command = 'GET MAILBOXES (user.anne)\r\n'.repeat(20);
    await deaf.send(`AUTHENTICATE PLAIN ${plain()}\r\n${command}`);
    await waitUntil(() => server.log.filter((line) => line.includes('repluser: closed')).length === 2, {
      timeoutMs: 15_000,
      what: () => server.log.join('\n'),
    });
    expect(server.logged('waited for'), 'it was waited for in vain, not for its commands').to.equal(false);
    const next = await server.login();
    expect((await next.exchange('GET USER anne\r\n')).reply).to.equal('OK Success');
    deaf.close();
  });
});
