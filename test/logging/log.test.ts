import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { createLog, isJournalStream } from '../../src/logging/log.ts';
import type { LogFormat } from '../../src/logging/log.ts';
import type { Log } from '../../src/logging/events.ts';

describe('the daemon’s log', () => {
  const lines: string[] = [];
  const log = (format: LogFormat, isJournal = false): Log =>
    createLog({
      prefix: 'backupd',
      format: () => format,
      withDebug: () => false,
      isJournal,
      write: (line) => void lines.push(line),
    });
  const sync = { user: 'anne', mailboxes: 6, changed: 2, new: 31, bytes: 1234, ms: 17, lag: undefined };
  const where = { peer: '192.0.2.1:4242', login: 'repluser' };
  /** Control characters, quotes, a reversal of text, and a line that looks like ours. */
  const hostile = 'x"=\\ \u001b[2J\u202e\u0085\nlevel=error event=bug';

  beforeEach(() => void lines.splice(0));

  it('is sentences for people, and leaves out what is not known', () => {
    log('text').write('sync', sync, where);
    log('text').write(
      'login-failed',
      { user: undefined, mechanism: 'PLAIN', reason: 'malformed' },
      { peer: 'p' },
    );
    expect(lines).to.deep.equal([
      'backupd: 192.0.2.1:4242 repluser: sync user=anne mailboxes=6 changed=2 new=31 bytes=1234 ms=17\n',
      'backupd: p: login failed: malformed\n',
    ]);
  });

  it('is logfmt with a time, and without one in the journal, where the level is the priority', () => {
    log('logfmt').write('sync', sync, where);
    expect(lines[0]).to.match(
      /^time=\S+Z level=info event=sync peer=192\.0\.2\.1:4242 login=repluser user=anne mailboxes=6 changed=2 new=31 bytes=1234 ms=17\n$/,
    );
    log('logfmt', true).write('reload-failed', { reason: 'no file' });
    expect(lines[1]).to.equal('<3>level=error event=reload-failed reason="no file"\n');
  });

  it('is JSON, numbers as numbers', () => {
    log('json', true).write('sync', sync, where);
    expect(JSON.parse(lines[0]?.slice('<6>'.length) ?? '')).to.deep.equal({
      level: 'info',
      event: 'sync',
      ...where,
      user: 'anne',
      mailboxes: 6,
      changed: 2,
      new: 31,
      bytes: 1234,
      ms: 17,
    });
  });

  for (const format of ['text', 'logfmt', 'json'] as const) {
    it(`as ${format} is one line for each event, whatever a peer puts in it`, () => {
      log(format).write('refused', { kind: 'syntax', user: hostile, reason: hostile }, where);
      expect(lines).to.have.length(1);
      expect(lines[0]?.slice(0, -1)).to.not.match(/[\u0000-\u001f\u0085\u202e]/);
      expect(lines[0]?.startsWith('level=error')).to.equal(false);
    });

    it(`as ${format} quotes the beginning of a long name alone`, () => {
      log(format).write('notice', { reason: 'x'.repeat(1 << 20) });
      expect(lines[0]?.length).to.be.within(4000, 5000);
    });
  }

  it('as JSON and logfmt gives back what was put in', () => {
    log('json').write('notice', { reason: hostile });
    expect((JSON.parse(lines[0] ?? '') as { reason: string }).reason).to.equal(hostile);
    log('logfmt').write('notice', { reason: hostile });
    const quoted = /reason=(".*")\n$/.exec(lines[1] ?? '')?.[1] ?? '';
    expect(JSON.parse(quoted)).to.equal(hostile);
  });

  it('says details only where they are wanted', () => {
    log('text').write('connected', {});
    expect(lines).to.deep.equal([]);
  });

  it('takes a stream for the journal only if JOURNAL_STREAM names this very stream', () => {
    expect(isJournalStream(2, {})).to.equal(false);
    expect(isJournalStream(2, { JOURNAL_STREAM: '1:2' })).to.equal(false);
    expect(isJournalStream(2, { JOURNAL_STREAM: 'x:y' })).to.equal(false);
    const own = execFileSync('stat', ['-L', '-c', '%d:%i', '/dev/null'], { encoding: 'utf8' }).trim();
    const script = `import { isJournalStream } from ${JSON.stringify(new URL('../../src/logging/log.js', import.meta.url).href)};
      process.stdout.write(String(isJournalStream(2)))`;
    const answer = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: { ...process.env, JOURNAL_STREAM: own },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(answer).to.equal('true');
  });
});
