import { expect } from 'chai';
import type { BackupServer } from '../../support/backupdDaemon.ts';
import { SyncConnection } from '../../support/syncConnection.ts';
import { GARBAGE_MIB, startVictim, underAttack } from '../../support/underAttack.ts';
import { apply, guidOf, message } from '../../server/made.ts';

describe('hazard: a peer that lies', function () {
  this.timeout(60_000);
  let backup: BackupServer;

  before(async () => {
    backup = await startVictim();
  });

  after(async () => {
    await backup?.stop();
  });

  /** What it is answered until it is done with, its sending end being closed. */
  async function saidTo(bytes: string): Promise<string[]> {
    let said: string[] = [];
    const peer = await SyncConnection.login(backup.address);
    const { growthMiB } = await underAttack(backup, async () => {
      await peer.send(Buffer.from(bytes, 'latin1')).catch(() => undefined);
      said = await peer.finish(10_000);
    });
    expect(growthMiB).to.be.lessThan(GARBAGE_MIB);
    return said;
  }

  const body = message('short');
  const file = (size: number | string): string =>
    `APPLY MESSAGE (%{default ${guidOf(body)} ${size}}\r\n${body})\r\n`;

  it('about a message being shorter than it is: refused, and nothing is kept', async () => {
    const said = await saidTo(file(body.length - 10));
    expect(said[0]).to.match(/^NO |^BAD /);
  });

  it('about a message being longer than it is: what follows is not taken for a command', async () => {
    const following = apply({ name: 'user.ellie', bodies: [] });
    expect(await saidTo(file(body.length + following.length + 100) + following)).to.deep.equal([]);
    expect(await backup.dataFile('ellie')).to.equal(undefined);
  });

  for (const size of [
    '4294967295',
    '4294967296',
    '18446744073709551615',
    '99999999999999999999',
    '9'.repeat(400),
    '-1',
    '0x10',
    '1e3',
    '',
  ]) {
    it(`about a size, which is ${size.slice(0, 20) || 'none'}: no memory is set aside for it`, async () => {
      for (const command of [
        file(size),
        `GET USER {${size}+}\r\nanne\r\n`,
        `GET USER {${size}}\r\nanne\r\n`,
      ]) {
        const said = await saidTo(command);
        expect(said.filter((line) => line.startsWith('OK'))).to.deep.equal([]);
      }
    });
  }

  it('about numbers in a mailbox: at most the command is refused', async () => {
    for (const number of [
      '-1',
      '4294967296',
      '18446744073709551616',
      '9'.repeat(1000),
      'NaN',
      '1e99',
      '()',
      'NIL',
      '""',
    ]) {
      const peer = await SyncConnection.login(backup.address);
      const text = apply({ name: 'user.demi', bodies: [body] });
      for (const key of [
        'UID',
        'MODSEQ',
        'SIZE',
        'INTERNALDATE',
        'LAST_UID',
        'UIDVALIDITY',
        'HIGHESTMODSEQ',
        'SYNC_CRC',
      ]) {
        const { reply } = await peer.exchange(text.replace(new RegExp(`\\b${key} \\d+`), `${key} ${number}`));
        expect(reply, `${key} ${number}`).to.match(/^(OK|NO|BAD) /);
      }
      expect((await peer.exchange('GET USER demi\r\n')).reply, number).to.match(/^OK /);
      peer.close();
    }
    expect(backup.log).not.to.contain('    at ');
  });

  it('about the GUID of its message again and again: none is kept', async () => {
    const wrong = `%{default ${'0'.repeat(40)} ${body.length}}\r\n${body}`;
    const command = `APPLY MESSAGE (${Array.from({ length: 5000 }, () => wrong).join(' ')})\r\n`;
    const peer = await SyncConnection.login(backup.address);
    const { growthMiB } = await underAttack(backup, async () => {
      expect((await peer.exchange(command)).reply).to.match(/^NO IMAP_PROTOCOL_BAD_PARAMETERS /);
      expect((await peer.exchange('NOOP\r\n')).reply).to.match(/^OK /);
    });
    expect(growthMiB).to.be.lessThan(GARBAGE_MIB);
    peer.close();
  });
});
