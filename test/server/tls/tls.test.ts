/** TLS handshakes with clients that do it right and wrong: versions and ciphers, certificates of clients, new ones of ours. */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { cipherBits } from '../../../src/server/tls/tls.ts';
import { Authority } from '../../support/certificates.ts';
import type { Certificate } from '../../support/certificates.ts';
import { waitUntil } from '../../support/machine.ts';
import { plain } from '../testServer.ts';
import type { TlsClient } from '../tlsClient.ts';
import { Certified, TlsTestServer } from '../tlsServer.ts';

describe('TLS', function () {
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

  describe('a handshake', () => {
    it('that never goes on is hung up on, and costs others nothing', async () => {
      await start({ options: { loginTimeoutMs: 1000 } });
      const silent = await running.open();
      await silent.banner();
      await silent.reply('STARTTLS');
      const other = await running.open();
      await other.startTls();
      expect(await other.reply(`AUTHENTICATE PLAIN ${plain()}`)).to.match(/^OK /);
      expect(await silent.rest()).to.deep.equal([]);
      expect(running.server.logged('no login within 1 s, closing')).to.equal(true);
    });

    it('in which the peer leaves is no trouble, nor is a stop of the server', async () => {
      await start();
      const client = await running.open();
      await client.banner();
      await client.reply('STARTTLS');
      client.close();
      await running.warned('the connection was closed during the TLS handshake');
      const waiting = await running.open();
      await waiting.banner();
      await waiting.reply('STARTTLS');
      await running.server.stopListening();
      expect(await waiting.rest()).to.deep.equal([]);
    });

    it('with a version or cipher that is not allowed fails, and says why in the log', async () => {
      await start({ tls: { versions: ['tls1_2'] } });
      const client = await running.open();
      await client.banner();
      await client.reply('STARTTLS');
      await client.handshake({ minVersion: 'TLSv1.3' }).catch(() => undefined);
      await running.warned('TLS handshake failed: unsupported protocol');
    });

    it('keeps to tls_ciphers, to holes in tls_versions, and its bits count as a layer', async () => {
      await start({ tls: { versions: ['tls1_1', 'tls1_3'] } });
      await (await running.open()).startTls();
      expect(running.server.logged('TLSv1.3 with ')).to.equal(true);
      await running.stop();
      const tls = { versions: ['tls1_2'], ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' };
      await start({ tls, rules: { minimumLayer: 129 } });
      const banner = await (await running.open()).startTls();
      expect(banner, '128 bits are not enough').to.not.include('* SASL PLAIN LOGIN');
      expect(running.server.logged(`TLSv1.2 with ${tls.ciphers} (128 bits)`)).to.equal(true);
    });

    it('that went well does not excuse what comes later: bytes that are no record end the connection, logged once', async () => {
      await start();
      const client = await running.open();
      const raw = client.socket;
      await client.startTls();
      await client.reply(`AUTHENTICATE PLAIN ${plain()}`);
      raw.write('GET USER anne\r\n'.repeat(10));
      expect(await client.rest()).to.deep.equal([]);
      await running.warned('TLS broke: ');
    });

    it('is not done again in the same connection: an alert ends it, and is no command to refuse', async () => {
      await start({ tls: { versions: ['tls1_2'] } });
      const client = await running.open();
      await client.banner();
      await client.reply('STARTTLS');
      const socket = await client.handshake();
      await client.banner();
      const outcome = await new Promise<unknown>((resolve) => {
        socket.on('error', resolve);
        socket.on('close', () => resolve('closed'));
        socket.renegotiate({}, (error) => resolve(error ?? 'renegotiated'));
      });
      expect(outcome).to.not.equal('renegotiated');
      // The client's alert in an open connection once made the session refuse the same command for ever.
      await running.warned('TLS broke: ');
      await waitUntil(() => running.server.logged('closed, '), { what: () => running.server.log.join('\n') });
      expect(running.warnings).to.have.length(1);
    });
  });

  describe('a client’s certificate', () => {
    const show = ({ cert, key }: Certificate) => ({ cert: readFileSync(cert), key: readFileSync(key) });
    const rules = { allowPlaintext: true };

    async function refused(certificate: Certificate | undefined, reason: string): Promise<void> {
      const client = await running.open();
      await client.banner();
      await client.reply('STARTTLS');
      // In TLS 1.3 a client is done before the server has looked at its certificate.
      await client.handshake(certificate === undefined ? {} : show(certificate)).catch(() => undefined);
      expect(await client.rest()).to.deep.equal([]);
      await running.warned(reason);
    }

    it('may be shown: its common name logs in with EXTERNAL', async () => {
      await start({ tls: { clientCaFile: certified.ca.cert } });
      const client = await running.open();
      const banner = await client.startTls(show(certified.ca.issue('repl', '/O=Example/CN=repluser')));
      expect(banner[0]).to.equal('* SASL EXTERNAL PLAIN LOGIN');
      expect(await client.reply('AUTHENTICATE EXTERNAL =')).to.equal('OK Success (tls protection)');
      expect(running.server.logged('client certificate of repluser')).to.equal(true);
    });

    it('of one who is not an admin opens nothing, and may be left out', async () => {
      await start({ tls: { clientCaFile: certified.ca.cert } });
      const client = await running.open();
      await client.startTls(show(certified.ca.issue('anne', '/CN=anne')));
      expect(await client.reply('AUTHENTICATE EXTERNAL =')).to.equal('NO Permission denied');
      expect(
        await client.reply(`AUTHENTICATE EXTERNAL ${Buffer.from('repluser').toString('base64')}`),
      ).to.equal('NO authentication failure');
      const without = await running.open();
      expect((await without.startTls())[0]).to.equal('* SASL PLAIN LOGIN');
      expect(await without.reply('AUTHENTICATE EXTERNAL =')).to.equal('NO no mechanism available');
    });

    it('of another authority ends the connection', async () => {
      await start({ tls: { clientCaFile: certified.ca.cert }, rules });
      const other = new Authority(certified.folder, 'other');
      await refused(other.issue('stranger', '/CN=repluser'), "the client's certificate is not good");
    });

    it('of the authority of our own certificate counts for nothing where no authority is named', async () => {
      await start();
      const client = await running.open();
      const banner = await client.startTls(show(certified.ca.issue('repl', '/CN=repluser')));
      expect(banner[0]).to.equal('* SASL PLAIN LOGIN');
    });

    it('that is missing where one is required ends the connection', async () => {
      await start({ tls: { clientCaFile: certified.ca.cert, clientCertificates: 'require' }, rules });
      await refused(undefined, 'the client showed no certificate');
    });

    it('that was revoked ends the connection', async () => {
      const revoked = certified.ca.issue('revoked', '/CN=repluser');
      await start({ tls: { clientCaFile: certified.ca.cert, crlFile: certified.ca.revoke(revoked) }, rules });
      await refused(revoked, 'is not good: CERT_REVOKED');
    });

    it('with two common names, or none, ends the connection', async () => {
      for (const subject of ['/CN=repluser/CN=admin', '/O=Example']) {
        await start({ tls: { clientCaFile: certified.ca.cert }, rules });
        await refused(certified.ca.issue('odd', subject), 'not just one common name');
        if (subject.startsWith('/CN')) await running.stop();
      }
    });
  });

  describe('certificates replaced while the server runs', () => {
    let next: Certificate;
    before(() => {
      next = certified.ca.issue('next', '/CN=next.example.com');
    });

    const subjectOf = async (client: TlsClient): Promise<string | string[] | undefined> => {
      await client.banner();
      await client.reply('STARTTLS');
      return (await client.handshake()).getPeerCertificate().subject.CN;
    };

    it('are shown to whoever comes next; who is there stays', async () => {
      await start();
      const before = await running.open();
      expect(await subjectOf(before)).to.equal('localhost');
      await before.banner();
      running.context.reload(certified.settings({ certificateFiles: [next.cert], keyFiles: [next.key] }));
      expect(await subjectOf(await running.open())).to.equal('next.example.com');
      expect(await before.reply(`AUTHENTICATE PLAIN ${plain()}`)).to.match(/^OK /);
    });

    it('that cannot be used change nothing', async () => {
      await start();
      expect(() => running.context.reload(certified.settings({ keyFiles: [next.key] }))).to.throw(
        'tls_server_key',
      );
      expect(await subjectOf(await running.open())).to.equal('localhost');
    });
  });
});

describe('a cipher’s bits', () => {
  const bits: [string, number][] = [
    ['TLS_AES_256_GCM_SHA384', 256],
    ['TLS_CHACHA20_POLY1305_SHA256', 256],
    ['TLS_AES_128_GCM_SHA256', 128],
    ['ECDHE-RSA-AES128-SHA256', 128],
    ['ECDHE-RSA-AES256-SHA384', 256],
    ['DHE-RSA-CAMELLIA256-SHA', 256],
    ['ECDHE-ARIA128-GCM-SHA256', 128],
    ['DES-CBC3-SHA', 112],
    ['DES-CBC-SHA', 56],
    ['ECDHE-RSA-NULL-SHA', 0],
  ];
  for (const [name, expected] of bits) {
    it(`${name}: ${expected}`, () => expect(cipherBits(name)).to.equal(expected));
  }
});
