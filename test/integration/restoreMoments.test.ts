/**
 * Into mailboxes that live: only what is missing comes; and any moment: state, deletions and flags as they were, against a record
 * that is kept while a master's mailboxes change at random (the seed is in the test's name).
 */
import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackupServer } from '../support/backupdDaemon.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import type { ImapClient } from '../support/imapClient.ts';
import { appendMessages, message } from '../support/mailboxes.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { randomFrom } from '../support/random.ts';
import { Restorer, total } from '../support/restoring.ts';

const SEED = 20_261_120;
const FOLDERS = ['INBOX', 'INBOX/Work', 'INBOX/Trash'];

/** Folder to messages, each as SHA-1 and flags. */
type State = Record<string, string[]>;

interface Moment {
  /** Unix seconds at which the backup had the state, and no other before the next second. */
  readonly time: number;
  readonly state: State;
}

/** Whole numbers below one that is given. */
function random(seed: number): (below: number) => number {
  const next = randomFrom(seed);
  return (below) => (next() * 2 ** 32) % below;
}

describe(`restore into living mailboxes, and to any moment (seed ${SEED})`, function () {
  this.timeout(120_000);

  let master: CyrusMaster;
  let backup: BackupServer;
  let restorer: Restorer;
  let server: string;
  const moments: Moment[] = [];

  before(async function () {
    needs(this, ...cyrusRequirements);
    [master, backup] = await Promise.all([CyrusMaster.start(), BackupServer.start()]);
    restorer = new Restorer(backup, master.syncServer);
    server = `127.0.0.1:${master.syncServer.port}`;
    await master.createUser('anne');
    const client = await master.imap('anne');
    await client.create(...FOLDERS.slice(1));
    for (const [index, folder] of FOLDERS.entries()) await appendMessages(client, folder, 100 * index, 8);
    await record();
    const below = random(SEED);
    for (let round = 1; round <= 4; round += 1) {
      for (let change = 0; change < 6; change += 1)
        await changeAtRandom(client, below, 1000 * round + change);
      await record();
    }
    client.close();
  });

  after(async () => {
    await Promise.all([master?.stop(), backup?.stop()]);
  });

  /** Replicates, and notes what is there; the next change is in another second. */
  async function record(): Promise<void> {
    const { code, stdout, stderr } = await master.syncClient(['-u', 'anne'], backup.address);
    expect(code, stdout + stderr).to.equal(0);
    moments.push({ time: Math.floor(Date.now() / 1000), state: await stateBelow('INBOX') });
    await sleep(1100);
  }

  /** Of the folders that are the root or below it, by their names below it. */
  async function stateBelow(root: string): Promise<State> {
    const state: State = {};
    for (const [name, messages] of await master.truth('anne')) {
      if (name !== root && !name.startsWith(`${root}/`)) continue;
      const below = root === 'INBOX' ? name : name.slice(root.length + 1);
      if (!FOLDERS.some((folder) => folder === below || folder.replace('INBOX/', '') === below)) continue;
      state[below.replace('INBOX/', '')] = messages
        .map(({ sha1, flags }) => `${sha1} ${flags.join(' ')}`)
        .toSorted();
    }
    return Object.fromEntries(Object.entries(state).filter(([, messages]) => messages.length > 0));
  }

  async function changeAtRandom(
    client: ImapClient,
    below: (n: number) => number,
    number: number,
  ): Promise<void> {
    const folder = FOLDERS[below(FOLDERS.length)] ?? 'INBOX';
    const uids = (await client.messages(folder)).map(({ uid }) => uid);
    const uid = String(uids[below(Math.max(1, uids.length))] ?? 1);
    const kind = below(4);
    if (kind === 0 || uids.length === 0) await client.append(folder, message(number));
    else if (kind === 1) await client.expunge(folder, uid);
    else {
      await client.select(folder);
      if (kind === 2)
        await client.store(uid, `FLAGS.SILENT (${['', '\\Seen', '\\Flagged $Work'][below(3)]})`);
      else await client.command('UID MOVE', uid, `"${FOLDERS[below(FOLDERS.length)]}"`);
    }
  }

  it('--at is each recorded moment, in a folder apart', async () => {
    for (const [index, { time, state }] of moments.entries()) {
      await restorer.report('--at', `@${time}`, '--into', `At${index}`, '-a', server, 'anne');
      expect(await stateBelow(`INBOX/At${index}`), `moment ${index}`).to.deep.equal(state);
    }
  });

  it('--between any two moments is what lived at the first and nowhere at the second, and nothing else', async () => {
    const sha1s = (state: State | undefined): Set<string> =>
      new Set(Object.values(state ?? {}).flatMap((messages) => messages.map((each) => each.slice(0, 40))));
    const last = moments.length - 1;
    for (const [from, to] of [
      [0, last],
      [0, 1],
      [1, 3],
    ] as const) {
      const [one, other] = [moments[from], moments[to]];
      const span = ['--between', `@${one?.time}`, `@${other?.time}`];
      await restorer.report(...span, '--into', `Between${from}${to}`, server, 'anne');
      const restored = [...sha1s(await stateBelow(`INBOX/Between${from}${to}`))].toSorted();
      const after = sha1s(other?.state);
      const seen = moments.slice(from, to + 1).flatMap(({ state }) => [...sha1s(state)]);
      const lost = [...new Set(seen)].filter((sha1) => !after.has(sha1)).toSorted();
      // What came and went between two replications the backup never saw.
      expect(restored, `${from} to ${to}`).to.deep.equal(lost);
    }
  });

  it('--flags-only puts flags back on the messages that are there, and touches nothing else', async () => {
    const { time, state } = moments.at(-1) as Moment;
    const client = await master.imap('anne');
    for (const folder of FOLDERS) {
      await client.select(folder);
      await client.store('1:*', '+FLAGS.SILENT (\\Seen $Mistake)');
    }
    await client.append('INBOX', message(5000), { flags: '\\Flagged' });
    await client.command('UNSELECT');
    client.close();
    const plan = await restorer.report('-n', '--flags-only', '--at', `@${time}`, server, 'anne');
    const report = await restorer.report('--flags-only', '--at', `@${time}`, server, 'anne');
    expect(total(report, 'changed')).to.equal(total(plan, 'changed')).and.to.be.greaterThan(5);
    const now = await stateBelow('INBOX');
    const isNew = (line: string): boolean =>
      line.endsWith(' \\Flagged') && !(state['INBOX'] ?? []).includes(line);
    expect(now['INBOX']?.filter(isNew), 'a message that the backup never had').to.have.lengthOf(1);
    expect({ ...now, INBOX: now['INBOX']?.filter((line) => !isNew(line)) }).to.deep.equal(state);
    const again = await restorer.report('--flags-only', '--at', `@${time}`, server, 'anne');
    expect(total(again, 'changed')).to.equal(0);
  });

  it('into living mailboxes only what is missing comes, as new messages; a second run adds nothing', async () => {
    const client = await master.imap('anne');
    const before = await client.messages('INBOX');
    const gone = before.slice(0, 2);
    await client.expunge('INBOX', gone.map(({ uid }) => uid).join(','));
    await client.command('UNSELECT');
    const plan = await restorer.report('-n', '-U', server, 'anne', 'INBOX');
    expect([total(plan, 'added'), total(plan, 'skipped')]).to.deep.equal([
      2,
      (moments.at(-1) as Moment).state['INBOX']!.length - 2,
    ]);
    await restorer.report('-U', server, 'anne', 'INBOX');
    const after = await client.messages('INBOX');
    client.close();
    const highest = Math.max(...before.map(({ uid }) => uid));
    const added = after.filter(({ uid }) => uid > highest);
    const text = ({ sha1, flags, internalDate }: (typeof after)[number]): string =>
      `${sha1} ${internalDate} ${flags.join(' ')}`;
    expect(added.map(text).toSorted()).to.deep.equal(gone.map(text).toSorted());
    expect(total(await restorer.report('-U', server, 'anne', 'INBOX'), 'added')).to.equal(0);
  });
});
