/** A hook of Node's module loader that loads one file with a mutant's change. */
import { mutants, mutated } from './mutants.ts';

const mutant = mutants.find(({ name }) => name === process.env['MUTANT']);

interface Loaded {
  readonly format: string;
  readonly source?: string | Buffer;
}

export async function load(
  url: string,
  context: unknown,
  next: (url: string, context: unknown) => Promise<Loaded>,
): Promise<Loaded> {
  const loaded = await next(url, context);
  if (mutant === undefined || !url.endsWith(`/dist/src/${mutant.file}`)) return loaded;
  return { ...loaded, source: mutated(String(loaded.source), mutant) };
}
