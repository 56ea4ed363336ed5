/**
 * Writes dist/bin: one tiny executable for each name under "bin" in package.json. A launcher only
 * passes its arguments to main() of its command, so that tests can call the same function without
 * starting a process.
 *
 * main(args: string[]) returns the exit code, or a promise of it.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

/** The module that exports each command's main(), relative to dist/src/cli. */
const modules = {
  backupd: 'backupd/main.js',
  ctl_backups: 'ctl_backups/main.js',
  cyr_backup: 'cyr_backup/main.js',
  restore: 'restore/main.js',
  'cyrus-backups': 'cyrus-backups/main.js',
  'mount.cyrus-backups': 'cyrus-backups/mountHelper.js',
};

const root = new URL('../', import.meta.url);
const { bin } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

for (const [name, path] of Object.entries(bin)) {
  const module = modules[name];
  if (module === undefined) throw new Error(`build/launchers.mjs: no module is named for ${name}`);
  const target = new URL(path, root);
  const source = [
    '#!/usr/bin/env node',
    `import { main } from '../src/cli/${module}';`,
    '',
    'process.exitCode = await main(process.argv.slice(2));',
    '',
  ].join('\n');
  mkdirSync(new URL('./', target), { recursive: true });
  if (!existsSync(target) || readFileSync(target, 'utf8') !== source) writeFileSync(target, source);
  chmodSync(target, 0o755);
}
