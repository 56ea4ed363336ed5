/**
 * What an installation consists of: a list of things to place, each a file to copy, a text to write
 * or a symbolic link, with its path below DESTDIR and its mode.
 *
 * { path, from } | { path, text } | { path, link }, and mode (files only).
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { completions } from './completions/completions.mjs';
import { filesOf, isLicence, packagesOf } from './modules.mjs';
import { unitsOf } from './units.mjs';

/** The names of the originals' programs. A Debian package leaves them to update-alternatives(1). */
const OLD_NAMES = new Set(['backupd', 'ctl_backups', 'cyr_backup', 'restore']);

const HELPERS = ['mount.cyrus-backups', 'mount.fuse.cyrus-backups'];

/**
 * Options: `root` (the built checkout or the npm package), `prefix`, `sbindir` (undefined:
 * no mount helpers), `unitdir`, `node` (absolute
 * path of the Node to run with), `debian` (the package's layout: its own copy of Node, no name that
 * another package may have) and `systemOnly` (only what npm cannot place).
 */
export async function planOf(options) {
  const { prefix, root, systemOnly } = options;
  const lib = systemOnly ? root : `${prefix}/lib/cyrus-backups`;
  const node = options.debian ? `${lib}/node` : options.node;
  const site = { ...options, lib, node };
  return [
    ...(systemOnly ? [] : [...programs(site), ...modules(site), ...documents(site)]),
    ...units(site),
    ...helpers(site),
    ...(await completionFiles(site)),
    ...(systemOnly ? [] : manPages(site)),
  ];
}

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted();
}

function programs({ root, lib, node, prefix, debian }) {
  const compiled = ['src', 'mount'].flatMap((folder) =>
    filesBelow(join(root, 'dist', folder))
      .filter((path) => /(\.js|\.d\.ts)$/.test(path))
      .map((path) => ({
        path: `${lib}/dist/${folder}/${path}`,
        from: join(root, 'dist', folder, path),
        mode: 0o644,
      })),
  );
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const launchers = Object.values(bin).map((path) => ({
    path: `${lib}/${path}`,
    text: readFileSync(join(root, path), 'utf8').replace(/^#!.*/, `#!${node}`),
    mode: 0o755,
  }));
  const links = Object.entries(bin)
    .filter(([name]) => !HELPERS.includes(name) && !(debian && OLD_NAMES.has(name)))
    .map(([name, path]) => ({ path: `${prefix}/bin/${name}`, link: `../lib/cyrus-backups/${path}` }));
  const own = debian ? [{ path: `${lib}/node`, from: process.execPath, mode: 0o755 }] : [];
  const about = [{ path: `${lib}/package.json`, from: join(root, 'package.json'), mode: 0o644 }];
  return [...compiled, ...launchers, ...links, ...own, ...about];
}

/** A Debian package has all licences in one file, debian/copyright. */
function modules({ root, lib, debian }) {
  const major = debian ? Number(process.versions.node.split('.')[0]) : undefined;
  return packagesOf(root, major).flatMap((folder) =>
    filesOf(folder)
      .filter((path) => !(debian && isLicence(path)))
      .map((path) => ({
        path: join(lib, relative(root, folder), path),
        from: join(folder, path),
        mode: 0o644,
      })),
  );
}

function documents({ root, prefix, debian }) {
  const doc = `${prefix}/share/doc/cyrus-backups`;
  const pages = filesBelow(join(root, 'docs')).filter((path) => path.endsWith('.md'));
  return [
    ...['README.md', ...(debian ? [] : ['LICENSE'])].map((name) => ({
      path: `${doc}/${name}`,
      from: join(root, name),
      mode: 0o644,
    })),
    ...pages.map((path) => ({ path: `${doc}/docs/${path}`, from: join(root, 'docs', path), mode: 0o644 })),
  ];
}

function units({ root, lib, node, unitdir }) {
  return unitsOf(root, { lib, node }).map(({ name, text }) => ({
    path: `${unitdir}/${name}`,
    text,
    mode: 0o644,
  }));
}

/** mount(8) starts these with a short PATH, so they name the Node to run with. */
function helpers({ sbindir, lib, node }) {
  if (sbindir === undefined) return [];
  return HELPERS.map((name) => ({
    path: `${sbindir}/${name}`,
    text: `#!/bin/sh\nexec ${node} ${lib}/dist/bin/mount-cyrus-backups "$@"\n`,
    mode: 0o755,
  }));
}

async function completionFiles({ root, prefix, debian }) {
  const { bash, zsh, fish } = await completions(root);
  const zshFolder = debian ? 'vendor-completions' : 'site-functions';
  const share = `${prefix}/share`;
  return [
    { path: `${share}/bash-completion/completions/cyrus-backups`, text: bash, mode: 0o644 },
    ...[...OLD_NAMES].map((name) => ({
      path: `${share}/bash-completion/completions/${name}`,
      link: 'cyrus-backups',
    })),
    { path: `${share}/zsh/${zshFolder}/_cyrus-backups`, text: zsh, mode: 0o644 },
    ...Object.entries(fish).map(([name, text]) => ({
      path: `${share}/fish/vendor_completions.d/${name}.fish`,
      text,
      mode: 0o644,
    })),
  ];
}

/**
 * cyrus-common has pages with the names of the originals, so a Debian package gives ours another
 * section, 8cb, in the same folder. `man backupd` finds both.
 */
function manPages({ root, prefix, debian }) {
  const folder = join(root, 'docs/man');
  return readdirSync(folder)
    .toSorted()
    .flatMap((file) => {
      const name = file.slice(0, -'.8'.length);
      const section = debian && OLD_NAMES.has(name) ? '8cb' : '8';
      const page = readFileSync(join(folder, file), 'utf8').replace(/^(\.TH \S+) 8 /m, `$1 ${section} `);
      const path = `${prefix}/share/man/man8/${name}.${section}.gz`;
      const alias = { path: `${prefix}/share/man/man8/mount.fuse.cyrus-backups.8.gz`, link: `${name}.8.gz` };
      return [
        { path, text: gzipSync(page, { level: 9 }), mode: 0o644 },
        ...(name === 'mount.cyrus-backups' ? [alias] : []),
      ];
    });
}
