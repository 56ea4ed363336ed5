import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCheckCommand } from '../../../../src/cli/cyrus-backups/check/command.ts';
import { StatusWriter } from '../../../../src/status/statusWriter.ts';
import type { NewResult } from '../../../../src/status/types.ts';

describe('cyrus-backups check --nagios', () => {
  let folder: string;
  let conf: string;
  const hours = 3600;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'nagios-'));
    conf = join(folder, 'imapd.conf');
    mkdirSync(join(folder, 'data'));
    writeFileSync(
      conf,
      `configdirectory: ${folder}\nbackuppartition-default: ${folder}/data\nbackup_disk_reserve: 1K\n`,
    );
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  function record(...results: readonly (Partial<NewResult> & { readonly ageHours: number })[]): void {
    const writer = StatusWriter.open(join(folder, 'backups.db'), { warn: (text) => expect.fail(text) });
    for (const { ageHours, ...result } of results) {
      const at = Date.now() / 1000 - ageHours * hours;
      writer.recordResult({ userid: 'anne', kind: 'sync', isOk: true, at, ...result });
    }
    writer.close();
  }

  async function check(...args: readonly string[]): Promise<{ code: number; text: string }> {
    let text = '';
    const io = {
      stdout: { write: (part: string) => (text += part) },
      stderr: { write: (part: string) => (text += part) },
    };
    const code = await runCheckCommand(['-C', conf, '--nagios', ...args], io);
    expect(text.split('\n'), 'one line').to.have.length(2);
    return { code, text };
  }

  it('is OK with performance data', async () => {
    record({ ageHours: 1 });
    const { code, text } = await check();
    expect(code).to.equal(0);
    expect(text).to.match(
      /^BACKUPS OK: 1 users are in step \| users=1 oldest_sync=36\d\ds;93600;180000;0 failing=0;0 missing=0;0 free_default=\d+B;;1024:;0;\d+\n$/,
    );
  });

  it('warns of a user who is late, and is critical later', async () => {
    record({ ageHours: 30 }, { userid: 'bob', ageHours: 1 });
    expect(await check()).to.include({ code: 1 });
    expect((await check()).text).to.match(/^BACKUPS WARNING: not synced for 30 h: anne \|/);
    expect(await check('--critical', '29')).to.include({ code: 2 });
    expect(await check('--warning', '31')).to.include({ code: 0 });
  });

  it('warns of a user whose last sync failed, and of missing messages', async () => {
    record({ ageHours: 2, figures: { missing: 2 } }, { ageHours: 1, isOk: false, reason: 'locked' });
    const { code, text } = await check();
    expect(code).to.equal(1);
    expect(text).to.contain('the last sync failed: anne; missing messages: anne (2)');
  });

  it('is critical if a check of what is stored failed', async () => {
    record({ ageHours: 1 }, { ageHours: 1, kind: 'verify', isOk: false });
    expect(await check()).to.include({ code: 2 });
    expect((await check()).text).to.contain('verify failed for 1 users');
  });

  it('is UNKNOWN if nothing is known, or the configuration is wrong', async () => {
    expect(await check()).to.include({ code: 3 });
    conf = join(folder, 'nowhere.conf');
    const { code, text } = await check();
    expect(code).to.equal(3);
    expect(text).to.match(/^BACKUPS UNKNOWN: .*nowhere\.conf/);
  });

  it('prints one line without a bar, whatever a name holds', async () => {
    record({ userid: 'a|b\nc', ageHours: 100 });
    const { text } = await check();
    expect(text.match(/\|/g)).to.have.length(1);
  });
});
