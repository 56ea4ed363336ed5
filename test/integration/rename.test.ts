/** A real master that renames a user and moves a folder to another: the backups follow, however the master says so. */
import { expect } from 'chai';
import { isDeepStrictEqual } from 'node:util';
import { BackupServer } from '../support/backupdDaemon.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { waitUntil } from '../support/machine.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { backedUp, onMaster } from '../support/records.ts';

const mail = (subject: string): Buffer => Buffer.from(`Subject: ${subject}\r\n\r\nAbout ${subject}.\r\n`);

describe('a user renamed on the master', function () {
  this.timeout(120_000);
  let master: CyrusMaster;
  let backup: BackupServer;

  before(async function () {
    needs(this, ...cyrusRequirements);
    [master, backup] = await Promise.all([
      CyrusMaster.start({ extraConf: 'allowusermoves: yes\n' }),
      BackupServer.start(),
    ]);
  });

  after(() => Promise.all([master?.stop(), backup?.stop()]));

  async function fill(user: string): Promise<void> {
    await master.createUser(user);
    const client = await master.imap(user);
    await client.append('INBOX', mail(`${user} one`), { flags: '\\Flagged' });
    for (const name of ['INBOX/Work', 'INBOX/Loan']) {
      await client.create(name);
      await client.append(name, mail(`${user} ${name}`));
    }
    client.close();
  }

  async function asAdmin(...commands: string[]): Promise<void> {
    const admin = await master.admin();
    for (const command of commands) await admin.command(command);
    admin.close();
  }

  async function sync(...args: string[]): Promise<void> {
    const { code, stdout, stderr } = await master.syncClient(args, backup.address);
    expect(code, `${stdout}${stderr}${backup.log}`).to.equal(0);
  }

  /** A user's password is the user's name; a renamed one keeps none, so the truth is asked for as it was before. */
  const held = (user: string): ReturnType<typeof backedUp> => backedUp(backup, user);

  const named = (
    records: Awaited<ReturnType<typeof backedUp>>,
    from: string,
    to: string,
  ): Awaited<ReturnType<typeof backedUp>> =>
    new Map([...records].map(([name, of]) => [name.replace(`user.${from}`, `user.${to}`), of]));

  it('is followed by sync_client -r: RENAMEs, the INBOX first', async () => {
    await fill('anne');
    await master.createUser('bethany');
    await sync('-A');
    const before = await onMaster(master, 'anne');
    const file = await backup.dataFile('anne');
    const loan = before.get('user.anne.Loan');
    before.delete('user.anne.Loan');
    const wanted = named(before, 'anne', 'annette');
    const rolling = master.rolling(backup.address);
    try {
      await asAdmin('RENAME user/anne/Loan user/bethany/Loan', 'RENAME user/anne user/annette');
      const isDone = async (): Promise<boolean> =>
        isDeepStrictEqual(await held('annette'), wanted) &&
        isDeepStrictEqual((await held('bethany')).get('user.bethany.Loan'), loan);
      await waitUntil(isDone, { timeoutMs: 30_000, what: () => rolling.output + backup.log });
    } finally {
      await rolling.stop();
    }
    expect(await backup.dataFile('annette')).to.equal(file);
    await asAdmin('CREATE user/anne');
    await sync('-u', 'anne');
    expect(await backup.dataFile('anne')).not.to.equal(file);
    expect([...(await held('anne')).keys()]).to.deep.equal(['user.anne']);
  });

  it('is found by sync_client -A, which never says RENAME', async () => {
    await fill('carl');
    await sync('-A');
    const before = await onMaster(master, 'carl');
    const file = await backup.dataFile('carl');
    await asAdmin('RENAME user/carl user/karl');
    await sync('-A');
    expect(await backup.dataFile('karl')).to.equal(file);
    expect(await backup.dataFile('carl')).to.equal(undefined);
    expect(await held('karl')).to.deep.equal(named(before, 'carl', 'karl'));
  });

  it('and a folder moved to another user, with sync_client -m', async () => {
    await fill('dora');
    await sync('-A');
    const before = await onMaster(master, 'dora');
    await asAdmin('RENAME user/dora/Loan user/bethany/Dora');
    await sync('-m', 'user/dora/Loan', 'user/bethany/Dora');
    expect((await held('bethany')).get('user.bethany.Dora')).to.deep.equal(before.get('user.dora.Loan'));
    expect([...(await held('dora')).keys()]).to.deep.equal(['user.dora', 'user.dora.Work']);
  });
});
