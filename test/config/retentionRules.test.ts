import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RetentionRules } from '../../src/config/retentionRules.ts';

const DAY = 86_400;

describe('retention rules when a backup gets another userid', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'retention-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** In days, with a default of 30; 0 is for ever. */
  function afterRename(lines: string, from: string, to: string): { days: number; hold: string | null } {
    writeFileSync(join(folder, 'backup.retention'), lines);
    new RetentionRules(join(folder, 'backups.db')).carry(from, to, 30 * DAY);
    new RetentionRules(join(folder, 'backups.db')).forget(from);
    const rules = new RetentionRules(join(folder, 'backups.db'));
    expect(rules.holdOf(from)).to.equal(null);
    return { days: rules.secondsOf(to, 30 * DAY) / DAY, hold: rules.holdOf(to) };
  }

  for (const [what, lines, from, to, days] of [
    [
      'into a domain with a shorter rule',
      'retention @long 365d\nretention @short 7d\n',
      'a@long',
      'a@short',
      365,
    ],
    ['from the default into a domain with a shorter rule', 'retention @short 7d\n', 'a', 'a@short', 30],
    ['from a domain with a rule to the default', 'retention @long 365d\n', 'a@long', 'a', 365],
    ['from a domain that keeps for ever', 'retention @long 0\nretention @short 7d\n', 'a@long', 'a@short', 0],
    ['from the own rule onto a name with a longer one', 'retention a 7d\nretention b 90d\n', 'a', 'b', 90],
    ['from the own rule onto a name with a shorter one', 'retention a 90d\nretention b 7d\n', 'a', 'b', 90],
    [
      'into a domain with a longer rule',
      'retention @short 7d\nretention @long 365d\n',
      'a@short',
      'a@long',
      365,
    ],
    ['with a rule of its own, which goes along', 'retention a 7d\n', 'a', 'b', 7],
  ] as const) {
    it(`${what}: the longer one stays`, () => {
      expect(afterRename(lines, from, to).days).to.equal(days);
    });
  }

  it('keeps a hold of either name', () => {
    expect(afterRename('hold a court\n', 'a', 'b').hold).to.equal('court');
    expect(afterRename('hold a court\nhold b other\n', 'a', 'b').hold).to.equal('other');
  });
});
