/**
 * Derives what the mount's thread needs to open the tree of backups from the configuration and the
 * mount's options.
 */
import { resolve } from 'node:path';
import type { BackupTreeOptions } from '../../../mount/backupTree.ts';
import { modesOf, requireUsefulAccess } from '../../../mount/options.ts';
import type { MountOptions } from '../../../mount/options.ts';
import type { TreeSource } from '../../../mount/vfs/tree.ts';
import { isBackgroundProcess } from '../../../mount/lifecycle/daemon.ts';
import type { Config } from '../../config/imapdConf.ts';
import { loadConfig } from '../../config/imapdConf.ts';
import { isValidUserid } from '../../mailbox/names.ts';
import { readOnlyCatalog } from '../../catalog/catalogOptions.ts';
import { openCatalog } from '../common/select.ts';
import { bytesOf, textOf } from '../common/text.ts';

/** Says which of the users named have no backup: a misspelt name would show an empty tree. */
function warnOfUnknown(users: readonly string[], config: Config): void {
  const names = users.filter((name) => !/[*?[]/.test(name)).map(bytesOf);
  if (names.length === 0) return;
  const catalog = openCatalog(config);
  try {
    for (const name of names) {
      if (isValidUserid(name) && catalog.find(name) !== null) continue;
      const cure = 'ctl_backups list shows the names that have one';
      process.stderr.write(
        `cyrus-backups mount: users=${textOf(name)}: this user has no backup yet: ${cure}\n`,
      );
    }
  } finally {
    catalog.close();
  }
}

export function backupTreeSource(configPath: string, mount: MountOptions): TreeSource {
  requireUsefulAccess(mount, process.geteuid?.() ?? 0);
  const source = resolve(configPath);
  const config = loadConfig(source);
  const catalog = { ...readOnlyCatalog(config), acceptsLaterPartitions: true };
  if (!isBackgroundProcess()) warnOfUnknown(mount.users, config);
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
