/**
 * Rules about the code itself: who may import whom, how long a file may be, that each says what it is, that nothing is
 * left for later, and that the repository names no machine. Read from the sources, not from what was compiled.
 */
import { expect } from 'chai';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

const ROOT = new URL('../../', import.meta.url).pathname;
const OWN_PATH = 'test/tidy.test.ts';
const MAX_LINES = 300;

type Layer = keyof typeof mayImport;

/** A layer's own files it may always import. docs/development/architecture.md draws this. */
const mayImport = {
  errors: [],
  fs: ['errors'],
  log: ['errors', 'fs'],
  mailbox: ['errors'],
  protocol: ['errors', 'mailbox'],
  config: ['errors', 'fs', 'mailbox'],
  catalog: ['errors', 'fs', 'mailbox', 'config'], // of config the options
  index: ['errors', 'fs', 'mailbox', 'protocol', 'log'], // of log only the shape of a flush point
  logging: ['errors', 'fs'],
  status: ['errors', 'fs', 'index'], // of index how a database is opened
  backup: ['errors', 'fs', 'mailbox', 'protocol', 'log', 'index', 'catalog'], // of catalog the locks
  restore: ['errors', 'fs', 'mailbox', 'protocol', 'log', 'index', 'catalog', 'backup'],
  proof: ['errors', 'fs', 'mailbox', 'protocol', 'log', 'index', 'catalog', 'backup', 'restore'],
  server: [
    'errors',
    'fs',
    'mailbox',
    'protocol',
    'log',
    'index',
    'catalog',
    'backup',
    'config',
    'status',
    'logging',
  ],
  search: ['errors', 'fs', 'mailbox', 'index', 'catalog', 'backup', 'restore'],
  mount: ['errors', 'fs', 'mailbox', 'protocol', 'log', 'index', 'catalog', 'backup', 'status'],
  // src/index.ts, the public API.
  api: ['errors', 'index', 'catalog', 'config', 'restore'],
  cli: [
    'errors',
    'fs',
    'mailbox',
    'protocol',
    'log',
    'index',
    'catalog',
    'backup',
    'config',
    'restore',
    'proof',
    'server',
    'mount',
    'status',
    'search',
    'logging',
  ],
} as const satisfies Record<string, readonly string[]>;

/**
 * The rooms of each layer from the bottom up. The code of a room may import only rooms before it in the list. Types may
 * be imported from anywhere in the layer.
 */
const roomsOf: readonly (readonly string[])[] = [
  ['src/log', 'src/log/read', 'src/log/write'],
  [
    'src/index',
    'src/index/store',
    'src/index/checkpoint',
    'src/index/queries',
    'src/index/queries/past',
    'src/index/fold',
  ],
  ['src/catalog/twoskip', 'src/catalog'],
  [
    'src/backup/lines',
    'src/backup/read',
    'src/backup/scan',
    'src/backup',
    'src/backup/admin',
    'src/backup/verify',
    'src/backup/compact',
  ],
  [
    'src/server/limits',
    'src/server/auth',
    'src/server/tls',
    'src/server/connection',
    'src/server/alarm',
    'src/server',
    'src/server/metrics',
  ],
  ['src/search/text', 'src/search/store', 'src/search/query', 'src/search'],
  ['mount/fuse/wire', 'mount/fuse/prefetch', 'mount/fuse/server'],
];

/** Where alone a package or module of the system may be imported. */
const confined: [RegExp, RegExp][] = [
  [/^better-sqlite3$/, /^src\/(index|catalog)\//],
  [/^prom-client$/, /^src\/server\/metrics\//],
  [/^fuse-native$/, /^mount\/fuse-native\//],
  [/^koffi$/, /^(src\/fs\/disk\/libc\.ts$|src\/cli\/common\/supervisor\.ts$|mount\/fuse(-native)?\/)/],
  // The disk, whose other implementation the simulator has. The rest works on no file of a store:
  // the FUSE device and pipes, the mount table and mountpoints, inotify, standard output, and a
  // stream that writes to a descriptor of fs/open.
  [
    /^(node:)?fs(\/promises)?$/,
    /^(src\/fs\/disk\/(realDisk|openFlags)\.ts$|mount\/(fuse|fuse-native|lifecycle)\/|mount\/invalidation\/watches\.ts$|src\/cli\/common\/standardOutput\.ts$|src\/server\/connection\/telemetry\.ts$)/,
  ],
  [/^(node:)?(net|tls)$/, /^src\/(server|restore)\//],
];

/** Tests of a subject across modules, which have no counterpart in src or mount. */
const WITHOUT_COUNTERPART = /^test\/(integration\/|property\/|bench\/)/;

function filesBelow(folder: string): string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const sources = ['src', 'mount'].flatMap(filesBelow).filter((path) => path.endsWith('.ts'));
/** Without this file, which names what it looks for. */
const tests = filesBelow('test').filter((path) => path.endsWith('.ts') && path !== OWN_PATH);

interface Import {
  readonly from: string;
  /** A path from the root, or a module's name. */
  readonly target: string;
  readonly isType: boolean;
}

const STATEMENT = /^(?:import|export)\s+(?:(type\s)?[^;'"]*?\sfrom\s+)?'([^']+)'/gm;
const CALL = /\b(?:import|require|createRequire\([^)]*\))\(\s*'([^']+)'\s*\)/g;

function importsOf(path: string): Import[] {
  const text = read(path);
  const resolve = (target: string): string =>
    target.startsWith('.') ? normalize(join(dirname(path), target)) : target;
  const statements = [...text.matchAll(STATEMENT)].map((match) => ({
    from: path,
    target: resolve(match[2] ?? ''),
    isType: match[1] !== undefined,
  }));
  const calls = [...text.matchAll(CALL)].map((match) => ({
    from: path,
    target: resolve(match[1] ?? ''),
    isType: false,
  }));
  return [...statements, ...calls];
}

const imports = sources.flatMap(importsOf);

function layerOf(path: string): Layer | undefined {
  if (path === 'src/index.ts') return 'api';
  const name = path.startsWith('mount/') ? 'mount' : path.split('/')[1]?.replace(/\.ts$/, '');
  return name !== undefined && name in mayImport ? (name as Layer) : undefined;
}

/** The first circle found, as the files along it. */
function findCircle(edges: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (path: string, trail: string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const next of edges.get(path) ?? []) {
      const circle = visit(next, [...trail, path]);
      if (circle !== undefined) return circle;
    }
    done.add(path);
    return undefined;
  };
  for (const path of edges.keys()) {
    const circle = visit(path, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

describe('layers', () => {
  it('every source file is in a layer of the table', () => {
    expect(sources.length).to.be.greaterThan(0);
    expect(sources.filter((path) => layerOf(path) === undefined)).to.deep.equal([]);
  });

  it('imports go only where the table allows', () => {
    const wrong = imports.filter(({ from, target }) => {
      if (!/^(src|mount)\//.test(target)) return false;
      const [own, other] = [layerOf(from), layerOf(target)];
      if (own === undefined || other === undefined) return true;
      return own !== other && !(mayImport[own] as readonly Layer[]).includes(other);
    });
    expect(wrong.map(({ from, target }) => `${from} -> ${target}`)).to.deep.equal([]);
  });

  it('a room imports only rooms below it', () => {
    const wrong = imports.filter(({ from, target, isType }) => {
      const rooms = roomsOf.find((list) => list.includes(dirname(from)));
      const [own, other] = [dirname(from), dirname(target)].map((room) => rooms?.indexOf(room) ?? -1);
      return !isType && own !== undefined && other !== undefined && other > own && own !== -1;
    });
    expect(wrong.map(({ from, target }) => `${from} -> ${target}`)).to.deep.equal([]);
  });

  it('no folder has more than 14 files', () => {
    const counts = new Map<string, number>();
    for (const path of sources) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
    expect([...counts].filter(([, count]) => count > 14)).to.deep.equal([]);
  });

  it('no source imports a test', () => {
    expect(imports.filter(({ target }) => target.startsWith('test/'))).to.deep.equal([]);
  });

  it('there are no circles', () => {
    const edges = new Map<string, string[]>();
    for (const path of sources) edges.set(path, []);
    for (const { from, target, isType } of imports) if (!isType) edges.get(from)?.push(target);
    expect(findCircle(edges)).to.equal(undefined);
  });

  for (const [module, place] of confined) {
    it(`${module.source} is imported only in ${place.source}`, () => {
      const outside = imports.filter(
        ({ from, target, isType }) => !isType && module.test(target) && !place.test(from),
      );
      expect(outside.map(({ from, target }) => `${from} -> ${target}`)).to.deep.equal([]);
    });
  }
});

describe('source files', () => {
  it(`have at most ${MAX_LINES} lines, or say at their head why not`, () => {
    const long = [...sources, ...tests].filter((path) => {
      const lines = read(path).split('\n');
      return (
        lines.length > MAX_LINES + 1 &&
        !lines.slice(0, 30).some((line) => line.includes('Over 300 lines because'))
      );
    });
    expect(long).to.deep.equal([]);
  });

  it('start with a comment that says what they are', () => {
    const explained = [...sources, ...tests.filter((path) => !path.endsWith('.test.ts'))];
    const bare = explained.filter((path) => !/^(#!.*\n)?\/\*\*[\s\S]{20,}?\*\//.test(read(path)));
    expect(bare).to.deep.equal([]);
  });

  it('wrap comments at 100 columns', () => {
    const wide = sources.flatMap((path) =>
      read(path)
        .split('\n')
        // A line of an example in a comment is code.
        .filter((line) => line.length > 100 && /^\s*(\* (?! )|\/\/|\/\*\*)/.test(line))
        .map((line) => `${path}: ${line.trim()}`),
    );
    expect(wide).to.deep.equal([]);
  });

  it('know no `any`, and switch no check off without a reason', () => {
    const lax = [...sources, ...tests].flatMap((path) =>
      read(path)
        .split('\n')
        .filter((line) =>
          /(:|\bas|<|,)\s*any\b(?=[\s,;)>[\]=]|$)/.test(line.replace(/^\s*(\*|\/\/|\/\*).*/, '')),
        )
        .map((line) => `${path}: ${line.trim()}`),
    );
    expect(lax).to.deep.equal([]);
    const silenced = new RegExp(
      ['@ts-(ignore|nocheck)', 'eslint-disable(?!.* -- )', 'oxlint-disable(?!.* -- )'].join('|'),
    );
    expect([...sources, ...tests].filter((path) => silenced.test(read(path)))).to.deep.equal([]);
  });

  it('leave nothing for later', () => {
    const later = /\b(TODO|FIXME|XXX)\b/;
    const skipping = /\b(it|describe)\.(skip|only)\(|\b(xit|xdescribe)\(/;
    const found = [...sources, ...tests].filter(
      (path) => later.test(read(path)) || skipping.test(read(path)),
    );
    expect(found).to.deep.equal([]);
  });
});

describe('tests', () => {
  /** test/log/x.test.ts is about src/log/x.ts or about src/log as a whole, test/mount/x.test.ts about mount. */
  it('mirror src and mount', () => {
    const orphans = tests.filter((path) => {
      if (!path.endsWith('.test.ts') || WITHOUT_COUNTERPART.test(path)) return false;
      const folder = relative('test', dirname(path));
      return !existsSync(join(ROOT, /^mount(\/|$)/.test(folder) ? folder : join('src', folder)));
    });
    expect(orphans).to.deep.equal([]);
  });
});

describe('the repository', () => {
  const folders = ['.ci', 'build', 'docs', 'mount', 'src', 'test'].flatMap(filesBelow);
  const top = readdirSync(ROOT, { withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name !== '.git' && !entry.name.endsWith('.tsbuildinfo'),
  );
  const texts = [...folders, ...top.map(({ name }) => name)].filter(
    (path) => path !== OWN_PATH && !/\.(gz|bin|db|index|png)$/.test(path),
  );

  it('names no machine, no home folder and no package registry', () => {
    const machine =
      /\/home\/[a-z]|\/root\/|\/work\/|\/Users\/[A-Za-z]|registry\.[a-z]+\.(org|com|io)|npmjs\./;
    const found = texts.flatMap((path) =>
      read(path)
        .split('\n')
        .filter((line) => machine.test(line))
        .map((line) => `${path}: ${line.trim().slice(0, 120)}`),
    );
    expect(found).to.deep.equal([]);
  });

  it('the lock file names no host to download from', () => {
    expect(read('package-lock.json')).to.not.contain('"resolved"');
  });
});
