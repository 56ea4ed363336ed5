/** The Debian package of this checkout, built for a test: compressed in little time. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './machine.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const BUILD_MS = 600_000;

/** Builds the package into a folder, and returns its path. */
export async function buildPackage(folder: string): Promise<string> {
  const { code, stderr } = await run(join(ROOT, 'build/deb.sh'), [folder], {
    env: {
      ...process.env,
      COMPRESSION: '-Zgzip -z1',
      // A test may run where there is no history of commits.
      SOURCE_DATE_EPOCH: '1795382150',
      DEBFULLNAME: 'A test',
      DEBEMAIL: 'test@example.com',
    },
    timeoutMs: BUILD_MS,
  });
  const name = readdirSync(folder).find((file) => file.endsWith('.deb'));
  if (code !== 0 || name === undefined) throw new Error(`make deb failed: ${stderr}`);
  return join(folder, name);
}

/** Repacks a package with a lower version, and returns its path. */
export async function olderPackage(deb: string): Promise<string> {
  const tree = `${deb}.tree`;
  const older = `${deb}.older`;
  const script = `dpkg-deb -R '${deb}' '${tree}'
sed -i 's/^Version: .*/&~older/' '${tree}/DEBIAN/control'
dpkg-deb --root-owner-group -Znone -b '${tree}' '${older}' && rm -r '${tree}'`;
  const { code, stderr } = await run('sh', ['-ec', script], { timeoutMs: BUILD_MS });
  if (code !== 0) throw new Error(`cannot repack ${deb}: ${stderr}`);
  return older;
}
