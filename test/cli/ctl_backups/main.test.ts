import { expect } from 'chai';
import {
  appendFileSync,
  closeSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { gzipSync } from 'node:zlib';
import { runCtlBackups } from '../../../src/cli/ctl_backups/main.ts';
import { LockedFile } from '../../../src/fs/lockedFile.ts';
import { Capture, SampleSite, START_TIME } from '../../backup/sampleBackup.ts';

describe('ctl_backups', () => {
  let site: SampleSite;
  const zone = process.env['TZ'];

  before(() => {
    process.env['TZ'] = 'UTC';
  });

  after(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });

  beforeEach(async () => {
    site = await SampleSite.create(['anne', 'annette', 'zoe@example.com']);
  });

  afterEach(() => site.remove());

  async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const io = new Capture();
    const code = await runCtlBackups(['-C', site.config, ...args], io);
    return { code, out: io.out, err: io.err };
  }

  const listed = (userid: string): string => {
    const path = site.pathOf(userid);
    return `2026-11-22 21:29:26\t${statSync(path).size}\t${userid}\t${path}\n`;
  };

  function damage(userid: string): void {
    const fd = openSync(site.pathOf(userid), 'r+');
    writeSync(fd, Buffer.from('damage'), 0, 6, 60);
    closeSync(fd);
  }

  describe('list', () => {
    it('lists all backups where none is named, by userid', async () => {
      const out = listed('anne') + listed('annette') + listed('zoe@example.com');
      expect(await run('list')).to.deep.equal({ code: 0, out, err: '' });
    });

    const choices: [args: string[], userids: string[]][] = [
      [['-A'], ['anne', 'annette', 'zoe@example.com']],
      [
        ['-u', 'annette', 'anne'],
        ['annette', 'anne'],
      ],
      [
        ['-P', 'ann'],
        ['anne', 'annette'],
      ],
      [['-D', 'example.com'], ['zoe@example.com']],
      [['-m', 'user/zoe/Work@example.com'], ['zoe@example.com']],
    ];
    for (const [args, userids] of choices) {
      it(`chooses by ${args.join(' ')}`, async () => {
        expect((await run('list', ...args)).out).to.equal(userids.map(listed).join(''));
      });
    }

    it('knows no userid of a file', async () => {
      const path = site.pathOf('anne');
      expect((await run('list', '-f', path)).out).to.equal(
        listed('anne').replace('\tanne\t', '\t[unknown]\t'),
      );
    });

    it('prints one object a backup with -j', async () => {
      const path = site.pathOf('anne');
      const lines = [
        '{',
        '  "timestamp": "2026-11-22 21:29:26",',
        `  "compressed": ${statSync(path).size},`,
        '  "userid": "anne",',
        `  "fname": "${path}"`,
        '}',
        '',
      ];
      expect((await run('-j', 'list', 'anne')).out).to.equal(lines.join('\n'));
    });

    it('takes the time of the data file where the index does not know its end', async () => {
      rmSync(`${site.pathOf('anne')}.index`);
      utimesSync(site.pathOf('anne'), START_TIME, START_TIME);
      expect((await run('list', 'anne')).out).to.match(/^2026-11-22 21:28:25\t/);
    });

    it('gives a session that wrote nothing the time of the one before', async () => {
      const path = site.pathOf('anne');
      appendFileSync(path, gzipSync('# cyrus backup: chunk start\r\n'));
      await run('reindex', 'anne');
      utimesSync(path, START_TIME, START_TIME);
      expect((await run('list', 'anne')).out).to.equal(listed('anne'));
    });

    it('does not wait for a lock', async () => {
      const file = await LockedFile.acquire(site.pathOf('anne'));
      try {
        expect((await run('list', 'anne')).out).to.equal(listed('anne'));
      } finally {
        file.release();
      }
    });

    it('leaves out what is fresh with -t', async () => {
      const hours = Math.floor((Date.now() / 1000 - START_TIME) / 3600);
      expect((await run('list', '-t', String(Math.max(1, hours + 10)))).out).to.equal('');
    });

    it('goes on behind a backup that is not there, and fails in the end', async () => {
      rmSync(site.pathOf('anne'));
      const { code, out, err } = await run('list', 'anne', 'nobody', 'annette');
      expect({ code, out }).to.deep.equal({ code: 67, out: listed('annette') });
      expect(err).to.match(/^anne: .*\nnobody: not found in backups\.db\n$/);
    });
  });

  describe('verify', () => {
    it('says ok of sound backups', async () => {
      const out = 'verify anne: ok\nverify annette: ok\nverify zoe@example.com: ok\n';
      expect(await run('verify', '-A')).to.deep.equal({ code: 0, out, err: '' });
    });

    it('tells what is damaged, and goes on', async () => {
      damage('anne');
      const { code, out } = await run('verify', 'anne', 'annette');
      expect(code).to.equal(65);
      expect(out).to.match(/^error reading chunk 1 at offset 0, /);
      expect(out).to.match(/verify anne: failed \([0-9]+ faults? found\)\nverify annette: ok\n$/);
    });

    it('stops at the first failure with -S', async () => {
      damage('anne');
      expect((await run('-S', 'verify', 'anne', 'annette')).out).not.to.include('annette');
    });

    it('keeps standard output JSON with -j', async () => {
      damage('anne');
      const { out, err } = await run('-j', 'verify', 'anne');
      const keys = [
        'command',
        'userid',
        'fname',
        'status',
        'damaged_chunks',
        'damaged_messages',
        'index_faults',
        'missing_messages',
        'clock_faults',
      ];
      expect(Object.keys(JSON.parse(out) as object)).to.deep.equal(keys);
      expect(err).to.match(/^error reading chunk 1/);
    });

    it('names each check with -v', async () => {
      const checks = [1, 2].flatMap((id) => [
        `chunk ${id} checksums`,
        `chunk ${id} messages`,
        `chunk ${id} mailbox links`,
      ]);
      const lines = checks.map((check) => `checking ${check}...\nok\n`);
      expect((await run('-v', 'verify', 'anne')).out).to.equal(`${lines.join('')}verify anne: ok\n`);
    });

    it('skips a locked backup and fails in the end', async () => {
      const file = await LockedFile.acquire(site.pathOf('anne'));
      try {
        const out = 'verify anne: locked\nverify annette: ok\n';
        expect(await run('-S', 'verify', 'anne', 'annette')).to.deep.equal({ code: 75, out, err: '' });
      } finally {
        file.release();
      }
    });

    it('waits for the lock with -w', async () => {
      const file = await LockedFile.acquire(site.pathOf('anne'));
      setTimeout(() => file.release(), 20);
      expect((await run('-w', 'verify', 'anne')).out).to.equal('verify anne: ok\n');
    });
  });

  describe('reindex', () => {
    it('makes an index that verifies from one that is garbage', async () => {
      truncateSync(`${site.pathOf('anne')}.index`, 100);
      expect((await run('reindex', 'anne')).out).to.equal('reindex anne: ok\n');
      expect((await run('-v', 'verify', 'anne')).out).not.to.include('building');
    });

    it('tells where it found chunks with -v', async () => {
      expect((await run('-v', 'reindex', 'anne')).out).to.match(
        /^\nfound chunk at offset 0\n\n\nfound chunk at offset [0-9]+\n\nreached end of file\nreindex anne: ok\n$/,
      );
    });
  });

  const wrong: [args: string[]][] = [
    [[]],
    [['frobnicate']],
    [['list', '-A', 'anne']],
    [['list', '-u', '-m', 'anne']],
    [['-j', '-v', 'verify', 'anne']],
    [['list', '-t', '0']],
    [['-X', 'list']],
  ];
  for (const [args] of wrong) {
    it(`refuses the command line "${args.join(' ')}"`, async () => {
      const { code, out, err } = await run(...args);
      expect({ code, out }).to.deep.equal({ code: 64, out: '' });
      expect(err).to.match(/^ctl_backups: .* Try 'ctl_backups .*--help'\n$/);
    });
  }

  it('fails with EX_CONFIG where the configuration cannot be used', async () => {
    const io = new Capture();
    expect(await runCtlBackups(['-C', `${site.folder}/none`, 'list'], io)).to.equal(78);
  });
});
