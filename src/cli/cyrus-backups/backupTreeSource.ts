/**
 * Derives what the mount's thread needs to open the tree of backups from the configuration and the
 * mount's options.
 */
import { resolve } from 'node:path';
import type { BackupTreeOptions } from '../../../mount/backupTree.ts';
import { modesOf, requireUsefulAccess } from '../../../mount/options.ts';
import type { MountOptions } from '../../../mount/options.ts';
import type { TreeSource } from '../../../mount/vfs/tree.ts';
import { loadConfig } from '../../config/imapdConf.ts';
import { readOnlyCatalog } from '../common/catalogOptions.ts';

export function backupTreeSource(configPath: string, mount: MountOptions): TreeSource {
  requireUsefulAccess(mount, process.geteuid?.() ?? 0);
  const source = resolve(configPath);
  const config = loadConfig(source);
  const catalog = { ...readOnlyCatalog(config), acceptsLaterPartitions: true };
  const options: BackupTreeOptions = {
    catalog,
    deletedPrefix: config.deletedprefix,
    view: mount.view,
    listsAll: mount.listAll,
    hardlinks: mount.hardlinks,
    snapshot: mount.snapshot,
    at: mount.at,
    users: mount.users,
    ownerMap: mount.ownerMap,
    owner: {
      uid: mount.uid ?? process.getuid?.() ?? 0,
      gid: mount.gid ?? process.getgid?.() ?? 0,
      ...modesOf(mount),
    },
  };
  const module = new URL('../../../mount/backupTree.js', import.meta.url).href;
  return { module, options, source, store: [...catalog.partitions.values()] };
}
