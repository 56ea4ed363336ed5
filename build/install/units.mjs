/**
 * The units of build/systemd, with the paths of an installation filled in: @NODE@ is the Node to
 * run with, @LIB@ the folder of the programs, and @SANDBOX@ the lines of sandbox.conf, which all
 * services but the mount share.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export function unitsOf(root, { lib, node }) {
  const folder = join(root, 'build/systemd');
  const sandbox = readFileSync(join(folder, 'sandbox.conf'), 'utf8').trimEnd();
  return readdirSync(folder)
    .filter((name) => /\.(service|socket|timer)$/.test(name))
    .toSorted()
    .map((name) => ({
      name,
      text: readFileSync(join(folder, name), 'utf8')
        .replaceAll('@SANDBOX@', sandbox)
        .replaceAll('@NODE@', node)
        .replaceAll('@LIB@', lib),
    }));
}
