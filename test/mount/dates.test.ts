/** Dates that no calendar has, on a real mount: whatever prints them prints something, and what is printed leads back. */
import { expect } from 'chai';
import { START, appendMailbox } from '../support/backups.ts';
import { run } from '../support/machine.ts';
import { MailStore } from '../support/mailStore.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';

/** The last second of 9999, the next one, the last that Date knows and the next one, and the last that is exact. */
const DATES = [0, 1, 253_402_300_799, 253_402_300_800, 8_640_000_000_000, 8_640_000_000_001, 2 ** 53 - 1];
const LAST_SHOWN = 253_402_300_799;

for (const transport of ['kernel', 'fuse-native'] as const) {
  describe(`dates over ${transport}`, function () {
    this.timeout(60_000);
    let store: MailStore;
    let mount: MountDaemon;

    before(async function () {
      needs(this, 'root', '/dev/fuse');
      store = new MailStore();
      const message = Buffer.from('Subject: x\r\n\r\nbody\r\n');
      const records = DATES.map((internaldate, at) => ({ uid: at + 1, message, internaldate }));
      const fields = { uniqueid: 'u', name: 'user.anne', records };
      await appendMailbox(store.site, await store.backup('anne'), START, fields);
      // Lines of a clock that was far ahead.
      for (const time of [253_402_300_800, 8_640_000_000_001, 2 ** 53 - 1 - START]) {
        await store.say('anne', time, 'SUB', `%(USERID anne MBOXNAME user.anne.${time})`);
        await appendMailbox(store.site, await store.backup('anne'), START + time, fields);
      }
      mount = await MountDaemon.start(store.conf, [`transport=${transport}`]);
    });
    after(async () => {
      await mount?.stop();
      await store?.remove();
    });

    const sh = async (command: string): Promise<string[]> => {
      const { code, stdout, stderr } = await run('sh', ['-c', `cd ${mount.path}/anne && ${command}`]);
      expect([code, stderr], command).to.deep.equal([0, '']);
      return stdout.trim().split('\n');
    };

    it('of messages are times of files, up to the end of 9999', async () => {
      const shown = await sh("find INBOX -name '*.eml' -printf '%P %Ts %t|\\n' | sort -n");
      const seconds = shown.map((line) => Number(line.split(' ')[1]));
      expect(seconds).to.deep.equal(DATES.map((date) => Math.min(date, LAST_SHOWN)));
      for (const line of shown) expect(line).to.match(/ \d{4}\|$/);
      expect(await sh("TZ=UTC ls -l --time-style=full-iso INBOX/7.eml | awk '{print $6}'")).to.deep.equal([
        '9999-12-31',
      ]);
      expect(await sh('getfattr --only-values -n user.cyrus.internaldate INBOX/7.eml')).to.deep.equal([
        String(2 ** 53 - 1),
      ]);
      expect(await sh('find . -printf "%Ts %Cs\\n" | grep -c "^[0-9]* [0-9]*$"')).to.deep.equal([
        String(DATES.length + 2),
      ]);
      const script =
        'import os,datetime;[datetime.datetime.fromtimestamp(os.stat(f"INBOX/{n}.eml").st_mtime,datetime.timezone.utc) for n in range(1,8)];print("read")';
      expect(await sh(`python3 -c '${script}'`)).to.deep.equal(['read']);
    });

    it('in the From lines of an mbox have four digits of a year', async () => {
      const lines = await sh("grep -a '^From ' .mbox/INBOX.mbox");
      expect(lines).to.have.length(DATES.length);
      for (const line of lines)
        expect(line).to.match(/^From MAILER-DAEMON \w{3} \w{3} [ 123]\d [\d:]{8} \d{4}$/);
      expect(lines[6]).to.contain('Dec 31 23:59:59 9999');
    });

    it('of the log are in the status as a spelling that leads back', async () => {
      const status = JSON.parse((await sh('cat .status.json')).join('\n')) as Record<string, unknown>;
      expect(status).to.include({ messages: DATES.length, firstChange: '2023-11-14T22:13:20Z' });
      expect(status['lastChange']).to.match(/^@\d+$/);
      expect(await sh('ls .at')).to.deep.equal(['2023-11-14T22:13:20Z']);
      expect(await sh('ls .at/@1700000001/INBOX | wc -l')).to.deep.equal([String(DATES.length)]);
    });
  });
}
