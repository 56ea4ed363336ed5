/**
 * Decides whether a message matches: by its record as far as that goes, then by its text. Returns
 * undefined where the text is needed and not given.
 */
import { joinWords } from '../text/words.ts';
import { FIELDS } from '../text/messageText.ts';
import type { Field, MessageText } from '../text/messageText.ts';
import type { Node, RecordTerm, TextTerm } from './syntax.ts';

/** The properties of a record that a query can ask for. */
export interface RecordFacts {
  readonly guid: string;
  /** The mailbox as text, with slashes between levels. */
  readonly mailbox: string;
  /** In lower case, with the backslash of system flags. */
  readonly flags: readonly string[];
  readonly isDeleted: boolean;
  readonly sizeBytes: number;
  /** Unix seconds. */
  readonly internalDate: number;
}

export function matches(node: Node, record: RecordFacts, text?: FoldedText): boolean | undefined {
  switch (node.kind) {
    case 'and':
    case 'or':
      return combined(node.nodes, node.kind === 'or', record, text);
    case 'not': {
      const inner = matches(node.node, record, text);
      return inner === undefined ? undefined : !inner;
    }
    case 'text':
      return text?.holds(node);
    case 'attachment':
      return text?.hasAttachment;
    case 'messageId':
      return text?.hasId(node.id);
    default:
      return matchesRecord(node, record);
  }
}

/** `decisive`: the result of a node that decides the whole. */
function combined(
  nodes: readonly Node[],
  decisive: boolean,
  record: RecordFacts,
  text: FoldedText | undefined,
): boolean | undefined {
  let isKnown = true;
  for (const node of nodes) {
    const result = matches(node, record, text);
    if (result === decisive) return decisive;
    isKnown &&= result !== undefined;
  }
  return isKnown ? !decisive : undefined;
}

function matchesRecord(term: RecordTerm, record: RecordFacts): boolean {
  switch (term.kind) {
    case 'mailbox':
      return term.pattern.test(record.mailbox);
    case 'flag':
      return record.flags.some((flag) => flag === term.flag || flag === `\\${term.flag}`);
    case 'deleted':
      return record.isDeleted === term.isDeleted;
    case 'size':
      return term.isLarger ? record.sizeBytes > term.bytes : record.sizeBytes < term.bytes;
    case 'date':
      return record.internalDate >= term.from && record.internalDate < term.before;
    default:
      return record.guid === term.guid;
  }
}

/** The text of a message, each field folded once and when it is first needed. */
export class FoldedText {
  readonly #text: MessageText;
  readonly #folded = new Map<Field, string>();

  constructor(text: MessageText) {
    this.#text = text;
  }

  get hasAttachment(): boolean {
    return this.#text.hasAttachment;
  }

  hasId(id: string): boolean {
    const wanted = id.toLowerCase();
    return this.#text.messageIds.some((each) => each.toLowerCase() === wanted);
  }

  holds({ field, words, isPrefix }: TextTerm): boolean {
    const phrase = ` ${words.join(' ')}${isPrefix ? '' : ' '}`;
    return (field === undefined ? FIELDS : [field]).some((each) => this.#words(each).includes(phrase));
  }

  #words(field: Field): string {
    let words = this.#folded.get(field);
    if (words === undefined) this.#folded.set(field, (words = joinWords(this.#text.fields[field])));
    return words;
  }
}
