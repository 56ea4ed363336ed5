/** The tree of all backed-up mail: what the mount shows. Opened in the thread that serves it, and watched in another. */
import { Catalog } from '../src/catalog/catalog.ts';
import type { CatalogOptions } from '../src/catalog/catalog.ts';
import type { Invalidator, Tree, Watcher } from './tree.ts';
import { StoreChanges } from './tree/changes.ts';
import { Handles } from './tree/handles.ts';
import type { Owner } from './tree/owner.ts';
import { RootFolder, partitionStatistics } from './tree/rootFolder.ts';

export interface BackupTreeOptions {
  readonly catalog: CatalogOptions;
  readonly deletedPrefix: string;
  readonly owner: Owner;
}

export function openTree(options: unknown): Tree {
  const { catalog: catalogOptions, deletedPrefix, owner } = options as BackupTreeOptions;
  const catalog = Catalog.open(catalogOptions);
  const handles = new Handles(deletedPrefix);
  return {
    root: new RootFolder(catalog, catalogOptions.databasePath, handles, owner),
    statistics: () => partitionStatistics(catalogOptions.partitions.values()),
    close() {
      handles.close();
      catalog.close();
    },
  };
}

export function watchTree(options: unknown, invalidator: Invalidator, log: (line: string) => void): Watcher {
  const { catalog, deletedPrefix } = options as BackupTreeOptions;
  return new StoreChanges(catalog, deletedPrefix, invalidator, log);
}
