/** A clock that is ahead: what the tools refuse, what they say, and how a backup that was written to meanwhile is mended. */
import { expect } from 'chai';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { Backup } from '../../../src/backup/backup.ts';
import { BackupReader } from '../../../src/backup/reader.ts';
import { runCtlBackups } from '../../../src/cli/ctl_backups/main.ts';
import { runCyrBackup } from '../../../src/cli/cyr_backup/main.ts';
import { runRestore } from '../../../src/cli/restore/main.ts';
import type { RestoreIo } from '../../../src/cli/restore/connect.ts';
import { trustedPresent } from '../../../src/cli/ctl_backups/run/trustedClock.ts';
import { loadConfig } from '../../../src/config/imapdConf.ts';
import { horizon } from '../../../src/index/queries/horizon.ts';
import { livingMailboxes } from '../../../src/index/queries/mailboxes.ts';
import { lastTimestamp } from '../../../src/index/queries/timestamps.ts';
import { timestampText } from '../../../src/mailbox/timestamp.ts';
import { line } from '../../support/backups.ts';
import { START_TIME, SampleSite } from '../../backup/sampleBackup.ts';

const DAY = 86_400;
const TEN_YEARS = 3650 * DAY;
/** What the clock says where it is right. */
const NOW = START_TIME + 3 * DAY;

describe('a clock that is ahead', () => {
  const realNow = Date.now;
  let site: SampleSite;

  beforeEach(async () => {
    site = await SampleSite.create(['anne', 'bob@example.com']);
    setClock(NOW);
  });
  afterEach(() => {
    Date.now = realNow;
    site.remove();
  });

  function setClock(seconds: number): void {
    Date.now = () => seconds * 1000;
  }

  type Tool = (argv: readonly string[], io: RestoreIo) => Promise<number>;

  async function said(tool: Tool, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const stdout = new PassThrough();
    let err = '';
    const stderr = { write: (text: string) => (err += text) };
    const code = await tool(['-C', site.config, ...args], { stdin: process.stdin, stdout, stderr });
    return { code, out: String(stdout.read() ?? ''), err };
  }
  const ctl = (...args: string[]): ReturnType<typeof said> => said(runCtlBackups, ...args);
  const restoreTo = (...args: string[]): ReturnType<typeof said> =>
    said(runRestore, '--to', `maildir:${join(site.folder, 'out')}`, ...args);

  async function append(time: number, name: string, value: string): Promise<string[]> {
    const notices: string[] = [];
    const options = { stagingDirectory: site.folder, compressionLevel: 6, lockTimeoutMs: 0 };
    const backup = await Backup.open('anne', site.pathOf('anne'), options, (notice) => notices.push(notice));
    await backup.append(line(time, name, value));
    await backup.close();
    return notices;
  }
  const appendAhead = (): Promise<string[]> => append(NOW + TEN_YEARS, 'UNMAILBOX', 'user.anne.Work');

  function looking<T>(look: (reader: BackupReader) => T): T {
    const reader = new BackupReader(site.pathOf('anne'));
    try {
      return look(reader);
    } finally {
      reader.close();
    }
  }

  it('lets compact drop nothing, of any backup', async () => {
    setClock(NOW + TEN_YEARS);
    const before = readFileSync(site.pathOf('anne'));
    const { code, err, out } = await ctl('-F', 'compact', '-A');
    expect([code, out]).to.deep.equal([75, '']);
    expect(err).to.contain(`the clock says ${timestampText(NOW + TEN_YEARS)}, and no backup has a line`);
    expect(err).to.contain(`(the newest before is of ${timestampText(START_TIME + 61)})`);
    expect(readFileSync(site.pathOf('anne')).equals(before)).to.equal(true);
    expect((await ctl('-F', '--force-clock', 'compact', 'anne')).out).to.equal('compact anne: ok\n');
  });

  it('is not believed for a line that was written while it was ahead', async () => {
    await appendAhead();
    setClock(NOW + TEN_YEARS);
    expect((await ctl('-F', 'compact', '-A')).code).to.equal(75);
    expect(looking(({ index }) => horizon(index))).to.equal(0);
  });

  it('that is right is believed, and no further than the newest line', async () => {
    const witnesses = { files: [], trustsNewSite: true };
    expect(trustedPresent(loadConfig(site.config), NOW, witnesses)).to.equal(START_TIME + 61);
    expect((await ctl('-F', 'compact', '-A')).code).to.equal(0);
  });

  it('leaves a mark that backupd, list, stat and verify name', async () => {
    await appendAhead();
    const note = `its last line is of ${timestampText(NOW + TEN_YEARS)}, in the future`;
    expect((await append(NOW, 'SUB', '%(USERID anne MBOXNAME x)')).join('')).to.contain(`anne: ${note}`);
    for (const command of ['list', 'stat']) {
      const { code, err } = await ctl(command, 'anne', 'bob@example.com');
      expect(code).to.equal(0);
      expect(err).to.contain(`anne: ${note}`).and.not.contain('bob');
    }
    expect((await ctl('list', '-t', '96')).out, 'no update is known of').to.match(/\tanne\t/);
    const { code, out } = await ctl('verify', '-A');
    expect(code).to.equal(65);
    expect(out).to.contain(note).and.contain('verify anne: failed (1 fault found)');
    expect(out).to.contain('verify bob@example.com: ok');
    expect((await ctl('verify', '--level', 'quick', 'anne')).out).to.contain(note);
  });

  it('and back again: restore --at now gives the last state, and of earlier ones says that they are in doubt', async () => {
    await appendAhead();
    const now = await restoreTo('-a', '--at', 'now', 'anne');
    expect(now.code, now.err).to.equal(0);
    expect(existsSync(join(site.folder, 'out/.Work'))).to.equal(false);
    const early = await restoreTo('-a', '--at', timestampText(START_TIME + 30), 'anne');
    expect(early.code).to.equal(75);
    expect(early.out + early.err).to.contain('in the future');
    const listed = await said(runCyrBackup, '--at', 'now', 'anne', 'list', 'mailboxes');
    expect(listed.code).to.equal(0);
    expect(listed.out).to.contain('user.anne\n').and.not.contain('user.anne.Work');
  });

  it('is mended by retime: the same backup, with nothing in the future', async () => {
    await appendAhead();
    await append(NOW, 'SUB', '%(USERID anne MBOXNAME x)');
    setClock(NOW + TEN_YEARS + 60 * DAY);
    const forced = ['--force-clock', '--force-drop', '-F'];
    expect((await ctl(...forced, 'compact', 'anne')).out).to.equal('compact anne: ok\n');
    expect(looking(({ index }) => horizon(index))).to.equal(NOW + TEN_YEARS);
    setClock(NOW);
    const before = looking(({ index }) =>
      [...livingMailboxes(index)].map(({ name, state, crc }) => [name, state, crc]),
    );
    const bytes = readFileSync(site.pathOf('anne'));
    const { out } = await ctl('retime', '-A');
    expect(out).to.match(/kept beside\nretime anne: ok\nretime bob@example.com: skipped\n$/);
    looking(({ index }) => {
      expect(lastTimestamp(index)).to.equal(NOW);
      expect(horizon(index)).to.equal(NOW);
      expect([...livingMailboxes(index)].map(({ name, state, crc }) => [name, state, crc])).to.deep.equal(
        before,
      );
    });
    expect((await ctl('verify', 'anne')).out).to.equal('verify anne: ok\n');
    const folder = dirname(site.pathOf('anne'));
    const kept = readdirSync(folder).find((name) => /^anne_[^.]*\.\d+$/.test(name)) ?? '';
    expect(readFileSync(join(folder, kept)).equals(bytes)).to.equal(true);
    setClock(NOW + 500);
    await append(NOW + 500, 'SUB', '%(USERID anne MBOXNAME y)');
    expect(looking(({ index }) => lastTimestamp(index))).to.equal(NOW + 500);
    expect((await ctl('reindex', 'anne')).out).to.equal('reindex anne: ok\n');
    expect(looking(({ index }) => lastTimestamp(index))).to.equal(NOW + 500);
  });

  it('and one that is years behind does not let retime take all lines for lines of the future', async () => {
    setClock(START_TIME - TEN_YEARS);
    const before = readFileSync(site.pathOf('anne'));
    const { code, err } = await ctl('retime', '-A');
    expect(code).to.equal(75);
    expect(err).to.contain('no backup has a line');
    expect(readFileSync(site.pathOf('anne')).equals(before)).to.equal(true);
  });

  it('--at of a time before the backup begins, or to come, is refused, with the time that was meant', async () => {
    const begins = `the backup of anne begins ${timestampText(START_TIME)}: nothing is known of ${timestampText(NOW - 5 * DAY)}`;
    const early = await restoreTo('-a', '--at', '5d', 'anne');
    expect(early.code).to.equal(66);
    expect(early.out + early.err).to.contain(begins);
    const shown = await said(runCyrBackup, '--at', '5d', 'anne', 'list', 'mailboxes');
    expect(shown).to.include({ code: 66, err: `anne: ${begins}\n` });
    const ahead = timestampText(NOW + DAY);
    for (const { code, err } of [
      await restoreTo('-a', '--at', ahead, 'anne'),
      await said(runCyrBackup, '--at', ahead, 'anne', 'list', 'mailboxes'),
    ]) {
      expect(code).to.equal(64);
      expect(err).to.contain(`--at: ${ahead} is ${ahead}, which lies in the future`);
    }
    const known = await said(runCyrBackup, '--at', '1d', 'anne', 'list', 'mailboxes');
    expect(known).to.include({ code: 0, err: `anne: as of ${timestampText(NOW - DAY)}\n` });
  });
});
