/** Loads the module of a tree, and opens or watches the tree in the calling thread. */
import type { Invalidator, Tree, TreeModule, TreeSource, Watcher } from './tree.ts';

export async function loadTree(source: TreeSource, log: (line: string) => void): Promise<Tree> {
  const module = (await import(source.module)) as TreeModule;
  return module.openTree(source.options, log);
}

/** Starts watching a tree. Returns undefined if the tree cannot be watched. */
export async function watchTree(
  source: TreeSource,
  invalidator: Invalidator,
  log: (line: string) => void,
): Promise<Watcher | undefined> {
  const module = (await import(source.module)) as TreeModule;
  return module.watchTree?.(source.options, invalidator, log);
}
