/**
 * Commits as fast as backupd takes them, with programs that read the same mail in the mount: none of them may see an error, a
 * wrong byte or stand still, and when it is over the mount shows what there is.
 */
import { expect } from 'chai';
import { join } from 'node:path';
import { guidOf, message, upload } from '../server/made.ts';
import { BackupServer } from '../support/backupdDaemon.ts';
import { CHECK_FILES } from '../support/checkedMessages.ts';
import { Daemon, run, waitUntil } from '../support/machine.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';
import { SyncConnection } from '../support/syncConnection.ts';

const COMMITS = 1000;
const MAILBOXES = 5;
const STEADY = 20;

/** MAILBOX with one record, as a master says it in a batch: without checksums. */
function record(mailbox: number, uid: number, body: string, modseq: number, flags = ''): string {
  return (
    `APPLY MAILBOX %(UNIQUEID storm${mailbox} MBOXNAME user.anne.Storm${mailbox} LAST_UID ${uid} ` +
    `HIGHESTMODSEQ ${modseq} UIDVALIDITY 1 PARTITION default ACL "" OPTIONS P RECORD (%(UID ${uid} MODSEQ ${modseq} ` +
    `LAST_UPDATED 1700000000 FLAGS (${flags}) INTERNALDATE 1700000000 SIZE ${body.length} GUID ${guidOf(body)})))\r\n`
  );
}

describe('the mount in a storm of commits', function () {
  this.timeout(180_000);

  let backup: BackupServer;
  let mount: MountDaemon;
  let master: SyncConnection;

  before(async function () {
    needs(this, 'root', '/dev/fuse');
    backup = await BackupServer.start();
    master = await SyncConnection.login(backup.address);
    mount = await MountDaemon.start(backup.conf, ['transport=kernel']);
  });

  after(async () => {
    master?.close();
    await mount?.stop();
    await backup?.stop();
  });

  async function say(command: string | Buffer): Promise<void> {
    const { reply } = await master.exchange(command);
    expect(reply, command.toString('latin1')).to.match(/^OK/);
  }

  it('has no error, wrong byte or hang, and shows in the end what there is', async () => {
    const living = Array.from({ length: MAILBOXES }, () => new Map<number, string>());
    let modseq = 1;
    const append = async (mailbox: number, uid: number): Promise<void> => {
      const body = message(`storm ${mailbox}-${uid}`);
      await say(upload(body));
      await say(record(mailbox, uid, body, ++modseq));
      living[mailbox]?.set(uid, body);
    };
    for (let uid = 1; uid <= STEADY; uid++) await append(0, uid);
    const steady = Array.from({ length: STEADY }, (_, at) => message(`storm 0-${at + 1}`)).join('');
    const cat = `cat $(seq -f 'anne/Storm0/%g.eml' ${STEADY}) | sha1sum`;
    const loop = (body: string): Daemon =>
      new Daemon('bash', ['-c', `set -e -o pipefail; while :; do ${body}; echo round; done`], {
        cwd: mount.path,
        env: { ...process.env, CHECK: CHECK_FILES },
      });
    const readers = [
      loop(`[ "$(${cat})" = '${guidOf(steady)}  -' ]`),
      loop(`find . -ignore_readdir_race -type f -printf '%s\\n' >/dev/null`),
      loop('ls -fR . >/dev/null'),
      loop('[ -z "$(python3 -c "$CHECK" anne 2>&1 | grep -v "^[0-9]*$")" ]'),
      loop(`for i in 0 1 2 3 4; do stat anne/Storm0/$((i + 1)).eml >/dev/null; ls anne >/dev/null; done`),
    ];
    try {
      for (let at = 0; at < COMMITS; at++) {
        const mailbox = at % MAILBOXES;
        const messages = living[mailbox] as Map<number, string>;
        const uid = Math.floor(at / MAILBOXES) + STEADY + 1;
        const victim = uid - 5;
        const body = messages.get(victim);
        // Of three commits, one expunges, one flags, one appends; what is steady stays.
        if (at % 3 === 0 && victim > STEADY && body !== undefined) {
          await say(record(mailbox, victim, body, ++modseq, '\\Expunged'));
          messages.delete(victim);
        } else if (at % 3 === 1 && body !== undefined) {
          await say(record(mailbox, victim, body, ++modseq, '\\Seen'));
        } else await append(mailbox, uid);
      }
      for (const reader of readers) {
        const before = reader.output.length;
        await waitUntil(() => reader.output.length > before || reader.hasExited, {
          what: () => 'a reader stands still',
        });
      }
    } finally {
      for (const reader of readers) {
        expect(reader.hasExited, reader.output.replaceAll('round\n', '')).to.equal(false);
        await reader.stop('SIGTERM');
      }
    }
    for (const reader of readers) expect(reader.output).to.match(/^(round\n)+$/);
    const wanted = living.flatMap((messages, at) =>
      [...messages.keys()].map((uid) => `./Storm${at}/${uid}.eml`),
    );
    let found: string[] = [];
    const list = async (): Promise<string[]> =>
      (await run('find', ['.', '-type', 'f'], { cwd: join(mount.path, 'anne') })).stdout.trim().split('\n');
    await waitUntil(async () => (found = await list()).length === wanted.length, {
      what: () => `${found.length} messages, not ${wanted.length}\n${mount.log}`,
    });
    expect(found.toSorted()).to.deep.equal(wanted.toSorted());
    expect(mount.log.split('\n').filter((line) => line !== '')).to.have.length(1);
  });
});
