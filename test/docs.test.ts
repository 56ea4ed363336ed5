/** Rules about the documentation: links and paths lead somewhere, every decision is listed, prose is narrow. */
import { expect } from 'chai';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = new URL('../../', import.meta.url).pathname;
const MAX_COLUMNS = 100;

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length));
}

const pages = ['README.md', ...filesBelow('docs').filter((path) => path.endsWith('.md'))];

const withoutCode = (markdown: string): string =>
  markdown.replaceAll(/^```[^]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, '');

/** The anchors of a page, made of its headings as GitHub makes them. */
function anchorsOf(path: string): string[] {
  const headings = [...read(path).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading ?? '');
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-'),
  );
}

function isBroken(page: string, link: string): boolean {
  if (/^[a-z]+:/.test(link)) return false;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : join(dirname(page), path);
  if (!existsSync(join(ROOT, target))) return true;
  return anchor !== undefined && !anchorsOf(target).includes(anchor);
}

describe('the documentation', () => {
  it('has no relative link that leads nowhere', () => {
    const broken = pages.flatMap((page) =>
      [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, link]) => link ?? '')
        .filter((link) => isBroken(page, link))
        .map((link) => `${page}: ${link}`),
    );
    expect(broken).to.deep.equal([]);
  });

  it('is named by paths that exist, wherever a file names one', () => {
    const texts = ['.ci', 'build', 'docs', 'mount', 'src', 'test']
      .filter((folder) => existsSync(join(ROOT, folder)))
      .flatMap(filesBelow)
      .filter((path) => /\.(ts|mjs|sh|md|8|json)$/.test(path));
    const wrong = [...texts, 'README.md', 'Makefile'].flatMap((path) =>
      [...read(path).matchAll(/\bdocs\/[\w./-]+\.(?:md|8)\b/g)]
        .map(([name]) => name)
        .filter((name) => !existsSync(join(ROOT, name)))
        .map((name) => `${path}: ${name}`),
    );
    expect(wrong).to.deep.equal([]);
  });

  it('lists each decision in the index, with its title', () => {
    const rows = readdirSync(join(ROOT, 'docs/decisions'))
      .filter((name) => /^\d/.test(name))
      .toSorted()
      .map((name) => {
        const [, number, title] = /^# (\d+)\. (.*)$/m.exec(read(`docs/decisions/${name}`)) ?? [];
        return `| [${number}](${name}) | ${title} |`;
      });
    const index = read('docs/decisions/README.md');
    expect(rows.filter((row) => !index.includes(row))).to.deep.equal([]);
  });

  it(`wraps prose at ${MAX_COLUMNS} columns`, () => {
    const narrow = pages;
    const long = narrow.flatMap((page) =>
      read(page)
        .replaceAll(/^```[^]*?^```$/gm, (block) => block.replaceAll(/.+/g, ''))
        .split('\n')
        .flatMap((line, at) =>
          line.length > MAX_COLUMNS && !/^(\||\s{4})/.test(line) ? [`${page}:${at + 1}`] : [],
        ),
    );
    expect(long).to.deep.equal([]);
  });
});
