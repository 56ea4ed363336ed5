/**
 * Compares the configuration that setup wants with the file that is there, and writes it. A file
 * that already has the wanted options is left alone, whatever else is in it. Another one is shown
 * as a difference and replaced only if that is allowed; the former file is kept.
 */
import { dirname } from 'node:path';
import { loadConfig } from '../../../config/imapdConf.ts';
import { readSettings } from '../../../config/lines.ts';
import type { Setting } from '../../../config/lines.ts';
import { BackupError } from '../../../errors.ts';
import { makeFolders } from '../../../fs/folders.ts';
import { kindText, lstatOf, readTextFile } from '../../../fs/inspect/look.ts';
import { makeOwnedFile } from '../../../fs/owners/ownedFiles.ts';
import { asideName } from '../../../fs/setAside.ts';
import { configText, wantedSettings } from './configText.ts';
import { differingLines } from './diff.ts';
import type { Plan, Present } from './plan.ts';

export type ConfigChange =
  | { readonly kind: 'none' }
  | { readonly kind: 'new'; readonly text: string }
  | {
      readonly kind: 'replaced';
      readonly text: string;
      readonly before: string;
      readonly differences: readonly string[];
    };

/** Loads the configuration that is there, if any. Throws 'config', and 'refused' for no file. */
export function presentConfig(file: string): Present {
  const stats = lstatOf(file);
  if (stats === undefined) return { config: undefined, texts: new Map() };
  if (!stats.isFile()) {
    const text = `${file} is ${kindText(stats)}, and is not replaced: name another file with -C, or remove it`;
    throw new BackupError('refused', text, { subject: file });
  }
  const texts = new Map(Array.from(readSettings(file), ({ key, value }) => [key, value]));
  return { config: loadConfig(file, { service: 'backupd' }), texts };
}

/** Compares the file with the plan. Reads only. */
export function configChange(plan: Plan): ConfigChange {
  if (lstatOf(plan.file) === undefined) return { kind: 'new', text: configText(plan, []) };
  const present = [...readSettings(plan.file)];
  const wanted = wantedSettings(plan);
  const values = new Map(present.map(({ key, value }) => [key, value]));
  if ([...wanted].every(([key, value]) => values.get(key) === value)) return { kind: 'none' };
  const before = readTextFile(plan.file);
  const text = configText(plan, ownSettings(plan, present));
  return { kind: 'replaced', text, before, differences: differingLines(before, text) };
}

/** The settings of the present file itself. Included files stay included. */
function ownSettings({ file }: Plan, present: readonly Setting[]): Setting[] {
  const own = present.filter((setting) => setting.file === file);
  const included = [...new Set(present.map((setting) => setting.file))].filter((path) => path !== file);
  return [...own, ...included.map((path) => ({ key: '@include', value: path, file, line: 0 }))];
}

/**
 * Writes the file, and as root gives the account the right to read it. Returns the name under which
 * the former file is kept, or undefined. Throws a BackupError.
 */
export function writeConfig(plan: Plan, change: ConfigChange): string | undefined {
  if (change.kind === 'none') return undefined;
  makeFolders(dirname(plan.file), 0o755);
  const isRoot = process.geteuid?.() === 0;
  const owner = isRoot ? { uid: 0, gid: plan.account.gid, mode: 0o640 } : { mode: 0o600 };
  const aside = change.kind === 'replaced' ? asideName(plan.file) : undefined;
  if (aside !== undefined && change.kind === 'replaced') makeOwnedFile(aside, change.before, owner);
  makeOwnedFile(plan.file, change.text, owner);
  return aside;
}
