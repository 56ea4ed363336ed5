import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { constants, createDeflateRaw, createInflateRaw, deflateRawSync } from 'node:zlib';
import type { DeflateRaw } from 'node:zlib';
import { waitUntil } from '../support/machine.ts';
import { apply, guidOf, message, upload } from './made.ts';
import { TestServer, plain } from './testServer.ts';

/** In pieces, for the stream stops where what it has made is not taken. */
async function deflated(deflater: DeflateRaw, text: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const take = (piece: Buffer): void => void pieces.push(piece);
  deflater.on('data', take);
  deflater.write(Buffer.from(text, 'latin1'));
  await new Promise<void>((resolve) => deflater.flush(constants.Z_SYNC_FLUSH, resolve));
  await new Promise((resolve) => setImmediate(resolve));
  deflater.off('data', take);
  return Buffer.concat(pieces);
}

/** A client that has logged in and asked for COMPRESS; `text` is what has been said after that, inflated. */
class CompressedClient {
  readonly socket: Socket;
  readonly deflater = createDeflateRaw();
  text = '';

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  /** `pipelined` is sent, compressed, in one piece with the command. */
  static async open(server: TestServer, pipelined: string): Promise<CompressedClient> {
    const client = new CompressedClient(connect(server.port, '127.0.0.1'));
    await once(client.socket, 'connect');
    let greeting = '';
    const inflater = createInflateRaw();
    inflater.on('data', (bytes: Buffer) => (client.text += bytes.toString('latin1')));
    inflater.on('error', () => undefined); // the deflate stream is cut off with the connection
    client.socket.on('error', () => undefined);
    client.socket.on('data', (bytes: Buffer) => {
      if (greeting.includes('OK DEFLATE active\r\n')) {
        inflater.write(bytes);
        return;
      }
      greeting += bytes.toString('latin1');
      const end = greeting.indexOf('OK DEFLATE active\r\n');
      if (end >= 0) inflater.write(Buffer.from(greeting.slice(end + 19), 'latin1'));
    });
    const behind = pipelined === '' ? Buffer.alloc(0) : await deflated(client.deflater, pipelined);
    client.socket.write(
      Buffer.concat([Buffer.from(`AUTHENTICATE PLAIN ${plain()}\r\nCOMPRESS DEFLATE\r\n`), behind]),
    );
    await waitUntil(() => greeting.includes('OK DEFLATE active'), { what: () => greeting });
    return client;
  }

  async send(text: string | Buffer): Promise<void> {
    this.socket.write(await deflated(this.deflater, text.toString('latin1')));
  }

  waitFor(text: string): Promise<boolean> {
    return waitUntil(() => this.text.includes(text), { timeoutMs: 5000, what: () => this.text });
  }
}

describe('COMPRESS DEFLATE', () => {
  let server: TestServer;
  let client: CompressedClient | undefined;

  beforeEach(async () => {
    server = await TestServer.start();
  });

  afterEach(async () => {
    client?.socket.destroy();
    await server.stop();
  });

  it('goes both ways from the next byte on: a message in, a mailbox out', async () => {
    client = await CompressedClient.open(server, '');
    const bodies = [message('compressed')];
    await client.send(upload(...bodies));
    await client.waitFor('OK Success');
    await client.send(apply({ name: 'user.anne', bodies }));
    await client.send('GET USER anne\r\n');
    await client.waitFor('MBOXNAME user.anne');
    expect(server.dataText('anne')).to.contain('about compressed.');
  });

  it('a command pipelined behind it is read as compressed', async () => {
    client = await CompressedClient.open(server, 'NOOP\r\n');
    await client.waitFor('OK Noop completed');
  });

  it('twice is refused, and the first goes on', async () => {
    client = await CompressedClient.open(server, 'COMPRESS DEFLATE\r\n');
    await client.waitFor('NO DEFLATE is active already');
    await client.send('NOOP\r\n');
    await client.waitFor('OK Noop completed');
  });

  it('of another kind, or without one, is refused', async () => {
    const plainClient = await server.login();
    expect((await plainClient.exchange('COMPRESS GZIP\r\n')).reply).to.match(/^NO Unknown/);
    expect((await plainClient.exchange('COMPRESS\r\n')).reply).to.match(/^BAD Missing required argument/);
    expect((await plainClient.exchange('NOOP\r\n')).reply).to.equal('OK Noop completed');
  });

  it('garbage in place of deflate ends the connection, with one answer and one line in the log', async () => {
    client = await CompressedClient.open(server, '');
    const closed = once(client.socket, 'close');
    client.socket.write(Buffer.concat([Buffer.from([0xff, 0xff, 0xff]), randomBytes(1000)]));
    await closed;
    await waitUntil(() => server.logged('closed,'), { what: () => server.log.join('\n') });
    expect(server.log.filter((line) => line.includes('refused: not a deflate stream'))).to.have.length(1);
  });

  it('a peer that goes away without EXIT is nothing to warn of', async () => {
    client = await CompressedClient.open(server, 'NOOP\r\n');
    await client.waitFor('OK Noop completed');
    client.socket.end();
    await waitUntil(() => server.logged('closed, 3 commands'), { what: () => server.log.join('\n') });
    expect(server.log.filter((line) => /^(warn|error)/.test(line))).to.deep.equal([]);
  });

  it('an answer of more than a stream buffers, and that hardly compresses, comes in whole', async () => {
    client = await CompressedClient.open(server, '');
    const words = Array.from({ length: 20_000 }, (_, number) => guidOf(`word ${number}`));
    await client.send(apply({ name: 'user.anne', extra: ` NOTES (${words.join(' ')} last)` }));
    await client.waitFor('OK Success');
    await client.send('GET MAILBOXES (user.anne)\r\n');
    await client.waitFor(' last)');
  });

  it('a line that inflates beyond every limit costs that command alone', async function () {
    this.timeout(60_000);
    client = await CompressedClient.open(server, '');
    const line = Buffer.alloc(200 << 20, 'A');
    line.write('GET USER ');
    line.write('\r\nNOOP\r\n', line.length - 8);
    client.socket.write(deflateRawSync(line, { finishFlush: constants.Z_SYNC_FLUSH }));
    await waitUntil(() => client?.text.includes('OK Noop completed'), { what: () => client?.text ?? '' });
    expect(client.text).to.equal('NO IMAP_PROTOCOL_BAD_PARAMETERS Over a limit\r\nOK Noop completed\r\n');
  });
});
