/** The alarm: none in months of ordinary use, one within a round of a wipe, and what it does. */
import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RetentionRules } from '../../../src/config/retentionRules.ts';
import { Alarms } from '../../../src/server/alarm/alarms.ts';
import { waitUntil } from '../../support/machine.ts';
import { MadeUser } from '../../support/madeUser.ts';

const DAY_S = 86_400;
const INBOX = 'user.anne';
const ARCHIVE = 'user.anne.Archive';
const TRASH = 'user.anne.Trash';

describe('the alarm', function () {
  this.timeout(120_000);

  async function begun(seed: number, command?: readonly string[]): Promise<MadeUser> {
    const user = new MadeUser(seed, command);
    user.add(INBOX, 1500);
    user.add(ARCHIVE, 500);
    user.add('user.anne.Projects', 800);
    await user.round();
    user.nowS += DAY_S;
    return user;
  }

  async function ordinaryDay(user: MadeUser, day: number): Promise<void> {
    const morning = user.nowS;
    user.add(INBOX, 10 + user.upTo(60));
    await user.round();
    user.move(INBOX, ARCHIVE, user.upTo(40));
    await user.round();
    user.move(INBOX, TRASH, user.upTo(50));
    user.expunge(INBOX, user.upTo(20));
    await user.round();
    if (day % 10 === 9) user.expunge(TRASH, Infinity);
    await user.round();
    // A large clean-up: a year's folder is renamed, and much of the INBOX is archived.
    if (day === 12) user.rename('user.anne.Projects', 'user.anne.Archive.Projects');
    if (day === 17) user.move(INBOX, ARCHIVE, 1000);
    await user.round();
    user.nowS = morning + DAY_S;
  }

  it('stays silent in six months of ordinary use, a year`s clean-up among it', async () => {
    for (let seed = 1; seed <= 6; seed += 1) {
      const user = await begun(seed);
      for (let day = 0; day < 30; day += 1) await ordinaryDay(user, day);
      expect([user.raised, user.held], `seed ${seed}`).to.deep.equal([[], null]);
      await user.close();
    }
  });

  const attacks: Readonly<Record<string, (user: MadeUser) => void>> = {
    'a wipe': (user) => {
      for (const name of user.folders.keys()) user.expunge(name, Infinity);
    },
    'a wipe by way of the trash': (user) => {
      user.move(INBOX, TRASH, Infinity);
      user.move(ARCHIVE, TRASH, Infinity);
      user.expunge(TRASH, Infinity);
    },
    'folders that are deleted': (user) => {
      for (const name of [ARCHIVE, 'user.anne.Archive.Projects'])
        user.rename(name, `DELETED.${name}.6B0BD440`);
    },
    'an encryption run': (user) => {
      for (const name of ['user.anne', 'user.anne.Archive', 'user.anne.Archive.Projects']) {
        const count = user.folderOf(name).living.size;
        user.expunge(name, Infinity);
        user.add(name, count);
      }
    },
  };
  for (const [what, attack] of Object.entries(attacks)) {
    it(`${what} raises it within the round, and puts the user on hold`, async () => {
      const user = await begun(7);
      for (let day = 0; day < 14; day += 1) await ordinaryDay(user, day);
      attack(user);
      expect(await user.round()).to.equal(1);
      expect(user.raised[0]?.lost).to.be.at.least(800);
      expect(user.held).to.match(/^alarm of 2026-.*: \d+ messages lost, \d+ left$/);
      expect(await user.round(), 'once').to.equal(0);
      await user.close();
    });
  }

  it('a client gone wild raises it before a fifth of the mail is lost', async () => {
    const user = await begun(3);
    for (let day = 0; day < 20; day += 1) await ordinaryDay(user, day);
    const all = [...user.folders.values()].reduce((sum, { living }) => sum + living.size, 0);
    let deleted = 0;
    while (user.raised.length === 0 && deleted < all / 3) {
      deleted += user.expunge(ARCHIVE, 13).length;
      await user.round();
    }
    expect(user.raised).to.have.lengthOf(1);
    expect(deleted).to.be.lessThan(all / 5);
    await user.close();
  });

  it('runs the command without a shell, and tells when it fails; a hold that is there stays', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hook-'));
    const script = join(folder, 'hook');
    writeFileSync(script, '#!/bin/sh\nprintf "%s %s %s" "$1" "$ALARM_USER" "$ALARM_LOST" > "$0.out"\n', {
      mode: 0o755,
    });
    const user = await begun(5, [script, '$(id);x']);
    new RetentionRules(join(user.folder, 'backups.db')).setHold('anne', 'court order');
    user.expunge(INBOX, Infinity);
    await user.round();
    expect([user.held, user.raised[0]?.hold]).to.deep.equal(['court order', 'it was on hold already']);
    const written = (): string => {
      try {
        return readFileSync(`${script}.out`, 'utf8');
      } catch {
        return '';
      }
    };
    await waitUntil(() => written().endsWith(' 1500'), { what: () => user.hookFailures.join() });
    expect(written()).to.equal('$(id);x anne 1500');
    await user.close();
    const other = await begun(6, [join(folder, 'missing')]);
    other.expunge(INBOX, Infinity);
    await other.round();
    await waitUntil(() => other.hookFailures.length > 0, { what: () => 'no failure' });
    expect(other.hookFailures[0]).to.contain('ENOENT');
    await other.close();
    rmSync(folder, { recursive: true });
  });

  it('adds little to a round: measured, and silent', async () => {
    const user = await begun(9);
    const alarms = { ms: 0, all: 0 };
    const original = Reflect.get(Alarms.prototype, 'roundEnded');
    Alarms.prototype.roundEnded = function (this: Alarms, ...args): void {
      const began = performance.now();
      original.apply(this, args);
      alarms.ms += performance.now() - began;
    };
    try {
      const began = performance.now();
      for (let day = 0; day < 10; day += 1) await ordinaryDay(user, day);
      alarms.all = performance.now() - began;
    } finally {
      Alarms.prototype.roundEnded = original;
    }
    // A measurement, not a limit: 10 ms of 390 ms on an idle machine.
    process.stdout.write(`      the alarm took ${alarms.ms.toFixed(1)} ms of ${alarms.all.toFixed(0)} ms\n`);
    expect(user.raised).to.deep.equal([]);
    await user.close();
  });
});
