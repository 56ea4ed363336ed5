/** The query language: what is understood, and how a mistake is reported. */
import { expect } from 'chai';
import { parseQuery } from '../../../src/search/query/parse.ts';
import type { Node } from '../../../src/search/query/syntax.ts';
import { BackupError } from '../../../src/errors.ts';

const NOW = 1_795_000_000;

/** A query's tree in a short form. */
function shown(node: Node): string {
  switch (node.kind) {
    case 'text':
      return `${node.field === undefined ? '' : `${node.field}:`}${node.words.join('_')}${node.isPrefix ? '*' : ''}`;
    case 'and':
    case 'or':
      return `(${node.nodes.map(shown).join(node.kind === 'and' ? ' & ' : ' | ')})`;
    case 'not':
      return `!${shown(node.node)}`;
    case 'date':
      return `date[${node.from},${node.before})`;
    case 'size':
      return `${node.isLarger ? '>' : '<'}${node.bytes}`;
    case 'mailbox':
      return `in:${node.pattern.source.replaceAll(String.raw`\/`, '/')}`;
    case 'flag':
      return `flag:${node.flag}`;
    case 'deleted':
      return node.isDeleted ? 'deleted' : 'living';
    case 'guid':
      return `guid:${node.guid}`;
    case 'messageId':
      return `id:${node.id}`;
    default:
      return node.kind;
  }
}

const parsed = (query: string): string => shown(parseQuery(query, NOW).root);

const MEANINGS: readonly (readonly [query: string, tree: string])[] = [
  ['', '()'],
  ['Café', 'cafe'],
  ['two words', '(two & words)'],
  ['"a Phrase"', 'a_phrase'],
  ['-spam ham', '(!spam & ham)'],
  ['a b OR c', '((a & b) | c)'],
  ['a (b OR c)', '(a & (b | c))'],
  ['-(a OR b)', '!(a | b)'],
  ['or', 'or'],
  ['inv*', 'inv*'],
  ['"new inv"*', 'new_inv*'],
  ['from:Anne', 'from:anne'],
  ['FROM:"Anne B"', 'from:anne_b'],
  ['from:anne@example.com', 'from:anne_example_com'],
  ['a-b', 'a_b'],
  ['http://example.com/x', 'http_example_com_x'],
  ['"12:30"', '12_30'],
  ['id:<1@example.com>', 'id:1@example.com'],
  [`id:${'AB'.repeat(20)}`, `guid:${'ab'.repeat(20)}`],
  ['in:Archive/20%', 'in:^Archive/20[^/]*$'],
  ['in:"Sent Items"', 'in:^Sent Items$'],
  ['in:Archive*', 'in:^Archive.*$'],
  [String.raw`flag:\Seen`, String.raw`flag:\seen`],
  ['is:deleted', 'deleted'],
  ['is:living', 'living'],
  ['has:attachment', 'attachment'],
  ['larger:10k', '>10240'],
  ['smaller:1M', '<1048576'],
  ['after:@100', 'date[100,Infinity)'],
  ['before:@100', 'date[-Infinity,100)'],
  ['東京', '東_京'],
];

const MISTAKES: readonly (readonly [query: string, reason: RegExp, column: number])[] = [
  ['"open', /not closed/, 1],
  ['a (b', /parenthesis is not closed/, 3],
  ['a b)', /without an opening/, 4],
  ['OR a', /word is missing/, 1],
  ['a OR', /word is missing/, 5],
  ['()', /word is missing/, 2],
  ['frm:anne', /frm: is no field .*from/, 1],
  ['a from:', /from: has no value/, 3],
  ['is:lost', /is: takes living or deleted, not "lost"/, 1],
  ['has:x', /has: takes attachment/, 1],
  ['larger:big', /"big" is no size .*10k/, 1],
  ['before:sometime', /"sometime" is no time/, 1],
  ['a ---', /word is missing/, 4],
  ['a ..', /no letter or digit/, 3],
  ['(at:yesterday)', /once, outside parentheses/, 2],
  ['at:@1 at:@2', /once, outside parentheses/, 7],
  [`${'('.repeat(60)}a`, /nested more than 50 deep/, 51],
];

describe('the query language', () => {
  for (const [query, tree] of MEANINGS) {
    it(`${JSON.stringify(query)} means ${tree}`, () => expect(parsed(query)).to.equal(tree));
  }

  it('at: is about the whole query', () => {
    expect(parseQuery('a at:@1700000000', NOW)).to.deep.include({ at: 1_700_000_000 });
    expect(parseQuery('a', NOW).at).to.equal(undefined);
  });

  it('on: is the local day of a time', () => {
    const node = parseQuery('on:2026-11-20', NOW).root;
    if (node.kind !== 'date') throw new Error(node.kind);
    expect(new Date(node.from * 1000).getHours()).to.equal(0);
    expect(new Date(node.before * 1000).getDate()).to.equal(21);
  });

  for (const [query, reason, column] of MISTAKES) {
    it(`${JSON.stringify(query.slice(0, 20))} is a mistake at column ${column}`, () => {
      expect(() => parseQuery(query, NOW))
        .to.throw(BackupError, reason)
        .with.property('message')
        .that.includes(`at column ${column} of`);
    });
  }

  it('a query of over 4096 characters is refused', () => {
    expect(() => parseQuery('a '.repeat(3000), NOW)).to.throw(BackupError, /longer than 4096/);
  });
});
