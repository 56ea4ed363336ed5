/** Opens a tree in the thread that calls it. */
import type { Tree, TreeModule, TreeSource } from './tree.ts';

export async function loadTree(source: TreeSource): Promise<Tree> {
  const module = (await import(source.module)) as TreeModule;
  return module.openTree(source.options);
}
