/**
 * Python programs that read a mount and compare each message's SHA-1 with the GUID in its extended
 * attribute. They print what is wrong, and to stderr the number of correct messages. A message that
 * was expunged meanwhile may be missing, or its content may be.
 */
const COMMON = `
import errno, hashlib, os, sys, tarfile
GONE = (errno.ENOENT, errno.ESTALE)
checked = 0
def check(path, data):
    global checked
    try: guid = os.getxattr(path, 'user.cyrus.guid').decode()
    except OSError as error:
        if error.errno not in GONE: print('attribute', error)
        return
    checked += 1
    if hashlib.sha1(data).hexdigest() != guid: print('wrong bytes', path)
`;
/** Checks all files below a folder. */
export const CHECK_FILES = `${COMMON}
for place, _, files in os.walk(sys.argv[1], onerror=lambda error: print('list', error)):
    for name in files:
        path = os.path.join(place, name)
        try: data = open(path, 'rb').read()
        except OSError as error:
            if error.errno not in GONE: print('read', error)
            continue
        check(path, data)
print(checked, file=sys.stderr)
`;
/** Checks a tar of the folder, read from stdin. */
export const CHECK_ARCHIVE = `${COMMON}
with tarfile.open(fileobj=sys.stdin.buffer, mode='r|') as archive:
    for member in archive:
        if member.isfile(): check(os.path.join(sys.argv[1], member.name), archive.extractfile(member).read())
print(checked, file=sys.stderr)
`;
