/** Inode numbers of a real mount: programs that store linked files once go by them. */
import { expect } from 'chai';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { linkInode } from '../../mount/tree/hardlinks.ts';
import { START, guidOf } from '../support/backups.ts';
import { makeFolder, run } from '../support/machine.ts';
import { hostileLevels, putMailboxes } from '../support/hostileNames.ts';
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

/** Files of mail in each view, where all that is listed has a name and an inode number of its own. */
const SCAN = `
import json, os, sys
counts = {}
for view in ('.', '.mh', '.maildir', '.mbox'):
    seen, counts[view] = {}, 0
    for folder, _, _ in os.walk(os.path.join(sys.argv[1], view)):
        listed = list(os.scandir(folder.encode()))
        assert len(listed) == len({entry.name for entry in listed}), folder
        for entry in listed:
            assert len(entry.name) <= 255, entry.path
            found = os.lstat(entry.path)
            assert found.st_ino == entry.inode(), entry.path
            assert seen.setdefault(found.st_ino, entry.path) == entry.path, (entry.path, seen[found.st_ino])
            named = entry.name.endswith((b'.eml', b'.mbox')) or entry.name.isdigit() or b'cyrus-backups' in entry.name
            counts[view] += entry.is_file() and named
print(json.dumps(counts))
`;

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

    it('and names are one each in every view, whatever the mailboxes are called', async () => {
      await mount?.stop();
      await store?.remove();
      store = new MailStore();
      const names = hostileLevels.map((level) => `user.anne.${level}`);
      await putMailboxes(store, 'anne', names);
      mount = await MountDaemon.start(store.conf, [`transport=${transport}`]);
      const { stdout, stderr } = await run('python3', ['-c', SCAN, join(mount.path, 'anne')]);
      expect(stderr).to.equal('');
      const all = names.length;
      expect(JSON.parse(stdout)).to.deep.equal({ '.': all, '.mh': all, '.maildir': all, '.mbox': all });
    });
  });
}
