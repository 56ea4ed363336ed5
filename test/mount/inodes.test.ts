/** Inode numbers of a real mount: programs that store linked files once go by them. */
import { expect } from 'chai';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { linkInode } from '../../mount/tree/hardlinks.ts';
import { START, guidOf } from '../support/backups.ts';
import { makeFolder, run } from '../support/machine.ts';
import { MailStore, mailNumber } from '../support/mailStore.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';

/** UIDs for two messages of anne's, each in several folders, at which 32 bits of their inode numbers are the same. */
function meetingIn32Bits(guid: string, otherGuid: string): [uid: number, otherUid: number] {
  const folded = (of: string, uid: number): number => {
    const inode = linkInode('anne', of, START + uid);
    return Number((inode ^ (inode >> 32n)) & 0xffffffffn);
  };
  const uids = Array.from({ length: 200_000 }, (_, at) => at + 1);
  const seen = new Map(uids.map((uid) => [folded(guid, uid), uid]));
  for (const uid of uids) {
    const other = seen.get(folded(otherGuid, uid));
    if (other !== undefined && other !== uid) return [other, uid];
  }
  throw new Error('no two UIDs found');
}

for (const transport of ['kernel', 'fuse-native'] as const) {
  describe(`inode numbers over ${transport}`, function () {
    this.timeout(60_000);
    let store: MailStore | undefined;
    let mount: MountDaemon | undefined;
    const folders: string[] = [];

    before(function () {
      needs(this, 'root', '/dev/fuse', 'the package rsync');
    });
    after(async () => {
      await mount?.stop();
      await store?.remove();
      for (const each of folders) rmSync(each, { recursive: true, force: true });
    });

    const folder = (): string => {
      const path = makeFolder('inodes');
      folders.push(path);
      return path;
    };
    const linesOf = async ({ path }: MountDaemon, command: string): Promise<string[]> => {
      const { stdout, stderr } = await run('sh', ['-c', `cd ${path} && ${command}`]);
      expect(stderr, command).to.equal('');
      return stdout.trim().split('\n');
    };

    it('never take two messages for one, where 32 bits of their inode numbers are the same', async () => {
      const [first, second] = meetingIn32Bits(guidOf(mailNumber(1)), guidOf(mailNumber(2)));
      store = new MailStore();
      for (const name of ['user.anne', 'user.anne.Copies']) {
        await store.put('anne', 0, name, [
          [first, 1],
          [second, 2],
        ]);
      }
      mount = await MountDaemon.start(store.conf, [`transport=${transport}`, 'hardlinks']);
      const numbers = await linesOf(mount, "find anne -name '*.eml' -printf '%i %n\\n' | sort -u");
      expect(numbers).to.have.length(2);
      expect(numbers.every((each) => each.endsWith(' 2'))).to.equal(true);
      expect(await linesOf(mount, "ls -i anne/*/*.eml | awk '{print $1}' | sort -u | wc -l")).to.deep.equal([
        '2',
      ]);
      const [unpacked, synced] = [folder(), folder()];
      await linesOf(mount, `tar -cf - anne | tar -C ${unpacked} -xf - && rsync -aH anne ${synced}/`);
      for (const copy of [unpacked, synced]) {
        for (const [uid, number] of [
          [first, 1],
          [second, 2],
        ] as const) {
          for (const place of ['INBOX', 'Copies']) {
            const bytes = readFileSync(join(copy, 'anne', place, `${uid}.eml`));
            expect(guidOf(bytes), `${place} ${number}`).to.equal(guidOf(mailNumber(number)));
          }
        }
      }
    });
  });
}
