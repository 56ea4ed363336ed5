/** The real fusermount as an ordinary user, in a mount namespace with a /dev/fuse for all and a fuse.conf that allows nothing. */
import { expect } from 'chai';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, run } from '../../../support/machine.ts';
import { needs } from '../../../support/needs.ts';

const MODULE = new URL('../../../../mount/transports/fuse-native/fusermount.js', import.meta.url).href;

describe('what fusermount says when it refuses', function () {
  this.timeout(30_000);
  let folder: string;

  before(function () {
    needs(this, 'root', '/dev/fuse');
    folder = makeFolder('fusermount');
    mkdirSync(join(folder, 'bin'));
    mkdirSync(join(folder, 'mnt'));
    const wrapper = '#!/bin/sh\nexec setpriv --reuid=games --clear-groups /usr/bin/fusermount "$@"\n';
    writeFileSync(join(folder, 'bin', 'fusermount'), wrapper, { mode: 0o755 });
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  const refusal = async (mountpoint: string, ...options: string[]): Promise<string> => {
    const script = `mknod ${folder}/fuse c 10 229; chmod 666 ${folder}/fuse; mount --bind ${folder}/fuse /dev/fuse
chmod 755 ${folder}; chown games ${folder}/mnt; : >${folder}/conf; mount --bind ${folder}/conf /etc/fuse.conf
PATH=${folder}/bin:$PATH exec "$0" --input-type=module -e "
import { refusalOf } from '${MODULE}';
console.log(await refusalOf('${mountpoint}', ${JSON.stringify(options).replaceAll('"', "'")}));"`;
    const { stdout, stderr } = await run('unshare', ['-m', 'sh', '-c', script, process.execPath]);
    rmSync(join(folder, 'fuse'), { force: true });
    expect(stderr).to.equal('');
    return stdout.trim();
  };

  it('names user_allow_other and its file', async () => {
    const said = await refusal(join(folder, 'mnt'), 'ro', 'use_ino', 'entry_timeout=1', 'allow_other');
    expect(said).to.match(/allow_other only allowed if 'user_allow_other' is set in \/etc\/fuse\.conf/);
  });

  it('names a mountpoint that is not the user’s', async () => {
    expect(await refusal('/usr/bin', 'ro')).to.match(/no write access to mountpoint \/usr\/bin/);
  });

  it('leaves no mount behind where it refuses nothing', async () => {
    expect(await refusal(join(folder, 'mnt'), 'ro', 'subtype=cyrus-backups')).to.equal('');
  });
});
