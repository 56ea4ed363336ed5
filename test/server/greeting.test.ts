/** TLS as it begins: after STARTTLS or from the first byte, and what somebody in between could slip in. */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { apply, message, upload } from './made.ts';
import { plain } from './testServer.ts';
import { Certified, TlsTestServer } from './tlsServer.ts';

describe('TLS begins', function () {
  this.timeout(20_000);

  let certified: Certified;
  let running: TlsTestServer;

  before(() => {
    certified = new Certified();
  });
  after(() => certified.remove());
  afterEach(() => running.stop());

  const start = async (setup: Parameters<typeof TlsTestServer.start>[1] = {}): Promise<void> => {
    running = await TlsTestServer.start(certified, setup);
  };

  describe('by STARTTLS', () => {
    it('is offered, the banner comes again inside it, and only there PLAIN is offered', async () => {
      await start();
      const client = await running.open();
      expect(await client.banner()).to.deep.equal([
        '* STARTTLS',
        '* COMPRESS DEFLATE',
        '* OK backup.example.com Cyrus backup server 9.9',
      ]);
      expect(await client.reply(`AUTHENTICATE PLAIN ${plain()}`)).to.equal('NO no mechanism available');
      expect(await client.reply('STARTTLS')).to.equal('OK Begin TLS negotiation now');
      await client.handshake({
        ca: readFileSync(certified.ca.cert),
        rejectUnauthorized: true,
        servername: 'localhost',
      });
      expect(await client.banner()).to.deep.equal([
        '* SASL PLAIN LOGIN',
        '* COMPRESS DEFLATE',
        '* OK backup.example.com Cyrus backup server 9.9',
      ]);
      expect(await client.reply(`AUTHENTICATE PLAIN ${plain()}`)).to.equal('OK Success (tls protection)');
      expect(
        running.server.logged('TLSv1.3 with TLS_AES_256_GCM_SHA384 (256 bits), no client certificate'),
      ).to.equal(true);
    });

    it('carries messages both ways', async () => {
      await start();
      const client = await running.open();
      await client.startTls();
      await client.reply(`AUTHENTICATE PLAIN ${plain()}`);
      const bodies = Array.from({ length: 300 }, (_, at) => message(`number ${at}`));
      expect((await client.exchange(upload(...bodies))).at(-1)).to.equal('OK Success');
      expect(await client.reply(apply({ name: 'user.anne', bodies }).trimEnd())).to.equal('OK Success');
      const lines = await client.exchange('GET MAILBOXES (user.anne)\r\n');
      expect(lines[0]).to.match(/LAST_UID 300 /);
      expect(await client.reply('COMPRESS DEFLATE')).to.equal('OK DEFLATE active');
    });

    it('once only, before logging in, and without arguments', async () => {
      await start();
      const client = await running.open();
      await client.banner();
      expect(await client.reply('STARTTLS now')).to.equal('BAD Unexpected extra arguments to Starttls');
      const second = await running.open();
      await second.startTls();
      expect(await second.reply('STARTTLS')).to.equal('BAD Already did a successful Starttls');
      await second.reply(`AUTHENTICATE PLAIN ${plain()}`);
      expect(await second.reply('STARTTLS')).to.equal("BAD Can't Starttls after authentication");
    });

    it('is not known where there is no TLS', async () => {
      await start({ options: { tls: null } });
      const client = await running.open();
      expect(await client.banner()).to.not.include('* STARTTLS');
      expect(await client.reply('STARTTLS')).to.equal('BAD IMAP_PROTOCOL_ERROR Unrecognized command');
    });

    it('forgets nothing of failed logins', async () => {
      await start({ rules: { allowPlaintext: true } });
      const client = await running.open();
      await client.banner();
      const wrong = `AUTHENTICATE PLAIN ${plain('repluser', 'wrong')}`;
      await client.reply(wrong);
      await client.reply(wrong);
      await client.reply('STARTTLS');
      await client.handshake();
      await client.banner();
      expect(await client.reply(wrong)).to.match(/^NO /);
      expect(await client.rest()).to.deep.equal([]);
    });
  });

  describe('STARTTLS injection', () => {
    const injected = `AUTHENTICATE PLAIN ${plain()}\r\nGET USER anne\r\n`;

    it('in the same packet: is refused, nothing of it is executed, the connection ends', async () => {
      await start({ rules: { allowPlaintext: true } });
      const client = await running.open();
      await client.banner();
      await client.reader.send(`STARTTLS\r\n${injected}`);
      expect(await client.rest()).to.deep.equal(['BAD Nothing may follow Starttls before the handshake']);
      expect(running.server.log.join('\n')).to.not.include('GET');
      await running.warned('STARTTLS: something was sent behind it');
    });

    it('half a line in the same packet', async () => {
      await start({ rules: { allowPlaintext: true } });
      const client = await running.open();
      await client.banner();
      await client.reader.send('STARTTLS\r\nAUTH');
      expect(await client.rest()).to.have.length(1);
    });

    it('after the answer, in the clear: the handshake fails, nothing of it is executed', async () => {
      await start({ rules: { allowPlaintext: true } });
      const client = await running.open();
      await client.banner();
      expect(await client.reply('STARTTLS')).to.match(/^OK /);
      await client.reader.send(injected);
      expect((await client.rest()).join()).to.not.match(/OK|NO|BAD/);
      await running.warned('TLS handshake failed: ');
      expect(running.server.log.join('\n')).to.not.include('repluser');
    });
  });

  describe('from the first byte', () => {
    it('the first that is said is the banner inside it', async () => {
      await start({ isTls: true });
      const client = await running.open();
      await client.handshake();
      expect((await client.banner())[0]).to.equal('* SASL PLAIN LOGIN');
      expect(await client.reply('STARTTLS')).to.equal('BAD Already did a successful Starttls');
      expect(await client.reply(`AUTHENTICATE PLAIN ${plain()}`)).to.match(/^OK /);
    });

    it('where a reload took the certificate away, nothing is said in the clear', async () => {
      await start({ isTls: true, options: { tls: null } });
      const client = await running.open();
      expect(await client.rest()).to.deep.equal([]);
      await running.warned('this port is for TLS');
    });

    it('who speaks in the clear hears nothing, and is named in the log once', async () => {
      await start({ isTls: true });
      const client = await running.open();
      await client.reader.send(`AUTHENTICATE PLAIN ${plain()}\r\n`);
      expect((await client.rest()).join()).to.not.match(/[*]|OK|NO|BAD/);
      await running.warned('TLS handshake failed: ');
      expect(running.warnings[0]).to.match(/127\.0\.0\.1:\d+: /);
    });
  });
});
