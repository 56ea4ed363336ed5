/**
 * A way to a real Cyrus server that breaks whenever one certain message passes: it costs that message, which is named, and
 * neither its mailbox nor the others.
 */
import { expect } from 'chai';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { guidOf } from '../support/backups.ts';
import type { BackupSite } from '../support/backups.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { removeUser, restoreConf } from '../support/restoring.ts';
import { backupOf } from '../support/toStrictImap.ts';

const text = (index: number): string => `Subject: m${index}\r\n\r\n${index === 17 ? 'POISON' : 'body'}\r\n`;
const TEXTS = Array.from({ length: 40 }, (_, index) => text(index));

describe('restoring to Cyrus over a connection that breaks at one message', function () {
  this.timeout(60_000);

  let master: CyrusMaster;
  let backup: BackupServer;
  let site: BackupSite;
  let breaking: Server;

  before(async function () {
    needs(this, ...cyrusRequirements);
    [master, backup] = await Promise.all([CyrusMaster.start(), BackupServer.start()]);
    await master.addAccount('anne');
    site = await backupOf({ 'user.anne': TEXTS, 'user.anne.Later': ['Subject: later\r\n\r\n'] });
    breaking = createServer((client) => {
      const server = connect(master.syncServer.port, '127.0.0.1');
      server.pipe(client);
      client.on('data', (data) => {
        if (!data.includes('POISON')) server.write(data);
        else for (const socket of [client, server]) socket.destroy();
      });
      for (const socket of [client, server]) {
        socket.on('error', () => undefined);
        socket.on('close', () => {
          client.destroy();
          server.destroy();
        });
      }
    });
    breaking.listen(0, '127.0.0.1');
    await once(breaking, 'listening');
  });

  after(async () => {
    breaking?.close();
    await Promise.all([master?.stop(), backup?.stop(), site?.remove()]);
  });

  for (const how of [['-a'], ['-a', '-U']]) {
    it(`${how.join(' ')} brings all the others and names it`, async () => {
      const { port } = breaking.address() as AddressInfo;
      const conf = restoreConf(backup, master.syncServer);
      const args = ['-C', conf, '--no-tls', ...how, `csync://127.0.0.1:${port}`, '-f', site.path()];
      const { code, stderr, stdout } = await runOurs('restore', args);
      expect(code, stderr).to.equal(75);
      expect(stderr).to.match(new RegExp(`user\\.anne: UID 18 \\(${guidOf(text(17))}\\): given up`));
      expect(stdout).to.match(/ 40 messages added .* 1 failed/);
      const client = await master.imap('anne');
      const found = await client.messages('INBOX');
      client.close();
      expect(found.map(({ sha1 }) => sha1)).to.deep.equal(
        TEXTS.filter((_, index) => index !== 17).map(guidOf),
      );
      await removeUser(master, 'anne');
    });
  }
});
