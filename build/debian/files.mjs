/**
 * Writes the files of the Debian package that are made from others: `files.mjs SOURCE DEBIAN`.
 *
 * - changelog: the version of package.json, dated SOURCE_DATE_EPOCH.
 * - copyright: the licences of this project, of Node and of each bundled npm package (DEP-5).
 * - control: the maintainer, from DEBFULLNAME and DEBEMAIL.
 */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { isLicence, packagesOf } from '../install/modules.mjs';

const [source, debian] = process.argv.slice(2);
const { DEBFULLNAME, DEBEMAIL, SOURCE_DATE_EPOCH, VERSION, NODE_LICENSE } = process.env;
const maintainer = `${DEBFULLNAME} <${DEBEMAIL}>`;

/** Where Node's own licence lies: beside a release, or in Debian's and other packages. */
const NODE_LICENCES = [
  ...(NODE_LICENSE ? [NODE_LICENSE] : []),
  resolve(dirname(process.execPath), '../LICENSE'),
  '/usr/share/doc/nodejs/LICENSE',
  '/usr/share/doc/nodejs/copyright',
];

function write(name, text) {
  writeFileSync(join(debian, name), text);
}

function changelog() {
  const date = new Date(Number(SOURCE_DATE_EPOCH) * 1000).toUTCString().replace('GMT', '+0000');
  return [
    `cyrus-backups (${VERSION}) unstable; urgency=medium`,
    '',
    '  * What changed: /usr/share/doc/cyrus-backups/docs/development.',
    '',
    ` -- ${maintainer}  ${date}`,
    '',
  ].join('\n');
}

/** The continuation lines of a field. */
function indented(text) {
  return text
    .replaceAll('\r', '')
    .replaceAll('\t', '        ')
    .trim()
    .split('\n')
    .map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`))
    .join('\n');
}

function paragraph({ files, copyright, licence, text }) {
  return [
    `Files: ${files}`,
    `Copyright: ${copyright.join('\n           ')}`,
    `License: ${licence}`,
    indented(text),
  ].join('\n');
}

/** The lines that name the holders, at most a few: Node's licence has hundreds. */
function holders(text, otherwise) {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^(copyright\b.*\d{4}|copyright (\(c\)|©|\S+ contributors))/i.test(line));
  const names = [...new Set(lines.map((line) => line.replace(/^copyright\s*(\(c\)|©)?\s*/i, '')))].slice(
    0,
    5,
  );
  return names.length > 0 ? names : [otherwise];
}

const APACHE = 'On Debian systems, the text of the licence is in /usr/share/common-licenses/Apache-2.0.';
const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

function ofPackage(folder) {
  const { name, license, author, repository } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  );
  const texts = readdirSync(folder)
    .filter(isLicence)
    .toSorted()
    .map((file) => readFileSync(join(folder, file), 'utf8'));
  const text = texts.join('\n\n');
  const licence = String(license).replaceAll(/[()]/g, '').replaceAll(' OR ', ' or ').replaceAll(' ', '-');
  if (texts.length === 0 && license !== 'MIT')
    throw new Error(`${name}: no licence text, and ${license} is not MIT`);
  const maker = typeof author === 'object' ? author.name : author;
  return paragraph({
    files: `usr/lib/cyrus-backups/${relative(source, folder)}/*`,
    copyright: holders(text, maker ?? repository?.url ?? name),
    licence,
    text: license === 'Apache-2.0' ? APACHE : text === '' ? MIT : text,
  });
}

function copyright() {
  const path = NODE_LICENCES.find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error("Node's licence was not found: name its file in NODE_LICENSE");
  const node = readFileSync(path, 'utf8');
  const own = readFileSync(join(source, 'LICENSE'), 'utf8');
  const major = Number(process.versions.node.split('.')[0]);
  return `${[
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: cyrus-backups',
    paragraph({ files: '*', copyright: holders(own), licence: 'BSD-3-Clause', text: own }),
    paragraph({
      files: 'usr/lib/cyrus-backups/node',
      copyright: ['Node.js contributors', 'and the others named below'],
      licence: 'Node.js',
      text: node,
    }),
    ...packagesOf(source, major).map(ofPackage),
    paragraph({
      files: 'usr/lib/cyrus-backups/node_modules/better-sqlite3*/*.node',
      copyright: ['none: SQLite, which is built in, is in the public domain'],
      licence: 'public-domain',
      text: 'The authors of SQLite have dedicated it to the public domain.',
    }),
  ].join('\n\n')}\n`;
}

write('changelog', changelog());
write('copyright', copyright());
write('control', readFileSync(join(debian, 'control'), 'utf8').replace('@MAINTAINER@', maintainer));
