/**
 * Installs or removes the programs, units, mount helpers, man pages and completions:
 *
 *     install.mjs [--remove] [--prefix DIR] [--destdir DIR] [--sbindir DIR] [--unitdir DIR]
 *                 [--node FILE] [--debian] [--system-only]
 *
 * `make install` runs it in a built checkout. In a package that npm installed, `--system-only`
 * places what npm cannot: units, mount helpers and completions. It downloads nothing.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { InstallError, place, remove } from './place.mjs';
import { planOf } from './plan.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

const { values } = parseArgs({
  options: {
    remove: { type: 'boolean', default: false },
    prefix: { type: 'string', default: '/usr/local' },
    destdir: { type: 'string', default: '' },
    sbindir: { type: 'string', default: '/sbin' },
    unitdir: { type: 'string' },
    node: { type: 'string', default: process.execPath },
    debian: { type: 'boolean', default: false },
    'system-only': { type: 'boolean', default: false },
  },
});

const NEXT = `To run it as a service, as root:
  useradd --system --user-group --no-create-home --home-dir /var/lib/cyrus-backups \\
    --shell /usr/sbin/nologin cyrus-backups
  systemctl daemon-reload
docs/guide/install.md goes on from there.
`;

/** Whether files can be placed in the folder, which may have to be made. */
function isWritable(folder) {
  if (!existsSync(folder)) return isWritable(dirname(folder));
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function main() {
  const { prefix, destdir, sbindir, node } = values;
  for (const [name, path] of Object.entries({ prefix, sbindir })) {
    if (!path.startsWith('/')) throw new InstallError(`--${name} ${path}: an absolute path is needed`);
  }
  const systemOnly = values['system-only'];
  const list = `${prefix}/lib/cyrus-backups/${systemOnly ? 'system-files' : 'installed-files'}`;
  if (values.remove) {
    if (remove({ destdir, list })) return;
    throw new InstallError(`nothing to remove: there is no ${destdir}${list}`);
  }
  const mayPlaceHelpers = isWritable(`${destdir}${sbindir}`);
  const plan = await planOf({
    root: ROOT,
    prefix,
    sbindir: mayPlaceHelpers ? sbindir : undefined,
    unitdir: values.unitdir ?? `${prefix}/lib/systemd/system`,
    node: resolve(node),
    debian: values.debian,
    systemOnly,
  });
  place(plan, { destdir, list });
  if (!mayPlaceHelpers) {
    process.stderr.write(
      `install: no right to write to ${destdir}${sbindir}: lines in fstab will not work (cyrus-backups mount does)\n`,
    );
  }
  if (destdir === '') process.stdout.write(NEXT);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof InstallError) && error.code === undefined) throw error;
  process.stderr.write(`install: ${error.message}\n`);
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    process.stderr.write('Run it as root, or with a PREFIX and an SBINDIR that you may write to.\n');
  }
  process.exitCode = 1;
}
