import { expect } from 'chai';
import { appendFileSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { COMPACT_STEPS } from '../../../src/backup/compact/job.ts';
import { BackupReader } from '../../../src/backup/reader.ts';
import { runCtlBackups } from '../../../src/cli/ctl_backups/main.ts';
import { livingMailboxes } from '../../../src/index/queries/mailboxes.ts';
import { Capture, SampleSite } from '../../backup/sampleBackup.ts';
import { START, writeHistory } from '../../backup/syntheticHistory.ts';
import { runCtl } from '../../support/killedTool.ts';

describe('ctl_backups compact, retention, hold and release', () => {
  let site: SampleSite;
  let path: string;

  beforeEach(async () => {
    site = await SampleSite.create(['anne', 'bob@example.com']);
    path = site.pathOf('anne');
    rmSync(`${path}.index`);
    writeFileSync(path, '');
    await writeHistory(path, 300, 1);
  });
  afterEach(() => site.remove());

  async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const io = new Capture();
    // The history is of 2023, so the clock is years ahead of it.
    const forced = args.includes('compact') ? ['--force-clock'] : [];
    const code = await runCtlBackups(['-C', site.config, ...forced, ...args], io);
    return { code, out: io.out, err: io.err };
  }

  /** What of the history is there at its end, by CRC; and how many chunks. */
  function figures(): { mailboxes: string[]; chunks: number; bytes: number } {
    const reader = new BackupReader(path);
    try {
      const mailboxes = [...livingMailboxes(reader.index)].map(({ name, crc }) => `${name} ${crc}`);
      const chunks = reader.index.get<{ count: number }>('SELECT count(*) AS count FROM chunk')?.count ?? 0;
      return { mailboxes, chunks, bytes: readFileSync(path).length };
    } finally {
      reader.close();
    }
  }

  it('drops what went longer ago than the retention, and has nothing to do the second time', async () => {
    const before = figures();
    expect((await run('compact', 'anne')).out).to.equal('compact anne: ok\n');
    const after = figures();
    expect(after.mailboxes).to.deep.equal(before.mailboxes);
    expect(after.bytes).to.be.below(before.bytes / 2);
    const again = await run('compact', 'anne');
    expect(again).to.include({ code: 0, out: 'compact anne: skipped\n' });
    expect((await run('-F', 'compact', 'anne')).out).to.equal('compact anne: ok\n');
    expect((await run('verify', '-A')).out).to.equal('verify anne: ok\nverify bob@example.com: ok\n');
  });

  it('goes through all, and tells in the words of the originals', async () => {
    const { out, err, code } = await run('-v', 'compact', '-A');
    expect(out).to.match(
      /^keeping \d+ chunks:\n( \d+)+\ncompact anne: ok\ncompact bob@example.com: skipped\n$/,
    );
    expect(err).to.match(/^bob@example.com: nothing to do: fewer than /m);
    expect(code).to.equal(0);
    expect(JSON.parse((await run('-j', '-F', 'compact', 'anne')).out)).to.include({
      command: 'compact',
      userid: 'anne',
      status: 'ok',
    });
  });

  it('keeps all where the retention says for ever', async () => {
    appendFileSync(site.config, 'backup_retention: 0\n');
    const before = figures();
    expect((await run('compact', 'anne')).out).to.equal('compact anne: skipped\n');
    expect((await run('-F', 'compact', 'anne')).out).to.equal('compact anne: ok\n');
    expect(figures().mailboxes).to.deep.equal(before.mailboxes);
  });

  it('keeps for a user, and for a domain, what is set for them', async () => {
    const age = Math.ceil(Date.now() / 1000) - START + 1000;
    expect(await run('retention', 'anne', `${age}s`)).to.include({ code: 0, err: '' });
    expect((await run('retention', '@example.com', '30d')).code).to.equal(0);
    expect((await run('retention')).out).to.equal(`retention\tanne\t${age}s\nretention\t@example.com\t30d\n`);
    expect((await run('compact', 'anne')).out, 'all is kept').to.equal('compact anne: skipped\n');
    expect((await run('retention', 'anne', 'default')).code).to.equal(0);
    expect((await run('compact', 'anne')).out).to.equal('compact anne: ok\n');
    expect((await run('retention', 'anne', 'a while')).code).to.not.equal(0);
  });

  it('counts as compactable what the retention of the user keeps', async () => {
    const neededOf = async (): Promise<string> => (await run('stat', 'anne')).out.split('\t')[3] ?? '';
    const short = await neededOf();
    await run('hold', 'anne', 'court', 'order', '17');
    expect(Number(await neededOf())).to.be.above(Number(short));
  });

  it('lets nothing of a held user go, and does not delete it', async () => {
    expect((await run('hold', 'nobody')).code).to.equal(67);
    expect((await run('hold', 'anne', 'court', 'order', '17')).code).to.equal(0);
    expect((await run('retention', 'anne')).out).to.equal('hold\tanne\tcourt order 17\n');
    const moments = figures();
    expect((await run('-F', 'compact', 'anne')).out).to.equal('compact anne: ok\n');
    expect(figures().bytes).to.be.above(moments.bytes * 0.8);
    const refused = await run('-F', 'delete', 'anne');
    expect(refused).to.include({ code: 75, out: 'delete anne: failed (it is on hold: court order 17)\n' });
    expect(existsSync(path)).to.equal(true);
    expect((await run('rename', 'anne', 'annie')).code).to.equal(0);
    expect((await run('-F', 'delete', 'annie')).code, 'under the new name').to.equal(75);
    expect((await run('release', 'annie')).code).to.equal(0);
    expect((await run('release', 'annie')).code).to.equal(66);
    expect((await run('compact', 'annie')).out).to.equal('compact annie: ok\n');
    expect(figures().bytes).to.be.below(moments.bytes / 2);
    expect((await run('-F', 'delete', 'annie')).code).to.equal(0);
  });

  it('names the line of a retention file that it cannot read', async () => {
    writeFileSync(`${site.folder}/conf/backup.retention`, '# ours\nretention anne 7d\nkeep bob\n');
    const { code, err, out } = await run('compact', 'anne');
    expect(code).to.not.equal(0);
    expect(err + out).to.match(/backup\.retention:3: retention or hold is expected/);
  });

  for (const step of COMPACT_STEPS) {
    it(`killed when it has ${step}, is whole, and the next compact finishes`, function () {
      this.timeout(20_000);
      appendFileSync(site.config, 'backup_keep_previous: yes\n');
      const before = figures().mailboxes;
      const killed = runCtl(['-C', site.config, '-F', '--force-clock', 'compact', 'anne'], `compact:${step}`);
      expect(killed.signal).to.equal('SIGKILL');
      expect(runCtl(['-C', site.config, 'verify', 'anne'], null).out).to.equal('verify anne: ok\n');
      expect(figures().mailboxes).to.deep.equal(before);
      const again = runCtl(['-C', site.config, '-F', '--force-clock', 'compact', 'anne'], null);
      expect(again.out).to.match(/compact anne: ok\n$/);
      expect(runCtl(['-C', site.config, 'verify', 'anne'], null).out).to.equal('verify anne: ok\n');
      expect(figures().mailboxes).to.deep.equal(before);
      const names = readdirSync(dirname(path)).filter((name) => !/\.\d+$|-(wal|shm)$/.test(name));
      expect(names.toSorted()).to.deep.equal([basename(path), `${basename(path)}.index`]);
    });
  }
});
