/**
 * `mount.cyrus-backups SPEC DIR [-sfnvwr] [-N NAMESPACE] [-t TYPE] [-o OPTIONS]`: the helper that
 * mount(8) runs for fstab lines of type cyrus-backups or fuse.cyrus-backups. SPEC is the path of
 * imapd.conf; `none`, `cyrus-backups` and `fuse` stand for the usual path.
 */
import { DEFAULT_CONFIG } from '../common/commonOptions.ts';
import { runProgram } from '../common/run.ts';
import { processIo } from '../common/standardOutput.ts';
import { mountHelperProgram } from './programs/mountHelper.ts';

const USUAL = new Set(['none', 'cyrus-backups', 'fuse']);

export function main(args: string[]): Promise<number> {
  return runProgram(mountHelperProgram, args, processIo, async ({ values, operands }) => {
    // `mount -f` (fake) only asks whether a mount would be tried.
    if (values.isFake) return 0;
    const [spec = '', mountpoint = ''] = operands;
    const { backupTreeSource } = await import('./backupTreeSource.ts');
    const { mountTree } = await import('./mount.ts');
    const request = {
      config: USUAL.has(spec) ? DEFAULT_CONFIG : spec,
      mountpoint,
      mountOptions: values.mountOptions,
      inForeground: false,
    };
    return mountTree(request, processIo, backupTreeSource);
  });
}
