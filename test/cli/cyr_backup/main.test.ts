import { expect } from 'chai';
import { rmSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { runCyrBackup } from '../../../src/cli/cyr_backup/main.ts';
import { LockedFile } from '../../../src/fs/lockedFile.ts';
import { Capture, MESSAGES, SampleSite, guidOf } from '../../backup/sampleBackup.ts';

describe('cyr_backup', () => {
  let site: SampleSite;
  const zone = process.env['TZ'];
  const [one, withNul, large] = MESSAGES;

  before(async () => {
    process.env['TZ'] = 'UTC';
    site = await SampleSite.create(['anne']);
  });

  after(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
    site.remove();
  });

  async function run(...args: string[]): Promise<{ code: number; out: string; err: string; bytes: Buffer }> {
    const io = new Capture();
    const code = await runCyrBackup(['-C', site.config, ...args], io);
    return { code, out: io.out, err: io.err, bytes: io.bytes };
  }

  it('lists chunks with their place, length and times', async () => {
    const { out } = await run('anne', 'list', 'chunks');
    const [title, ...rows] = out.split('\n');
    expect(title).to.equal('     id offset\tlength\tratio%\tstart time           end time');
    expect(rows).to.have.length(3);
    expect(rows[0]).to.match(
      /^ {6}1 0\t[0-9]+\t [ 0-9]{3}\.[0-9]\t2026-11-22 21:28:25  2026-11-22 21:28:25$/,
    );
    expect(rows[1]).to.match(
      /^ {6}2 [0-9]+\t60[0-9]{4}\t {3}[0-9]\.[0-9]\t2026-11-22 21:29:25  2026-11-22 21:29:26$/,
    );
  });

  it('lists mailboxes', async () => {
    const lines = [
      'uniqueid                              last append date     mboxname',
      'anne-inbox  2026-11-22 21:28:25  user.anne',
      'anne-work  2026-11-22 21:28:25  user.anne.Work',
    ];
    expect((await run('-m', 'user/anne/Work', 'list', 'mailboxes')).out).to.equal(`${lines.join('\n')}\n`);
  });

  it('lists messages by GUID', async () => {
    const { out } = await run('-f', site.pathOf('anne'), 'list', 'messages');
    expect(out).to.equal(MESSAGES.map((message) => `${guidOf(message)}\n`).join(''));
  });

  it('lists all, with the headings apart', async () => {
    const { out, err } = await run('anne', 'list', 'all');
    expect(err).to.equal('listing chunks:\n\nlisting mailboxes:\n\nlisting messages:\n');
    expect(out.split('\n')).to.have.length(3 + 3 + 3 + 1);
  });

  for (const [what, message] of Object.entries({
    'a short message': one,
    'a NUL': withNul,
    'many blocks': large,
  })) {
    it(`dumps ${what} byte for byte`, async () => {
      const { code, bytes } = await run('anne', 'dump', 'message', guidOf(message));
      expect(code).to.equal(0);
      expect(bytes.equals(message)).to.equal(true);
    });
  }

  it('dumps chunks: all together are what gunzip makes of the file', async () => {
    const chunks = [await run('anne', 'dump', 'chunk', '1'), await run('anne', 'dump', 'chunk', '2')];
    const whole = Buffer.concat(chunks.map(({ bytes }) => bytes));
    expect(whole.equals(gunzipSync(readFileSync(site.pathOf('anne'))))).to.equal(true);
  });

  it('prints JSON with the keys of the originals', async () => {
    const chunks = JSON.parse((await run('anne', 'json', 'chunks')).out) as object[];
    const keys = ['id', 'offset', 'length', 'ratio', 'start time', 'end time'];
    expect(chunks.map((chunk) => Object.keys(chunk))).to.deep.equal([keys, keys]);
    expect(JSON.parse((await run('anne', 'json', 'mailboxes')).out)).to.deep.equal([
      {
        uniqueid: 'anne-inbox',
        mboxname: 'user.anne',
        last_appenddate: '2026-11-22 21:28:25',
        messages: [
          { uid: 1, guid: guidOf(one) },
          { uid: 2, guid: guidOf(withNul) },
        ],
      },
      {
        uniqueid: 'anne-work',
        mboxname: 'user.anne.Work',
        last_appenddate: '2026-11-22 21:28:25',
        messages: [{ uid: 3, guid: guidOf(large) }],
      },
    ]);
    const messages = JSON.parse((await run('anne', 'json', 'messages')).out) as object[];
    expect(messages[2]).to.deep.equal({
      guid: guidOf(large),
      mailboxes: [{ uniqueid: 'anne-work', mboxname: 'user.anne.Work' }],
    });
  });

  it('shows a chunk with its lines', async () => {
    const { code, out } = await run('anne', 'show', 'chunks', '2');
    expect(code).to.equal(0);
    expect(out).to.match(/^id:      2\noffset:  [0-9]+\nstored:  [0-9]+ \([0-9.]+%\)\nlength:  [0-9]+\n/);
    expect(out).to.match(/\nstate:   whole\nlines:\n    offset  time                 line\n/);
    expect(out).to.match(
      /\n +29  2026-11-22 21:29:25  MESSAGE \(1 message\)\n +[0-9]+  .*  MAILBOX user\.anne\.Work \(1 record\)\n +[0-9]+  .*  SUB user\.anne\n\n$/,
    );
  });

  it('shows mailboxes by name and uniqueid', async () => {
    const { out } = await run('anne', 'show', 'mailboxes', 'user/anne/Work', 'anne-inbox');
    const heading = 'messages:\n       uid  expunged time        guid\n';
    const row = (uid: number, message: Buffer): string =>
      `${String(uid).padStart(10)}  ${' '.repeat(19)}  ${guidOf(message)}\n`;
    expect(out).to.equal(
      `mboxname: user.anne.Work\nuniqueid: anne-work\n${heading}${row(3, large)}\n` +
        `mboxname: user.anne\nuniqueid: anne-inbox\n${heading}${row(1, one)}${row(2, withNul)}\n`,
    );
  });

  it('shows messages: where they are, and their headers', async () => {
    expect((await run('anne', 'show', 'messages', guidOf(one))).out).to.equal(
      `guid:\t${guidOf(one)}\nmailboxes:\n\tanne-inbox\tuser.anne\nheaders:\nFrom: a@example.com\r\nSubject: one\r\n\n`,
    );
  });

  it('prints headers as JSON', async () => {
    const { out } = await run('anne', 'json', 'headers', guidOf(one), guidOf(withNul));
    expect(JSON.parse(out)).to.deep.equal({
      [guidOf(one)]: { From: ['a@example.com'], Subject: ['one'] },
      [guidOf(withNul)]: { From: ['b@example.com'], Subject: ['NUL'] },
    });
  });

  it('dumps a mailbox as an mbox', async () => {
    const { code, bytes } = await run('anne', 'dump', 'mailbox', 'user/anne');
    expect(code).to.equal(0);
    const separator = 'From MAILER-DAEMON Sun Nov 22 21:28:25 2026\n';
    expect(bytes.toString('latin1')).to.equal(
      `${separator}From: a@example.com\nSubject: one\nStatus: O\nX-Cyrus-GUID: ${guidOf(one)}\n\nHello\n\n` +
        `${separator}From: b@example.com\nSubject: NUL\nStatus: O\nX-Cyrus-GUID: ${guidOf(withNul)}\n\nbefore\0after\xff\n\n`,
    );
  });

  it('looks at a moment before a mailbox was there', async () => {
    const { code, out, err } = await run('--at', '2026-11-22T21:28:30Z', 'anne', 'list', 'mailboxes');
    expect({ code, err }).to.deep.equal({ code: 0, err: 'anne: as of 2026-11-22T21:28:30Z\n' });
    expect(out).to.include('user.anne\n').and.not.to.include('Work');
    expect((await run('--at', '@1795382906', 'anne', 'dump', 'mailbox', 'user/anne/Work')).code).to.equal(66);
    expect((await run('--at', 'now', 'anne', 'list', 'chunks')).code).to.equal(64);
  });

  it('checks the last chunk with -v', async () => {
    expect((await run('-v', 'anne', 'list', 'messages')).out).to.match(
      /^checking chunk 2 checksums\.\.\.\nok\n[0-9a-f]{40}\n/,
    );
  });

  it('goes on behind what is not there, and fails in the end', async () => {
    const { code, out, err } = await run('anne', 'show', 'mailboxes', 'user/anne/Nowhere', 'user/anne');
    expect(code).to.equal(66);
    expect(out).to.match(/^mboxname: user\.anne\n/);
    expect(err).to.equal('anne: no mailbox user/anne/Nowhere\n');
  });

  it('indents JSON as JSON.stringify does', async () => {
    const { out } = await run('anne', 'json', 'mailboxes');
    expect(out).to.equal(`${JSON.stringify(JSON.parse(out), null, 2)}\n`);
  });

  it('looks while another holds the lock, also where there is no index', async () => {
    const file = await LockedFile.acquire(site.pathOf('anne'));
    try {
      rmSync(`${site.pathOf('anne')}.index`);
      expect((await run('anne', 'dump', 'message', guidOf(withNul))).bytes.equals(withNul)).to.equal(true);
    } finally {
      file.release();
    }
  });

  const absent: [args: string[], error: RegExp][] = [
    [['anne', 'dump', 'message', '0'.repeat(40)], /^anne: no message 0{40}\n$/],
    [['anne', 'dump', 'chunk', '99'], /^anne: no chunk 99\n$/],
    [['anne', 'dump', 'chunk', 'x'], /^anne: no chunk x\n$/],
    [['nobody', 'list', 'chunks'], /^nobody: not found in backups\.db\n$/],
    [['-f', '/nonexistent', 'list', 'chunks'], /^\/nonexistent: .*no such file/i],
  ];
  for (const [args, error] of absent) {
    it(`says what is not there for ${args.join(' ')}`, async () => {
      const { code, out, err } = await run(...args);
      expect({ code, out }).to.deep.equal({ code: args[0] === 'nobody' ? 67 : 66, out: '' });
      expect(err).to.match(error);
    });
  }

  for (const args of [
    [],
    ['anne'],
    ['anne', 'list'],
    ['anne', 'list', 'nothing'],
    ['anne', 'dump', 'message'],
  ]) {
    it(`refuses the command line "${args.join(' ')}"`, async () => {
      const { code, err } = await run(...args);
      expect(code).to.equal(64);
      expect(err).to.match(/^cyr_backup: .* Try 'cyr_backup .*--help'\n$/);
    });
  }
});
