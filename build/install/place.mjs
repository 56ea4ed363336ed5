/**
 * Places the things of a plan below DESTDIR and removes them again. A list beside the programs
 * names every file that was placed and every folder that was made for it, so that a removal takes
 * exactly these: the tree is then as it was.
 *
 * Nothing is written before everything is checked. A file that is there and was not placed by an
 * installation stops it.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

export class InstallError extends Error {}

/** Lines of the list: `file PATH` or `folder PATH`, below DESTDIR, in the order of placing. */
function readList(path) {
  if (!existsSync(path)) return { files: [], folders: [] };
  const lines = readFileSync(path, 'utf8').split('\n');
  const of = (kind) =>
    lines.filter((line) => line.startsWith(`${kind} `)).map((line) => line.slice(kind.length + 1));
  return { files: of('file'), folders: of('folder') };
}

/** Places the plan. `list` is the path, below DESTDIR, of the list of what was placed. */
export function place(plan, { destdir, list }) {
  const before = readList(join(destdir, list));
  const paths = new Set([list, ...plan.map(({ path }) => path)]);
  if (!existsSync(join(destdir, list))) requireFree(plan, destdir, list);
  else
    requireFree(
      plan.filter(({ path }) => !before.files.includes(path)),
      destdir,
      list,
    );
  for (const path of before.files) if (!paths.has(path)) rmSync(join(destdir, path), { force: true });
  if (destdir !== '') mkdirSync(destdir, { recursive: true });
  const folders = [...before.folders];
  const makeFolder = (path) => {
    if (path === '/' || path === '.' || existsSync(join(destdir, path))) return;
    makeFolder(dirname(path));
    mkdirSync(join(destdir, path));
    chmodSync(join(destdir, path), 0o755);
    if (!folders.includes(path)) folders.push(path);
  };
  for (const entry of [...plan, { path: list, text: '', mode: 0o644 }]) {
    makeFolder(dirname(entry.path));
    placeOne(entry, join(destdir, entry.path));
  }
  const lines = [...[...paths].map((path) => `file ${path}`), ...folders.map((path) => `folder ${path}`)];
  writeFileSync(join(destdir, list), `${lines.join('\n')}\n`);
  removeEmpty(folders, destdir);
}

function requireFree(plan, destdir, list) {
  const own = dirname(list);
  const taken = plan
    .map(({ path }) => path)
    .filter((path) => !path.startsWith(`${own}/`) && !isFree(join(destdir, path)));
  if (taken.length === 0) return;
  throw new InstallError(
    `these exist and are not from an installation of cyrus-backups:\n${taken
      .map((path) => `  ${join(destdir, path)}`)
      .join('\n')}\nMove them away, or install below another PREFIX. Nothing was changed.`,
  );
}

/** A link into a folder cyrus-backups is from an installation that kept no list. */
function isFree(path) {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return true;
  if (stats.isSymbolicLink()) return readlinkSync(path).includes('cyrus-backups');
  return /\/(doc|cyrus-backups)\/cyrus-backups\//.test(path);
}

/** What is there is removed first: a program that runs keeps the file that it has open. */
function placeOne({ from, text, link, mode }, path) {
  rmSync(path, { force: true });
  if (link !== undefined) {
    symlinkSync(link, path);
    return;
  }
  if (from === undefined) writeFileSync(path, text);
  else copyFileSync(from, path);
  chmodSync(path, mode);
}

/** Removes what the list names. Returns false if there is no list. */
export function remove({ destdir, list }) {
  if (!existsSync(join(destdir, list))) return false;
  const { files, folders } = readList(join(destdir, list));
  for (const path of files) rmSync(join(destdir, path), { force: true });
  removeEmpty(folders, destdir);
  return true;
}

/** Removes folders that an installation made, unless somebody has put something else there. */
function removeEmpty(folders, destdir) {
  for (const path of folders.toSorted((a, b) => b.length - a.length)) {
    try {
      rmdirSync(join(destdir, path));
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR'].includes(error.code)) throw error;
    }
  }
}
