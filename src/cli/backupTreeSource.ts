/** Of the configuration and the mount's options, what the mount's thread needs to open the tree of backups. */
import type { BackupTreeOptions } from '../../mount/backupTree.ts';
import type { MountOptions } from '../../mount/options.ts';
import type { TreeSource } from '../../mount/tree.ts';
import { loadConfig } from '../config/imapdConf.ts';
import { DEFAULT_CONFIG, readOnlyCatalog } from './catalogOptions.ts';

export function backupTreeSource(configPath: string | undefined, mount: MountOptions): TreeSource {
  const config = loadConfig(configPath ?? DEFAULT_CONFIG);
  const options: BackupTreeOptions = {
    catalog: readOnlyCatalog(config),
    deletedPrefix: config.deletedprefix,
    owner: { uid: mount.uid ?? process.getuid?.() ?? 0, gid: mount.gid ?? process.getgid?.() ?? 0 },
  };
  return { module: new URL('../../mount/backupTree.js', import.meta.url).href, options };
}
