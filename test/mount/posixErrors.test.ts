/**
 * Every system call that takes a path, for every kind of path, as root, as the owner and as somebody else: the mount has to answer what the
 * kernel's own file system does, mounted read-only with the same tree. So not only what POSIX wants but also which of two errors comes first is
 * that to which programs are used. (docs/development/testing.md: the same with pjdfstest's system calls, by hand.)
 */
import { expect } from 'chai';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { TRANSPORT_NAMES } from '../../mount/options.ts';
import { makeFolder, run } from '../support/machine.ts';
import { annesStore } from '../support/mailStore.ts';
import type { MailStore } from '../support/mailStore.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';

/** Prints the answers by kind of path and call; the working folder is the user's, `out` has links and is on another read-only file system. */
const ASK = `
import ctypes, errno, json, os, socket, stat, sys
libc = ctypes.CDLL(None, use_errno=True)
root, out = sys.argv[1:]
PATHS = {
    'a file': '2024/9.eml', 'a folder': '2024', 'a link': '.sieve/active', 'nothing': 'nothing', 'the empty path': '', 'the working folder': '.',
    'below nothing': 'nothing/x', 'below a file': '2024/9.eml/x', 'below a link': '.sieve/active/x',
    'a file, slash': '2024/9.eml/', 'a folder, slash': '2024/', 'a link, slash': '.sieve/active/', 'nothing, slash': 'nothing/',
    'a folder, dot': '2024/.', 'a folder, dot-dot': '2024/..', 'a full folder': 'INBOX', 'another folder': '2024/v1.2 plans',
    'a name of 255': 'n' * 255, 'a name of 256': 'n' * 256, 'below a name of 256': 'n' * 256 + '/x', 'a file beside a name of 256': 'INBOX/' + 'n' * 256,
    'a path of 4095': './' * 2046 + 'xxx', 'a path of 4096': './' * 2046 + 'xxxx', 'a file by 4095': './' * 2042 + '/2024/9.eml', 'a link in a circle': out + '/a',
    'a link to a file': out + '/file', 'a link to nothing': out + '/nothing', 'no address': None,
}
FLAGS = {name: getattr(os, 'O_' + name) for name in 'WRONLY RDWR TRUNC APPEND CREAT EXCL DIRECTORY NOFOLLOW NONBLOCK PATH TMPFILE NOATIME'.split()}
OPENS = [[], ['WRONLY'], ['RDWR'], ['TRUNC'], ['WRONLY', 'TRUNC'], ['RDWR', 'APPEND'], ['DIRECTORY'], ['NOFOLLOW'], ['WRONLY', 'NOFOLLOW'],
    ['NONBLOCK'], ['PATH'], ['CREAT'], ['WRONLY', 'CREAT'], ['WRONLY', 'CREAT', 'EXCL'], ['CREAT', 'EXCL'], ['CREAT', 'DIRECTORY'],
    ['RDWR', 'CREAT', 'TRUNC'], ['WRONLY', 'TMPFILE'], ['NOATIME'], ['PATH', 'NOFOLLOW']]
def value(name, *args):
    ctypes.set_errno(0)
    result = getattr(libc, name)(*args)
    return errno.errorcode[ctypes.get_errno()] if result == -1 else result
def done(name, *args):
    result = value(name, *args)
    return result if isinstance(result, str) else 'done'
def back(said):
    if said == 'done': os.chdir(root)
    return said
def opened(path, flags, then=None):
    fd = value('open', path, sum(FLAGS[each] for each in flags), 0o644)
    if isinstance(fd, str): return fd
    said = then(fd) if then else 'done'
    os.close(fd)
    return said
def looked(path, follow):
    if path is None: return 'no address'
    try: seen = os.stat(path, follow_symlinks=follow)
    except OSError as error: return errno.errorcode[error.errno]
    # How many folders are in a user's own is not counted for a stat (1: not said), and a folder has no size.
    sizes = [] if stat.S_ISDIR(seen.st_mode) else [seen.st_size, seen.st_nlink]
    return ' '.join(str(each) for each in [oct(seen.st_mode), seen.st_uid, seen.st_gid, *sizes])
def bound(path, call):
    if path is None or len(path) > 100: return 'no address'
    with socket.socket(socket.AF_UNIX) as end:
        try: getattr(end, call)(path)
        except OSError as error: return errno.errorcode[error.errno]
        return 'done'
room = ctypes.create_string_buffer(4096)
times = (ctypes.c_long * 4)(1, 0, 2, 0)
AT, NOFOLLOW, REMOVEDIR = -100, 0x100, 0x200
CALLS = {
    'stat': lambda path: looked(path, True), 'lstat': lambda path: looked(path, False),
    **{'open ' + ' '.join(flags): lambda path, flags=flags: opened(path, flags) for flags in OPENS},
    **{f'access {mode}': lambda path, mode=mode: done('access', path, mode) for mode in range(8)},
    'readlink': lambda path: value('readlink', path, room, 4096), 'readlink into nothing': lambda path: value('readlink', path, room, 0),
    'statfs': lambda path: done('statfs64', path, room), 'chdir': lambda path: back(done('chdir', path)),
    'unlink': lambda path: done('unlink', path), 'rmdir': lambda path: done('rmdir', path), 'unlinkat a folder': lambda path: done('unlinkat', AT, path, REMOVEDIR),
    'mkdir': lambda path: done('mkdir', path, 0o755), 'mkfifo': lambda path: done('mkfifo', path, 0o644), 'symlink': lambda path: done('symlink', b'x', path),
    **{f'mknod {kind:o}': lambda path, kind=kind: done('mknod', path, kind | 0o644, ctypes.c_ulong(0x103)) for kind in (stat.S_IFREG, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR, 0o170000)},
    'link to': lambda path: done('link', b'INBOX/2.eml', path), 'link from': lambda path: done('link', path, b'new'), 'link a folder to': lambda path: done('link', b'2024', path),
    'link through a link': lambda path: done('linkat', AT, path, AT, b'new', 0x400), 'rename from': lambda path: done('rename', path, b'new'),
    'rename a file to': lambda path: done('rename', b'INBOX/2.eml', path), 'rename a folder to': lambda path: done('rename', b'INBOX', path),
    'rename elsewhere': lambda path: done('rename', path, os.fsencode(out + '/new')), 'rename from elsewhere': lambda path: done('rename', os.fsencode(out + '/file'), path),
    **{f'renameat2 {how}': lambda path, how=how: done('renameat2', AT, path, AT, b'INBOX/2.eml', how) for how in (1, 2, 4, 8)},
    'chmod': lambda path: done('chmod', path, 0o600), 'chown': lambda path: done('chown', path, 5, 60), 'chown to nobody': lambda path: done('chown', path, -1, -1), 'lchown': lambda path: done('lchown', path, 0, 0),
    **{f'truncate {size}': lambda path, size=size: done('truncate', path, ctypes.c_long(size)) for size in (0, 1, -1, 1 << 62)},
    'utimensat': lambda path: done('utimensat', AT, path, times, 0), 'utimensat now': lambda path: done('utimensat', AT, path, None, 0), 'utimensat of a link': lambda path: done('utimensat', AT, path, times, NOFOLLOW),
    'setxattr': lambda path: done('setxattr', path, b'user.x', b'1', 1, 0), 'removexattr': lambda path: done('removexattr', path, b'user.x'), 'getxattr': lambda path: done('getxattr', path, b'user.x', room, 100),
    'bind': lambda path: bound(path, 'bind'), 'connect': lambda path: bound(path, 'connect'), 'watch': lambda path: done('inotify_add_watch', inotify, path, 0x100),
    'fchmod': lambda path: opened(path, [], lambda fd: done('fchmod', fd, 0o600)), 'fchown': lambda path: opened(path, [], lambda fd: done('fchown', fd, 5, 60)),
    'ftruncate': lambda path: opened(path, [], lambda fd: done('ftruncate', fd, 0)), 'write': lambda path: opened(path, [], lambda fd: done('write', fd, b'x', 1)),
    'fallocate': lambda path: opened(path, [], lambda fd: done('fallocate', fd, 0, ctypes.c_long(0), ctypes.c_long(9))), 'futimens': lambda path: opened(path, [], lambda fd: done('futimens', fd, times)),
    'fsync': lambda path: opened(path, [], lambda fd: done('fsync', fd)), 'getdents': lambda path: opened(path, ['DIRECTORY'], lambda fd: done('getdents64', fd, room, 4)),
    'pread into no memory': lambda path: opened(path, [], lambda fd: done('pread', fd, ctypes.c_void_p(8), 10, ctypes.c_long(0))),
    'pread before the start': lambda path: opened(path, [], lambda fd: done('pread', fd, room, 10, ctypes.c_long(-1))), 'pread behind the end': lambda path: opened(path, [], lambda fd: value('pread', fd, room, 10, ctypes.c_long(1 << 40))),
    'fchdir': lambda path: back(opened(path, [], lambda fd: done('fchdir', fd))), 'map to write': lambda path: opened(path, [], lambda fd: done('mmap', None, 10, 2, 1, fd, ctypes.c_long(0))),
}
inotify = libc.inotify_init()
libc.mmap.restype = ctypes.c_ssize_t
answers = {}
for call, ask in CALLS.items():
    for kind, path in PATHS.items():
        answers[f'{call}: {kind}'] = ask(ctypes.c_void_p(8) if path is None and call not in ('stat', 'lstat', 'bind', 'connect') else path and os.fsencode(path) if path else path if path is None else b'')
print(json.dumps(answers))
`;

const USERS = { root: 0, owner: 5, 'somebody else': 1 } as const;
type User = keyof typeof USERS;
const NAMES = ['reference', ...TRANSPORT_NAMES] as const;
type Name = (typeof NAMES)[number];
type Answers = Record<string, string | number>;

describe('errors of a read-only file system', function () {
  this.timeout(120_000);

  let store: MailStore | undefined;
  let folder: string;
  /** A tmpfs with what the mount shows of anne. */
  let reference: string;
  let out: string;
  const mounts = new Map<Name, MountDaemon>();

  const sh = async (command: string): Promise<void> => {
    const { code, stderr } = await run('sh', ['-ec', command]);
    expect([code, stderr], command).to.deep.equal([0, '']);
  };

  before(async function () {
    needs(this, 'root', '/dev/fuse');
    store = await annesStore();
    folder = makeFolder('posix');
    chmodSync(folder, 0o755);
    for (const transport of TRANSPORT_NAMES) {
      const options = [`transport=${transport}`, 'allow_other', `uid=${USERS.owner}`, 'gid=60'];
      mounts.set(transport, await MountDaemon.start(store.conf, options));
    }
    reference = join(folder, 'reference');
    out = join(folder, 'out');
    for (const path of [reference, out]) {
      mkdirSync(path);
      await sh(`mount -t tmpfs cyrus-backups-test ${path}`);
    }
    await sh(
      `cd ${mounts.get('kernel')?.path} && cp -a anne ${reference} && cp -a anne/.sieve ${reference}/anne && ` +
        `chown ${USERS.owner}:60 ${reference} && chmod 500 ${reference} && mount -o remount,ro,nosuid,nodev ${reference}`,
    );
    for (const [at, name] of NAMES.entries()) {
      const links = [`ln -s ${rootOf(name)} tree`, 'ln -s b a', 'ln -s a b'];
      links.push(`ln -s ${out}/${at}/tree/anne/2024/9.eml file`, `ln -s ${out}/${at}/tree/anne/none nothing`);
      await sh(`mkdir ${out}/${at} && cd ${out}/${at} && ${links.join(' && ')}`);
    }
    await sh(`mount -o remount,ro ${out}`);
  });

  after(async () => {
    for (const mount of mounts.values()) await mount.stop();
    await store?.remove();
    for (const path of [reference, out]) if (path !== undefined) await run('umount', [path]);
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  const rootOf = (name: Name): string => (name === 'reference' ? reference : (mounts.get(name)?.path ?? ''));

  async function answers(name: Name, user: User): Promise<Answers> {
    const anne = join(rootOf(name), 'anne');
    const python = ['/usr/bin/python3', '-c', ASK, anne, join(out, String(NAMES.indexOf(name)))];
    const as = ['setpriv', `--reuid=${USERS[user]}`, '--regid=60', '--clear-groups'];
    const who = user === 'root' ? [] : user === 'owner' ? as : as.with(2, '--regid=1');
    const { code, stdout, stderr } = await run('env', ['-C', anne, ...who, ...python]);
    expect(stderr).to.equal('');
    expect(code).to.equal(0);
    return JSON.parse(stdout) as Answers;
  }

  for (const transport of TRANSPORT_NAMES) {
    for (const user of ['root', 'owner', 'somebody else'] as const) {
      it(`are those of a read-only tmpfs over ${transport}, as ${user}`, async () => {
        const wanted = await answers('reference', user);
        const found = await answers(transport, user);
        // Where nothing can be asked, nothing is shown.
        expect(Object.values(wanted)).to.include.members(
          user === 'somebody else' ? ['EACCES'] : ['EROFS', 'done'],
        );
        expect(Object.keys(found)).to.have.length(Object.keys(wanted).length);
        const others = Object.entries(wanted).filter(([call, answer]) => found[call] !== answer);
        expect(others.map(([call, answer]) => `${call} is ${found[call]}, not ${answer}`)).to.deep.equal([]);
      });
    }
  }
});
