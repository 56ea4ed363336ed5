/**
 * The npm packages that the programs need while they run, and the files of each that they need:
 * no build tools, no programs, no sources of native modules, no other platforms' binaries, no tests.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Dependencies that only compile or download, or that serve another platform. */
const NOT_AT_RUN_TIME = {
  'better-sqlite3': ['prebuild-install'],
  'better-sqlite3-napi': ['node-addon-api'],
  'fuse-native': ['napi-macros'],
  'fuse-shared-library': ['fuse-shared-library-darwin', 'fuse-shared-library-linux-arm'],
};

/** Packages of the JavaScript runtime Bare, which Node resolves to its own modules. */
const OF_ANOTHER_RUNTIME = /^bare-/;

/** src/index/store/sqlite.ts takes the first below Node 22, and the second from there on. */
const SQLITE = ['better-sqlite3', 'better-sqlite3-napi'];

const CODE = /\.(js|cjs|mjs|json|node)$/;
const LICENCE = /^(licen[cs]e|copying|notice)/i;
const NEVER_LOADED = new Set(['test', 'tests', 'example', 'examples', 'benchmark', 'benchmarks', 'bench']);

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/**
 * Returns the folders of all packages needed at run time, nested ones included, sorted. With
 * `nodeMajor`, only the SQLite that this Node loads.
 */
export function packagesOf(root, nodeMajor) {
  const found = new Set();
  const unused = nodeMajor === undefined ? [] : [SQLITE[nodeMajor >= 22 ? 0 : 1]];
  const visit = (folder, skipped) => {
    const { name, dependencies = {}, optionalDependencies = {} } = readJson(join(folder, 'package.json'));
    const kept = Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((dependency) => !OF_ANOTHER_RUNTIME.test(dependency))
      .filter(
        (dependency) => ![...skipped, ...(NOT_AT_RUN_TIME[keyOf(folder, name)] ?? [])].includes(dependency),
      );
    for (const dependency of kept) {
      const path = resolvePackage(root, folder, dependency);
      if (path === undefined) {
        if (dependency in optionalDependencies) continue;
        throw new Error(`${name} needs the package ${dependency}, which is not installed: npm ci`);
      }
      if (found.has(path)) continue;
      found.add(path);
      visit(path, []);
    }
  };
  visit(root, unused);
  return [...found].toSorted((a, b) => (a < b ? -1 : 1));
}

/** The name under which a package is installed: an alias, such as better-sqlite3-napi, keeps its own. */
function keyOf(folder, name) {
  return folder.split('/node_modules/').at(-1) ?? name;
}

function resolvePackage(root, from, name) {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name);
    if (existsSync(join(path, 'package.json'))) return path;
    if (folder === root || folder === '/') return undefined;
  }
}

/** Returns the files of a package that are needed at run time, relative to its folder, sorted. */
export function filesOf(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter(
      (path) =>
        !path
          .split('/')
          .slice(0, -1)
          .some((part) => part === 'node_modules' || NEVER_LOADED.has(part)),
    );
  const { bin = {} } = readJson(join(folder, 'package.json'));
  const programs = new Set(
    Object.values(typeof bin === 'string' ? { bin } : bin).map((path) => join('.', path)),
  );
  const hasBuilt = files.some((path) => /^build\/Release\/[^/]+\.node$/.test(path));
  return files.filter((path) => isNeeded(path, hasBuilt) && !programs.has(path)).toSorted();
}

function isNeeded(path, hasBuilt) {
  const name = path.split('/').at(-1);
  if (LICENCE.test(name) && !path.includes('/')) return true;
  if (!CODE.test(name)) return false;
  if (!name.endsWith('.node')) return true;
  return isOwnBinary(path, hasBuilt);
}

/** A package brings a binary that was built here, or those of many platforms under their names. */
function isOwnBinary(path, hasBuilt) {
  if (hasBuilt) return /^build\/Release\/[^/]+\.node$/.test(path) && !path.endsWith('test_extension.node');
  const [os, other] = isGlibc() ? ['linux', 'musl'] : ['musl', 'linux_'];
  return (
    path.includes(os) && !path.includes(other) && path.includes(process.arch) && !path.includes('electron')
  );
}

function isGlibc() {
  return process.report.getReport().header.glibcVersionRuntime !== undefined;
}

/** Whether a file of a package is its licence. */
export const isLicence = (path) => LICENCE.test(path);
