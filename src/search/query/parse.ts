/**
 * Parses a query:
 *
 *     query  = either
 *     either = all *("OR" all)
 *     all    = 1*item                       every item must match
 *     item   = ["-"] ( "(" either ")" / [name ":"] value )
 *     value  = 1*(any but space, parentheses and quotes) / DQUOTE text DQUOTE
 *
 * A value may end in `*`, which stands for the rest of its last word.
 */
import { queryError, tokensOf } from './lexer.ts';
import type { Term, Token } from './lexer.ts';
import type { Node, Query } from './syntax.ts';
import { termNode } from './terms.ts';

const DEEPEST = 50;

/** Parses a query. `nowS`: the present, in unix seconds. Throws 'usage' with the column. */
export function parseQuery(text: string, nowS: number): Query {
  const parser = new Parser(text, nowS);
  return parser.parse();
}

class Parser {
  readonly #text: string;
  readonly #nowS: number;
  readonly #tokens: readonly Token[];
  #position = 0;
  #depth = 0;
  #at: number | undefined;

  constructor(text: string, nowS: number) {
    this.#text = text;
    this.#nowS = nowS;
    this.#tokens = tokensOf(text);
  }

  parse(): Query {
    const root: Node = this.#tokens.length === 0 ? { kind: 'and', nodes: [] } : this.#either();
    const rest = this.#tokens[this.#position];
    if (rest !== undefined)
      throw queryError(this.#text, rest.column, 'a closing parenthesis without an opening one');
    return { root, at: this.#at };
  }

  #either(): Node {
    const nodes = [this.#all()];
    while (this.#take('OR') !== undefined) nodes.push(this.#all());
    return nodes.length === 1 ? (nodes[0] as Node) : { kind: 'or', nodes };
  }

  #all(): Node {
    const nodes: Node[] = [];
    const start = this.#tokens[this.#position];
    for (let token = start; token !== undefined; token = this.#tokens[this.#position]) {
      if (token.kind === ')' || token.kind === 'OR') break;
      const node = this.#item();
      if (node !== undefined) nodes.push(node);
    }
    if (this.#tokens[this.#position] === start) {
      throw queryError(this.#text, start?.column ?? this.#text.length + 1, 'a word is missing');
    }
    return nodes.length === 1 ? (nodes[0] as Node) : { kind: 'and', nodes };
  }

  /** Returns undefined for `at:`, which is about the whole query. */
  #item(): Node | undefined {
    const minus = this.#take('-');
    const open = this.#take('(');
    if (open !== undefined) return negatedIf(minus !== undefined, this.#group(open));
    const token = this.#tokens[this.#position];
    if (token?.kind !== 'term') {
      throw queryError(this.#text, token?.column ?? this.#text.length + 1, 'a word is missing');
    }
    this.#position += 1;
    if (token.name === 'at') return this.#setTime(token, minus !== undefined || this.#depth > 0);
    return negatedIf(minus !== undefined, termNode(token, this.#text, this.#nowS));
  }

  #group(open: Token): Node {
    this.#depth += 1;
    if (this.#depth > DEEPEST) {
      throw queryError(this.#text, open.column, `parentheses are nested more than ${DEEPEST} deep`);
    }
    const node = this.#either();
    if (this.#take(')') === undefined)
      throw queryError(this.#text, open.column, 'this parenthesis is not closed');
    this.#depth -= 1;
    return node;
  }

  #setTime(token: Term, isNested: boolean): undefined {
    if (isNested || this.#at !== undefined) {
      throw queryError(
        this.#text,
        token.column,
        'at: applies to the whole query: write it once, outside parentheses',
      );
    }
    const node = termNode(token, this.#text, this.#nowS);
    this.#at = node.kind === 'date' ? node.from : undefined;
    return undefined;
  }

  #take(kind: Token['kind']): Token | undefined {
    const token = this.#tokens[this.#position];
    if (token?.kind !== kind) return undefined;
    this.#position += 1;
    return token;
  }
}

function negatedIf(isNegated: boolean, node: Node): Node {
  return isNegated ? { kind: 'not', node } : node;
}
