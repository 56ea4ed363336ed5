/**
 * What POSIX, and tape programs with it, expect of a file system that nobody can write to: the read-only parts of what pjdfstest asks for, and
 * more. Each check is a few lines of Python, run on a real mount as root and as an ordinary user, over both transports.
 */
import { expect } from 'chai';
import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, run } from '../support/machine.ts';
import { annesStore } from '../support/mailStore.ts';
import type { MailStore } from '../support/mailStore.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';

/** `file` is a message of several blocks, `small` one of 165 bytes; the working folder is the user's, `out` is elsewhere. */
const PRELUDE = `
import ctypes, errno, fcntl, json, mmap, os, random, sys, traceback
out = sys.argv[1]
file, small, folder = '2024/9.eml', 'INBOX/2.eml', '2024'
whole = open(file, 'rb').read()
libc = ctypes.CDLL(None, use_errno=True)
def fails(code, call, *args, **named):
    try: call(*args, **named)
    except OSError as error:
        assert error.errno == code, f'{errno.errorcode[error.errno]} in place of {errno.errorcode[code]}'
        return
    raise AssertionError('it did not fail')
class Dirent(ctypes.Structure):
    _fields_ = [('ino', ctypes.c_uint64), ('off', ctypes.c_int64), ('reclen', ctypes.c_ushort), ('type', ctypes.c_ubyte), ('name', ctypes.c_char * 256)]
libc.opendir.restype = ctypes.c_void_p
libc.readdir.restype = ctypes.POINTER(Dirent)
libc.telldir.restype = ctypes.c_long
for name in ('readdir', 'telldir', 'rewinddir', 'closedir'): getattr(libc, name).argtypes = [ctypes.c_void_p]
libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]
def entry(stream):
    found = libc.readdir(stream)
    return None if not found else (found.contents.name, found.contents.ino, found.contents.type)
def entries(stream):
    return list(iter(lambda: entry(stream), None))
`;

const CHECKS: Record<string, string> = {
  'open for writing is EROFS': `
for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND): fails(errno.EROFS, os.open, file, flags)`,
  'making anything is EROFS': `
fails(errno.EROFS, os.open, 'new', os.O_CREAT | os.O_WRONLY)
fails(errno.EROFS, os.mkdir, 'new')
fails(errno.EROFS, os.symlink, 'x', 'new')
fails(errno.EROFS, os.link, file, 'new')
fails(errno.EROFS, os.mkfifo, 'new')`,
  'O_CREAT of what is there opens it, O_EXCL does not': `
os.close(os.open(file, os.O_CREAT | os.O_RDONLY))
fails(errno.EEXIST, os.open, file, os.O_CREAT | os.O_EXCL | os.O_RDONLY)
fails(errno.EEXIST, os.mkdir, folder)`,
  'removing and renaming is EROFS': `
fails(errno.EROFS, os.unlink, file)
fails(errno.EROFS, os.rmdir, folder)
fails(errno.EROFS, os.rename, file, 'new')
fails(errno.EROFS, os.rename, folder, 'new')`,
  'changing attributes is EROFS': `
fails(errno.EROFS, os.chmod, file, 0o600)
fails(errno.EROFS, os.chown, file, os.getuid(), os.getgid())
fails(errno.EROFS, os.utime, file)
fails(errno.EROFS, os.truncate, file, 0)
fails(errno.EROFS, os.setxattr, file, 'user.x', b'1')
fails(errno.EROFS, os.removexattr, file, 'user.cyrus.uid')`,
  'access knows what can be done': `
assert os.access(file, os.R_OK) and os.access(folder, os.R_OK | os.X_OK)
assert not os.access(file, os.W_OK) and not os.access(folder, os.W_OK)`,
  'what is not there is ENOENT': `
for path in ('', 'nothing', 'INBOX/7.eml', 'INBOX/0.eml', 'INBOX/02.eml', 'INBOX/.at', 'inbox'): fails(errno.ENOENT, os.stat, path)`,
  'a name of over 255 bytes is ENAMETOOLONG, a path of over 4096 too': `
fails(errno.ENOENT, os.stat, 'n' * 255)
fails(errno.ENAMETOOLONG, os.stat, 'n' * 256)
fails(errno.ENAMETOOLONG, os.stat, './' * 2100 + file)`,
  'a path through a file is ENOTDIR': `
fails(errno.ENOTDIR, os.stat, file + '/x')
fails(errno.ENOTDIR, os.stat, file + '/')
fails(errno.ENOTDIR, os.open, file, os.O_RDONLY | os.O_DIRECTORY)
fails(errno.ENOTDIR, os.listdir, file)`,
  'reading a folder is EISDIR, and reading a link that is none EINVAL': `
fd = os.open(folder, os.O_RDONLY)
fails(errno.EISDIR, os.read, fd, 10)
os.close(fd)
fails(errno.EINVAL, os.readlink, file)`,
  'a link with O_NOFOLLOW is ELOOP, and followed without': `
fails(errno.ELOOP, os.open, '.sieve/active', os.O_RDONLY | os.O_NOFOLLOW)
assert os.readlink('.sieve/active') == 'vacation.sieve'
assert os.lstat('.sieve/active').st_size == len('vacation.sieve')
assert open('.sieve/active').read().startswith('keep;')`,
  'links in a circle are ELOOP': `
os.symlink(out + '/b', out + '/a')
os.symlink(out + '/a', out + '/b')
fails(errno.ELOOP, os.stat, out + '/a')`,
  'reads at any offset and of any length are those of the file': `
fd = os.open(file, os.O_RDONLY)
random.seed(5)
for _ in range(300):
    at, length = random.randrange(len(whole) + 5000), random.choice([0, 1, 511, 4096, 65536, 1 << 20])
    assert os.pread(fd, length, at) == whole[at:at + length], (at, length)
assert os.pread(fd, 10, 1 << 40) == b''`,
  'scattered reads fill all their buffers': `
fd = os.open(file, os.O_RDONLY)
parts = [bytearray(size) for size in (1, 4095, 70000, 3)]
assert os.preadv(fd, parts, 1000) == 74099
assert b''.join(parts) == whole[1000:75099]`,
  'a mapping is the file, and zeros behind its end': `
fd = os.open(file, os.O_RDONLY)
mapped = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
assert mapped[:] == whole
assert mapped.find(b'line 8999 of it') == whole.find(b'line 8999 of it')`,
  'O_DIRECT reads the same': `
fd = os.open(file, os.O_RDONLY | os.O_DIRECT)
buffer = mmap.mmap(-1, 65536)
assert os.preadv(fd, [buffer], 0) == 65536 and buffer[:] == whole[:65536]
assert os.preadv(fd, [buffer], 131072) == len(whole) - 131072 and buffer[:100] == whole[131072:131172]`,
  'lseek finds the end, data and no hole': `
fd = os.open(file, os.O_RDONLY)
assert os.lseek(fd, 0, os.SEEK_END) == len(whole)
assert os.lseek(fd, 5, os.SEEK_DATA) == 5
assert os.lseek(fd, 5, os.SEEK_HOLE) == len(whole)
fails(errno.ENXIO, os.lseek, fd, len(whole), os.SEEK_DATA)
fails(errno.EINVAL, os.lseek, fd, -1, os.SEEK_SET)`,
  'sendfile copies it': `
target = os.open(out + '/copy', os.O_CREAT | os.O_RDWR | os.O_TRUNC)
fd = os.open(file, os.O_RDONLY)
sent = 0
while sent < len(whole): sent += os.sendfile(target, fd, sent, len(whole) - sent)
assert open(out + '/copy', 'rb').read() == whole`,
  'advice, syncs and shared locks are taken': `
fd = os.open(file, os.O_RDONLY)
os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
os.fsync(fd)
assert os.pread(fd, 10, 0) == whole[:10]`,
  'stat, fstat and lstat agree, and blocks are those of the size': `
fd = os.open(file, os.O_RDONLY)
a, b, c = os.stat(file), os.fstat(fd), os.lstat(file)
for name in ('st_ino', 'st_size', 'st_mode', 'st_nlink', 'st_mtime_ns', 'st_ctime_ns', 'st_uid', 'st_dev'):
    assert getattr(a, name) == getattr(b, name) == getattr(c, name), name
assert a.st_size == len(whole) and a.st_blocks == -(-len(whole) // 512) and a.st_nlink == 1
assert a.st_mtime == 1700000009`,
  'inode numbers are one each, in listings as in stat': `
seen = {}
for place, folders, files in os.walk('.'):
    for each in os.scandir(place):
        inode = each.stat(follow_symlinks=False).st_ino
        assert each.inode() == inode, each.path
        assert inode not in seen, (each.path, seen[inode])
        seen[inode] = each.path
assert len(seen) == 10, seen`,
  'the type in a listing is the type': `
for place in ('.', folder, '.sieve'):
    for each in os.scandir(place):
        mode = os.lstat(each.path).st_mode & 0o170000
        assert each.is_dir(follow_symlinks=False) == (mode == 0o040000)
        assert each.is_symlink() == (mode == 0o120000)`,
  'a folder has a link for itself, its name and each folder in it': `
assert os.stat(folder).st_nlink == 3
assert os.stat('INBOX').st_nlink == 2`,
  'telldir and seekdir go back to where they were': `
stream = libc.opendir(folder.encode())
places = []
while True:
    at = libc.telldir(stream)
    found = entry(stream)
    if found is None: break
    places.append((at, found))
assert len(places) == 5, places
for at, found in reversed(places):
    libc.seekdir(stream, at)
    assert entry(stream) == found
libc.rewinddir(stream)
assert entries(stream) == [found for _, found in places]
libc.closedir(stream)`,
  'dot and dot-dot are listed, and lead where they say': `
names = [name for name, _, _ in entries(libc.opendir(folder.encode()))]
assert names.count(b'.') == names.count(b'..') == 1
assert os.stat(folder + '/.').st_ino == os.stat(folder).st_ino
assert os.stat(folder + '/..').st_ino == os.stat('.').st_ino
assert os.stat(folder + '/v1.2 plans/../9.eml').st_ino == os.stat(file).st_ino`,
  'fchdir and openat work from a folder that is held': `
fd = os.open(folder, os.O_RDONLY)
assert sorted(os.listdir(fd)) == ['7.eml', '9.eml', 'v1.2 plans']
assert os.stat('9.eml', dir_fd=fd).st_ino == os.stat(file).st_ino
here = os.getcwd()
os.fchdir(fd)
assert os.getcwd() == here + '/2024'
os.chdir(here)`,
  'statvfs says that it is read-only, and how long a name may be': `
figures = os.statvfs('.')
assert figures.f_namemax == 255 and figures.f_flag & os.ST_RDONLY and figures.f_bsize > 0 and figures.f_blocks > 0
assert figures.f_flag & os.ST_NOSUID and figures.f_flag & os.ST_NODEV`,
  'extended attributes are listed and read, and what is not there is ENODATA': `
names = os.listxattr(small)
assert 'user.cyrus.flags' in names and os.getxattr(small, 'user.cyrus.uid') == b'2'
fails(errno.ENODATA, os.getxattr, small, 'user.other')
short = ctypes.create_string_buffer(1)
assert libc.getxattr(small.encode(), b'user.cyrus.flags', short, 1) == -1 and ctypes.get_errno() == errno.ERANGE
assert libc.listxattr(small.encode(), short, 1) == -1 and ctypes.get_errno() == errno.ERANGE
assert libc.listxattr(small.encode(), None, 0) == sum(len(name) + 1 for name in names)`,
  'it can be watched and leased, and copies within the kernel are refused as between any two file systems': `
watch = libc.inotify_init()
assert libc.inotify_add_watch(watch, folder.encode(), 0xfff) > 0 and libc.inotify_add_watch(watch, file.encode(), 0xfff) > 0
fd, target = os.open(file, os.O_RDONLY), os.open(out + '/clone', os.O_CREAT | os.O_RDWR)
if os.getuid() == 0: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
fails(errno.EXDEV, os.copy_file_range, fd, target, 1000)
fails(errno.EXDEV, fcntl.ioctl, target, 0x40049409, fd)`,
  'a handle, as NFS has it, leads to the file': `
handle, mount_id = (ctypes.c_uint * 40)(128), ctypes.c_int()
assert libc.name_to_handle_at(-100, file.encode(), handle, ctypes.byref(mount_id), 0) == 0
fd = libc.open_by_handle_at(os.open('.', os.O_RDONLY), handle, os.O_RDONLY)
if os.getuid() != 0: assert fd == -1 and ctypes.get_errno() == errno.EPERM
else: assert os.pread(fd, 1 << 20, 0) == whole`,
  'a hundred open files are a hundred': `
fds = [os.open(small, os.O_RDONLY) for _ in range(100)]
first = os.read(fds[0], 5)
assert all(os.read(fd, 5) == first for fd in fds[1:])`,
  'threads read and list at once': `
from concurrent.futures import ThreadPoolExecutor
def look(number):
    fd = os.open(file, os.O_RDONLY)
    at = number * 997 % len(whole)
    assert os.pread(fd, 5000, at) == whole[at:at + 5000]
    os.close(fd)
    return sorted(os.listdir(folder)) == ['7.eml', '9.eml', 'v1.2 plans'] and os.stat(small).st_size == 165
with ThreadPoolExecutor(16) as pool: assert all(pool.map(look, range(400)))`,
};

/** Runs each check on its own and tells which failed, and why. */
const RUNNER = `
here, results = os.getcwd(), {}
for check, code in json.load(sys.stdin).items():
    try:
        os.chdir(here)
        exec(code, globals())
        results[check] = ''
    except Exception: results[check] = traceback.format_exc(limit=-2)
print(json.dumps(results))
`;

for (const transport of ['kernel', 'fuse-native'] as const) {
  for (const user of ['root', 'games'] as const) {
    describe(`POSIX over ${transport}, as ${user}`, function () {
      this.timeout(60_000);
      let store: MailStore | undefined;
      let mount: MountDaemon | undefined;
      const outside: string[] = [];
      let results: Record<string, string> = {};

      before(async function () {
        needs(this, 'root', '/dev/fuse');
        store = await annesStore();
        const { stdout } = await run('id', ['-u', user]);
        mount = await MountDaemon.start(store.conf, [
          `transport=${transport}`,
          // allow_other with files of root's alone is refused.
          ...(user === 'root' ? [] : ['allow_other']),
          `uid=${stdout.trim()}`,
        ]);
        const out = makeFolder('posix');
        outside.push(out);
        chmodSync(out, 0o777);
        chmodSync(join(mount.path, '..'), 0o755);
        // Root's own python may be where nobody else can go.
        const python = ['/usr/bin/python3', '-c', `${PRELUDE}${RUNNER}`, out];
        const command =
          user === 'root'
            ? python
            : ['setpriv', `--reuid=${user}`, '--clear-groups', '--no-new-privs', ...python];
        const ended = await run('env', ['-C', join(mount.path, 'anne'), ...command], {
          input: JSON.stringify(CHECKS),
        });
        expect(ended.stderr).to.equal('');
        results = JSON.parse(ended.stdout) as Record<string, string>;
      });
      after(async () => {
        await mount?.stop();
        await store?.remove();
        for (const folder of outside) rmSync(folder, { recursive: true, force: true });
      });

      for (const name of Object.keys(CHECKS)) {
        it(name, () => {
          expect(results[name]).to.equal('');
        });
      }

      it('was served without a fault', () => {
        expect(mount?.log.split('\n').filter((line) => line !== '')).to.have.length(1);
      });
    });
  }
}
