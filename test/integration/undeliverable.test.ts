/**
 * A file in a real master's spool is gone, cut or damaged, so that the master can never send its message. It is asked for once;
 * all else of the mailbox goes on; and when the master has the message again, or gives it up, so do we.
 */
import { expect } from 'chai';
import {
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { CyrusMaster, giveToCyrus, type SyncServer } from '../support/cyrus.ts';
import { waitUntil, type Outcome } from '../support/machine.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { LoggingProxy, type Exchange } from '../support/proxy.ts';
import { backedUp, onMaster } from '../support/records.ts';

/** The message that is lost, among as many as this. */
const LOST_UID = 3;
const MESSAGES = 6;

describe('a message that its master cannot send', function () {
  this.timeout(120_000);
  let master: CyrusMaster;
  let backup: BackupServer;
  let proxy: LoggingProxy;
  let server: SyncServer;

  before(async function () {
    needs(this, ...cyrusRequirements);
    [master, backup] = await Promise.all([CyrusMaster.start(), BackupServer.start()]);
    proxy = await LoggingProxy.start(backup.address.port);
    server = { ...backup.address, port: proxy.port };
  });

  after(async () => {
    await proxy?.stop();
    await Promise.all([master?.stop(), backup?.stop()]);
  });

  function body(user: string, number: number): Buffer {
    return Buffer.from(`From: a@example.com\r\nSubject: ${user} ${number}\r\n\r\nhello from ${number}\r\n`);
  }

  async function append(user: string, ...numbers: number[]): Promise<void> {
    const client = await master.imap(user);
    for (const number of numbers) await client.append('INBOX', body(user, number));
    client.close();
  }

  /** A user with some messages, and the spool file of the one that will be lost. */
  async function spoolFileOf(user: string): Promise<string> {
    await master.createUser(user);
    await append(user, ...Array.from({ length: MESSAGES }, (_, at) => at + 1));
    const data = join(master.folder, 'data');
    const name = readdirSync(data, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith(`/${LOST_UID}.`))
      .find((path) => readFileSync(join(data, path), 'latin1').includes(`Subject: ${user} ${LOST_UID}\r\n`));
    if (name === undefined) throw new Error(`no spool file of ${user}`);
    return join(data, name);
  }

  /** Runs sync_client, wants each command answered with OK, and returns what was said. */
  async function sync(...args: string[]): Promise<Exchange[]> {
    await proxy.take();
    const { code, stdout, stderr } = await master.syncClient(args, server);
    const exchanges = await proxy.take();
    expect(
      exchanges.filter(({ reply }) => reply?.startsWith('OK') !== true),
      backup.log,
    ).to.deep.equal([]);
    expect(code, stdout + stderr + backup.log).to.equal(0);
    return exchanges;
  }

  const ctl = (...args: string[]): Promise<Outcome> =>
    runOurs('ctl_backups', ['-C', backup.conf, '-w', ...args]);
  const applied = (exchanges: Exchange[], name: string): Exchange[] =>
    exchanges.filter(({ command }) => command.startsWith(`APPLY ${name} `));

  async function sizeOf(user: string): Promise<number> {
    return statSync((await backup.dataFile(user)) ?? '').size;
  }

  async function verified(user: string): Promise<string> {
    return (await ctl('verify', user)).stdout;
  }

  function missing(user: string): RegExp {
    return new RegExp(
      `^(?:.*: )?message [0-9a-f]{40} is not in the backup: user\\.${user} uid ${LOST_UID}\n`,
    );
  }

  const spoil: Record<string, (path: string) => void> = {
    gone: (path) => rmSync(path),
    cut: (path) => writeFileSync(path, readFileSync(path).subarray(0, 20)),
    damaged: (path) => writeFileSync(path, readFileSync(path, 'latin1').replace('hello', 'hxllo')),
  };

  for (const [what, change] of Object.entries(spoil)) {
    it(`whose file is ${what} is asked for once, is named, and comes when the file is back`, async () => {
      const path = await spoolFileOf(what);
      copyFileSync(path, `${path}.kept`);
      change(path);
      expect(applied(await sync('-u', what), 'MAILBOX')).to.have.lengthOf(1);
      expect(await verified(what)).to.match(missing(what));
      expect((await ctl('list', what)).stderr).to.match(missing(what));
      expect((await ctl('-j', 'list', what)).stdout).to.match(
        /"missing_messages": \[\n\s+"message [0-9a-f]{40} /,
      );
      expect((await ctl('-j', 'stat', what)).stdout).to.include('"missing_messages": 1');

      const before = await sizeOf(what);
      for (let round = 0; round < 3; round += 1) {
        expect(applied(await sync('-m', `user/${what}`), 'MAILBOX'), 'of one mailbox').to.deep.equal([]);
      }
      // Whoever asks for the whole user asks the master for the message again. That is no reason to write anything.
      expect(applied(await sync('-u', what), 'MAILBOX')).to.have.lengthOf(1);
      expect(await sizeOf(what)).to.equal(before);

      renameSync(`${path}.kept`, path);
      giveToCyrus(path);
      await sync('-u', what);
      expect(await verified(what)).to.equal(`verify ${what}: ok\n`);
      expect((await ctl('list', what)).stderr).to.equal('');
      expect(await backedUp(backup, what)).to.deep.equal(await onMaster(master, what));
      expect(applied(await sync('-u', what), 'MAILBOX')).to.deep.equal([]);
    });
  }

  it('costs nothing in rolling rounds, while all other changes come', async () => {
    const path = await spoolFileOf('rolling');
    rmSync(path);
    await proxy.take();
    const rolling = master.rolling(server);
    const settled = (): Promise<boolean> =>
      waitUntil(() => master.hasCaughtUp(), {
        timeoutMs: 30_000,
        what: () => `not caught up:\n${rolling.output}${backup.log}`,
      });
    try {
      const client = await master.imap('rolling');
      await client.select('INBOX');
      await client.store('1', '+FLAGS (\\Seen)');
      await waitUntil(async () => (await backup.dataFile('rolling')) !== undefined, {
        timeoutMs: 30_000,
        what: () => rolling.output + backup.log,
      });
      await settled();
      // The flag may have come in a round of its own.
      expect(applied(proxy.exchanges, 'MAILBOX').length).to.be.within(1, 2);
      const before = proxy.exchanges.length;
      for (let round = 0; round < 4; round += 1) {
        await append('rolling', MESSAGES + 1 + round);
        await client.store('2', `${round % 2 === 0 ? '+' : '-'}FLAGS (\\Flagged)`);
        await settled();
      }
      const exchanges = proxy.exchanges.slice(before);
      expect(exchanges.filter(({ reply }) => /^(NO|BAD)/.test(reply ?? ''))).to.deep.equal([]);
      for (const { command } of applied(exchanges, 'MAILBOX')) {
        expect(command.match(/%\(UID /g)?.length, 'only what has changed').to.be.lessThan(4);
      }
      expect(exchanges.filter(({ command }) => command.startsWith('APPLY MESSAGE (NIL'))).to.deep.equal([]);
      client.close();
    } finally {
      await rolling.stop();
    }
    const ours = (await backedUp(backup, 'rolling')).get('user.rolling') ?? {};
    expect(Object.keys(ours)).to.have.lengthOf(MESSAGES + 4);
    expect(ours['1']?.flags).to.deep.equal(['\\Seen']);
    expect(await verified('rolling')).to.match(missing('rolling'));
  });

  it('and that reconstruct has given up is missed no more', async () => {
    rmSync(await spoolFileOf('given'));
    await sync('-u', 'given');
    expect(await verified('given')).to.match(missing('given'));
    await master.command('reconstruct', ['user/given']);
    await sync('-u', 'given');
    expect(await verified('given')).to.equal('verify given: ok\n');
    expect(applied(await sync('-u', 'given'), 'MAILBOX')).to.deep.equal([]);
  });
});
