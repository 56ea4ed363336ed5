/** Real programs on real mounts, over both transports. Every one runs in a process other than the mount's. */
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BIG_FILE, expectedContent } from '../support/mount-tree.ts';
import { MadeUpMount, SMALL, run } from '../support/mount-made-up.ts';
import { needs } from '../support/needs.ts';

const sha1 = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex');

/** Opens what is named, calls `os` functions on it, and prints; for what no command shows. */
const python = (mount: MadeUpMount, code: string) => mount.run('python3', ['-c', `import os,errno\n${code}`]);

for (const transport of ['kernel', 'fuse-native'] as const) {
  describe(`a mount over ${transport}`, function () {
    this.timeout(60_000);
    let mount: MadeUpMount;
    let outside: string;

    before(async function () {
      needs(this, 'root', '/dev/fuse', 'the package rsync');
      mount = await new MadeUpMount(SMALL, `transport=${transport},allow_other`).ready();
      outside = join(mount.folder, 'outside');
      mkdirSync(outside);
    });
    after(() => mount?.clean());

    it('lists folders with their dots, types and link', async () => {
      const { stdout } = await mount.run('ls', ['-a1F']);
      expect(stdout.split('\n')).to.include.members([
        './',
        '../',
        'big',
        'folder0/',
        'link@',
        'before 1970 – leer',
      ]);
      expect((await mount.run('ls', ['folder1'])).stdout.trim().split('\n')).to.have.length(
        SMALL.messagesPerFolder,
      );
    });

    it('gives exact sizes, times, modes and steady inode numbers to stat', async () => {
      const show = async () =>
        (await mount.run('stat', ['-c', '%s %a %F %h %Y %i', 'folder2/7.eml', 'big'])).stdout;
      const [message, big] = (await show()).split('\n');
      expect(message).to.match(/^9001 400 regular file 1 1709209815 [1-9]\d*$/);
      expect(big).to.match(/^3000001 400 regular file 1 1709209815 2$/);
      await mount.run('ls', ['-lR']);
      expect((await show()).split('\n')[0]).to.equal(message);
    });

    it('answers ENOENT for a name that is not there, and ENOTDIR below a file', async () => {
      expect((await mount.run('cat', ['folder0/41.eml'])).stderr).to.contain('No such file');
      expect((await mount.run('cat', ['folder0/1.eml/x'])).stderr).to.contain('Not a directory');
    });

    it('gives every message its own bytes, across blocks', async () => {
      const { stdout } = await mount.run('sh', ['-c', 'sha1sum folder*/*.eml']);
      const lines = stdout.trim().split('\n');
      expect(lines).to.have.length(SMALL.folders * SMALL.messagesPerFolder);
      for (const line of lines) {
        const [, digest, folder, uid] = /^(\w+) {2}folder(\d+)\/(\d+)\.eml$/.exec(line) ?? [];
        expect(digest).to.equal(sha1(expectedContent(Number(folder), Number(uid), SMALL.messageBytes)), line);
      }
    });

    it('follows links', async () => {
      expect((await mount.run('readlink', ['link'])).stdout).to.equal('folder0/1.eml\n');
      const expected = sha1(expectedContent(0, 1, SMALL.messageBytes));
      expect((await mount.run('sha1sum', ['link'])).stdout).to.contain(expected);
    });

    it('reads a big file at random, up to and over its end', async () => {
      const whole = expectedContent(BIG_FILE, 1, SMALL.bigFileBytes);
      const places = [0, 1, 65_535, 65_536, 131_073, 1_048_575, 2_999_990, 3_000_000, 3_000_001, 4_000_000];
      const code = `import hashlib\nf=os.open('big',os.O_RDONLY)\nfor p in ${JSON.stringify(places)}: print(hashlib.sha1(os.pread(f,200000,p)).hexdigest())`;
      const expected = places.map((place) => sha1(whole.subarray(place, place + 200_000)));
      expect((await python(mount, code)).stdout.trim().split('\n')).to.deep.equal(expected);
      expect((await mount.run('sha1sum', ['big'])).stdout).to.contain(sha1(whole));
    });

    it('finds, greps and tars all of it', async () => {
      const found = (await mount.run('find', ['.', '-name', '*.eml', '-printf', '%s\\n'])).stdout
        .trim()
        .split('\n');
      expect(found)
        .to.have.length(120)
        .and.satisfy((sizes: string[]) => sizes.every((size) => size === '9001'));
      const hits = await mount.run('grep', ['-rl', 'folder 1 block 0', '.']);
      expect(hits.stdout).to.equal('./folder1/1.eml\n');
      const tar = await mount.run('sh', [
        '-c',
        'tar -c -f - . | tar -x --warning=no-timestamp -f - -C "$0" && diff -r folder0 "$0/folder0"',
        outside,
      ]);
      expect(tar).to.deep.equal({ status: 0, stdout: '', stderr: '' });
    });

    it('is copied by cp -a, and by rsync once and no more', async () => {
      const copy = await mount.run('cp', ['-a', 'folder1', join(outside, 'copy')]);
      expect(copy).to.deep.equal({ status: 0, stdout: '', stderr: '' });
      const rsync = () =>
        mount.run('rsync', ['-a', '--stats', 'folder0', 'folder1', 'big', join(outside, 'synced')]);
      expect((await rsync()).stdout).to.match(/regular files transferred: 81\n/);
      expect((await rsync()).stdout).to.match(/regular files transferred: 0\n/);
      rmSync(join(outside, 'synced'), { recursive: true });
    });

    it('has extended attributes, and refuses what is not there or does not fit', async () => {
      const code = [
        "print(os.listxattr('folder0/3.eml'))",
        "print(os.getxattr('folder0/3.eml','user.cyrus.uid'), os.getxattr('folder0/3.eml','user.cyrus.empty'))",
        "print(os.listxattr('.'), os.listxattr('big'))",
        "try: os.getxattr('folder0/3.eml','user.none')\nexcept OSError as e: print(errno.errorcode[e.errno])",
        'import ctypes\nc=ctypes.CDLL(None,use_errno=True)',
        "print(c.getxattr(b'folder0/3.eml',b'user.cyrus.flags',b'..',2), errno.errorcode[ctypes.get_errno()])",
        "print(c.listxattr(b'folder0/3.eml',b'..',2), errno.errorcode[ctypes.get_errno()])",
      ].join('\n');
      const { stdout, stderr } = await python(mount, code);
      expect(stderr).to.equal('');
      expect(stdout.split('\n').slice(0, -1)).to.deep.equal([
        "['user.cyrus.uid', 'user.cyrus.flags', 'user.cyrus.empty']",
        "b'3' b''",
        "['user.cyrus.root'] []",
        'ENODATA',
        '-1 ERANGE',
        '-1 ERANGE',
      ]);
    });

    it('is read-only', async () => {
      const attempts = [
        'touch new',
        'echo x >> folder0/1.eml',
        'rm -f folder0/1.eml',
        'mkdir new',
        'chmod 777 big',
      ];
      for (const attempt of attempts) {
        expect((await mount.run('sh', ['-c', attempt])).stderr, attempt).to.contain('Read-only file system');
      }
    });

    it('has a size for df and a name limit', async () => {
      const code =
        "s=os.statvfs('.'); print(s.f_frsize*s.f_blocks, s.f_bavail, s.f_namemax)\ntry: os.stat('x'*256)\nexcept OSError as e: print(errno.errorcode[e.errno])";
      expect((await python(mount, code)).stdout).to.equal(`${4096 * 123_456} 0 255\nENAMETOOLONG\n`);
    });

    it('reads a file that changes without padding and without loss', async () => {
      for (let round = 0; round < 3; round++) {
        expect((await mount.run('cat', ['status.json'])).stdout).to.match(/^\{"looks":"x+"\}\n$/);
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    });

    it('lets no other user read what is not theirs, although all may look', async () => {
      const asNobody = ['--reuid', '65534', '--clear-groups', 'cat', join(mount.path, 'big')];
      expect((await run('setpriv', asNobody)).stderr).to.contain('Permission denied');
    });

    it('shows what is new in a folder within seconds', async () => {
      const countFile = join(mount.folder, 'count');
      writeFileSync(countFile, '2');
      const growing = new MadeUpMount({ ...SMALL, countFile }, `transport=${transport}`);
      try {
        await growing.ready();
        expect((await growing.run('ls', ['growing'])).stdout).to.equal('1.eml\n2.eml\n');
        expect((await growing.run('stat', ['growing/3.eml'])).stderr).to.contain('No such file');
        writeFileSync(countFile, '3');
        await new Promise((resolve) => setTimeout(resolve, 1500));
        expect((await growing.run('ls', ['growing'])).stdout).to.equal('1.eml\n2.eml\n3.eml\n');
        writeFileSync(countFile, '1');
        await new Promise((resolve) => setTimeout(resolve, 1500));
        // The kernel still knows the name, so it is not asked for: what it leads to is gone.
        expect((await growing.run('cat', ['growing/3.eml'])).stderr).to.match(
          /No such file|Stale file handle/,
        );
      } finally {
        await growing.clean();
      }
    });

    it('lists 100,000 entries, each once', async () => {
      const options = { folders: 1, messagesPerFolder: 100_000, messageBytes: 10, bigFileBytes: 0 };
      const large = new MadeUpMount(options, `transport=${transport}`);
      try {
        await large.ready();
        const { stdout } = await large.run('sh', ['-c', 'ls -f folder0 | sort -u | wc -l'], 30_000);
        expect(stdout.trim()).to.equal('100002');
      } finally {
        await large.clean();
      }
    });

    it('tells of damage as EIO, for the damaged file only, and in the log', async () => {
      const damaged = new MadeUpMount({ ...SMALL, isDamaged: true }, `transport=${transport}`);
      try {
        await damaged.ready();
        for (const name of ['unreadable', 'short']) {
          expect((await damaged.run('cat', [name])).stderr, name).to.contain('Input/output error');
        }
        expect((await damaged.run('sha1sum', ['folder0/1.eml'])).status).to.equal(0);
        expect(damaged.output).to.contain('unreadable: damaged on disk');
      } finally {
        await damaged.clean();
      }
    });
  });
}
