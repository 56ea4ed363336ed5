import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackupError } from '../../src/errors.ts';
import { Memory, UNCOUNTED_BYTES } from '../../src/server/memory.ts';

const MIB = 1 << 20;

describe('the memory that sessions share', () => {
  const ended: string[] = [];
  const share = (memory: Memory, name: string) => memory.share(() => void ended.push(name));
  const made = (totalBytes = 10 * MIB, waitMs = 60, silentMs = 20): Memory =>
    new Memory({ totalBytes, waitMs, silentMs });
  const kindOf = (work: Promise<void> | undefined): Promise<string> =>
    Promise.resolve(work).then(
      () => 'held',
      (error: BackupError) => error.kind,
    );

  beforeEach(() => void ended.splice(0));

  it('is not asked for what an ordinary command takes', () => {
    const memory = made(MIB);
    for (let at = 0; at < 1000; at += 1) expect(share(memory, 'x').hold(UNCOUNTED_BYTES)).to.equal(undefined);
    expect(memory.usedBytes).to.equal(0);
  });

  it('is counted as a command grows, and given back with it', () => {
    const memory = made();
    const one = share(memory, 'one');
    expect(one.hold(MIB)).to.equal(undefined);
    expect(one.hold(3 * MIB)).to.equal(undefined);
    expect(memory.usedBytes).to.equal(3 * MIB - UNCOUNTED_BYTES);
    one.release();
    expect(memory.usedBytes).to.equal(0);
  });

  it('is waited for, and had when another command ends', async () => {
    const memory = made();
    const [one, two] = [share(memory, 'one'), share(memory, 'two')];
    await one.hold(9 * MIB);
    one.isWhole();
    const waiting = kindOf(two.hold(5 * MIB));
    await sleep(10);
    one.release();
    expect(await waiting).to.equal('held');
    expect(ended).to.deep.equal([]);
  });

  it('is refused for now where nobody gives any back, and for good where it is more than there is', async () => {
    const memory = made();
    const [one, two] = [share(memory, 'one'), share(memory, 'two')];
    await one.hold(9 * MIB);
    one.isWhole();
    expect(await kindOf(two.hold(5 * MIB))).to.equal('locked');
    expect(() => two.hold(11 * MIB)).to.throw(BackupError, /more than 10485760 bytes/);
  });

  it('is taken from a peer that sends nothing more, when others wait for it', async () => {
    const memory = made();
    const [silent, two] = [share(memory, 'silent'), share(memory, 'two')];
    await silent.hold(9 * MIB);
    expect(await kindOf(two.hold(MIB))).to.equal('held');
    await sleep(30);
    expect(ended).to.deep.equal([]);
    const waiting = kindOf(two.hold(5 * MIB));
    expect(ended).to.deep.equal(['silent']);
    silent.close();
    expect(await waiting).to.equal('held');
  });

  it('all that wait for each other: the one that began last gives way at once, and the first goes on', async () => {
    const memory = made(10 * MIB, 10_000);
    const shares = ['one', 'two', 'three'].map((name) => share(memory, name));
    for (const each of shares) await each.hold(3 * MIB);
    const kinds = shares.map(async (each) => {
      const kind = await kindOf(each.hold(5 * MIB));
      await sleep(1);
      each.release();
      return kind;
    });
    expect(await Promise.all(kinds)).to.deep.equal(['held', 'held', 'locked']);
    expect(memory.usedBytes).to.equal(0);
  });

  it('has a quarter for uploads', () => {
    const memory = made();
    expect(memory.takeForStaging(2 * MIB)).to.equal(true);
    expect(memory.takeForStaging(MIB)).to.equal(false);
    expect(share(memory, 'one').hold(7 * MIB)).to.equal(undefined);
  });
});
