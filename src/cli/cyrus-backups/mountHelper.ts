/**
 * `mount.cyrus-backups SPEC DIR [-sfnvwr] [-N NAMESPACE] [-t TYPE] [-o OPTIONS]`: the helper that
 * mount(8) runs for fstab lines of type cyrus-backups or fuse.cyrus-backups. SPEC is the path of
 * imapd.conf; `none`, `cyrus-backups` and `fuse` stand for the usual path.
 */
import { parseArgs } from 'node:util';
import { exitCodeOf, messageOf } from '../../errors.ts';
import { backupTreeSource } from './backupTreeSource.ts';
import { runMount } from './mount.ts';

const USUAL = new Set(['none', 'cyrus-backups', 'fuse']);

export async function main(args: string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        o: { type: 'string', short: 'o', multiple: true },
        t: { type: 'string', short: 't' },
        N: { type: 'string', short: 'N' },
        s: { type: 'boolean', short: 's' },
        f: { type: 'boolean', short: 'f' },
        n: { type: 'boolean', short: 'n' },
        v: { type: 'boolean', short: 'v' },
        w: { type: 'boolean', short: 'w' },
        r: { type: 'boolean', short: 'r' },
      },
    });
    const [spec, folder, ...more] = positionals;
    if (spec === undefined || folder === undefined || more.length > 0) {
      throw new Error('usage: mount.cyrus-backups IMAPD.CONF MOUNTPOINT [-o OPTIONS]');
    }
    // `mount -f` (fake) only asks whether a mount would be tried.
    if (values.f === true) return 0;
    const conf = USUAL.has(spec) ? [] : ['-C', spec];
    const options = (values.o ?? []).flatMap((list) => ['-o', list]);
    return await runMount([...conf, folder, ...options], process, backupTreeSource);
  } catch (error) {
    process.stderr.write(`mount.cyrus-backups: ${messageOf(error)}\n`);
    return exitCodeOf.usage;
  }
}
