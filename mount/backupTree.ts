/**
 * Opens and watches the tree of all backed-up mail, which the mount shows. One thread opens the
 * tree and serves it. Another thread watches the store for changes.
 */
import { doubtIndex } from '../src/backup/reader.ts';
import { Catalog } from '../src/catalog/catalog.ts';
import type { CatalogOptions } from '../src/catalog/catalog.ts';
import { isDamagedIndex } from '../src/index/store/indexErrors.ts';
import type { Invalidator, Tree, Watcher } from './vfs/tree.ts';
import { StoreChanges } from './invalidation/changes.ts';
import { Handles } from './tree/backup/handles.ts';
import { Owners } from './tree/owner.ts';
import type { Owner } from './tree/owner.ts';
import { Pins } from './tree/backup/pins.ts';
import { RootFolder } from './tree/users/rootFolder.ts';
import type { TreeSettings } from './tree/userTree.ts';

export interface BackupTreeOptions extends TreeSettings {
  readonly catalog: CatalogOptions;
  readonly owner: Owner;
  /** Decides who owns which files; see the class Owners. */
  readonly ownerMap: string | undefined;
}

export function openTree(options: unknown, log: (line: string) => void = () => undefined): Tree {
  const { catalog: catalogOptions, owner, ownerMap, ...settings } = options as BackupTreeOptions;
  const owners = new Owners(owner, ownerMap);
  const catalog = Catalog.open(catalogOptions);
  const handles = new Handles(log);
  const context = { settings, catalog, handles, owners, pins: new Pins() };
  const root = new RootFolder(context, catalogOptions.databasePath, owner);
  return {
    root,
    begin: () => handles.begin(),
    goesOnWithout(error) {
      if (!isDamagedIndex(error)) return false;
      doubtIndex(error);
      return true;
    },
    statistics: () => root.statistics(),
    tracksOpenFolders: settings.snapshot,
    close() {
      context.pins.close();
      handles.close();
      catalog.close();
    },
  };
}

export function watchTree(options: unknown, invalidator: Invalidator, log: (line: string) => void): Watcher {
  const { catalog, deletedPrefix } = options as BackupTreeOptions;
  return new StoreChanges(catalog, deletedPrefix, invalidator, log);
}
