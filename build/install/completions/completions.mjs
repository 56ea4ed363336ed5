/** The completions of all programs, as texts by shell. */
import { bashCompletion } from './bash.mjs';
import { programsOf } from './contexts.mjs';
import { fishCompletions } from './fish.mjs';
import { zshCompletion } from './zsh.mjs';

export async function completions(root) {
  const programs = await programsOf(root);
  return { bash: bashCompletion(programs), zsh: zshCompletion(programs), fish: fishCompletions(programs) };
}
