import { expect } from 'chai';
import { SocketReader } from '../../support/socketReader.ts';
import { waitUntil } from '../../support/machine.ts';
import { SyncConnection } from '../../support/syncConnection.ts';
import { TestServer, plain } from '../testServer.ts';

describe('authentication', () => {
  let server: TestServer;
  let client: SyncConnection;

  async function start(changes: Parameters<typeof TestServer.start>[0] = {}): Promise<void> {
    server = await TestServer.start(changes);
    client = await SyncConnection.open(server.port);
  }

  const reply = async (command: string): Promise<string> => (await client.exchange(`${command}\r\n`)).reply;

  afterEach(async () => {
    client.close();
    await server.stop();
  });

  it('PLAIN with an initial response', async () => {
    await start();
    expect(await reply(`AUTHENTICATE PLAIN ${plain()}`)).to.equal('OK Success (no protection)');
    expect(await reply('GET USER anne')).to.equal('OK Success');
    expect(await reply(`AUTHENTICATE PLAIN ${plain()}`)).to.equal('BAD Already authenticated');
  });

  it('PLAIN with a continuation, and "=" for an empty initial response', async () => {
    await start();
    const reader = await SocketReader.connect(server.port);
    const next = async (): Promise<string> => {
      for (;;) {
        const line = await reader.line();
        if (!line.startsWith('*')) return line;
      }
    };
    await reader.send('authenticate plain\r\n');
    expect(await next()).to.equal('+ ');
    await reader.send(`${plain()}\r\n`);
    expect(await next()).to.equal('OK Success (no protection)');
    reader.close();
    expect(await reply('AUTHENTICATE PLAIN =')).to.equal('NO authentication failure');
  });

  it('canceled: no failure is counted, and the next try may succeed', async () => {
    await start({ failedLoginLimit: 1 });
    expect(await reply('AUTHENTICATE PLAIN\r\n*')).to.equal('BAD Client canceled authentication');
    expect(await reply(`AUTHENTICATE PLAIN ${plain()}`)).to.match(/^OK /);
  });

  it('a wrong password costs a pause, and the third the connection', async () => {
    await start({ failedLoginPauseMs: 60 });
    for (const tried of [1, 2, 3]) {
      const started = Date.now();
      expect(await reply(`AUTHENTICATE PLAIN ${plain('repluser', `guess-${tried}`)}`)).to.match(/^NO /);
      expect(Date.now() - started, `try ${tried}`).to.be.at.least(55);
    }
    expect(await client.finish(5000)).to.deep.equal([]);
    expect(server.log.filter((line) => line.startsWith('warn'))).to.have.length(3);
    expect(server.log.join('\n')).not.to.contain('guess');
  });

  it('the right password of one who is not an admin opens nothing', async () => {
    await start();
    expect(await reply(`AUTHENTICATE PLAIN ${plain('anne')}`)).to.equal('NO Permission denied');
    expect(await reply('GET USER anne')).to.equal('NO Please authenticate first');
  });

  it('nobody acts for another: an authzid that is not the user is refused', async () => {
    await start();
    const token = Buffer.from('anne\0repluser\0replpw').toString('base64');
    expect(await reply(`AUTHENTICATE PLAIN ${token}`)).to.equal('NO authentication failure');
  });

  it('mechanisms that are not on offer, and arguments missing or too many', async () => {
    await start({ failedLoginLimit: 9 });
    expect(await reply('AUTHENTICATE SCRAM-SHA-256')).to.equal('NO no mechanism available');
    expect(await reply('AUTHENTICATE')).to.equal('BAD Missing required argument to Authenticate');
    expect(await reply(`AUTHENTICATE PLAIN ${plain()} x`)).to.match(/^BAD Unexpected extra arguments/);
    expect(await reply('AUTHENTICATE PLAIN !!!notbase64')).to.equal('NO authentication failure');
  });

  const before: [command: string, answer: string][] = [
    ['GET USER anne', 'NO Please authenticate first'],
    ['GET FULLMAILBOX {9+}\r\nuser.anne', 'NO Please authenticate first'],
    ['APPLY UNUSER anne', 'NO Please authenticate first'],
    ['RESTART', 'NO Please authenticate first'],
    ['COMPRESS DEFLATE', 'NO Please authenticate first'],
    ['FROB', 'NO Please authenticate first'],
    ['NOOP', 'OK Noop completed'],
    ['noop', 'OK Noop completed'],
    ['', 'BAD Null command'],
    ['EXIT', 'OK Finished'],
  ];
  for (const [command, answer] of before) {
    it(`before it, ${command === '' ? 'an empty line' : command.split('\r\n')[0]}: ${answer}`, async () => {
      await start();
      expect(await reply(command)).to.equal(answer);
    });
  }

  it('before it, a message is not taken: nothing is staged', async () => {
    await start();
    const guid = 'a'.repeat(40);
    const said = await reply(`APPLY MESSAGE (%{default ${guid} 5}\r\nhello)`);
    expect(said).to.match(/^NO /);
    expect(await reply('NOOP')).to.equal('OK Noop completed');
  });

  it('who says nothing before it, or in the middle of it, is hung up on', async () => {
    await start({ loginTimeoutMs: 100 });
    await client.send(Buffer.from('AUTHENTICATE PLAIN\r\n'));
    const silent = await SocketReader.connect(server.port);
    await waitUntil(() => server.log.filter((line) => line.includes('no login within')).length === 2, {
      timeoutMs: 5000,
      what: () => server.log.join('\n'),
    });
    silent.close();
  });
});
