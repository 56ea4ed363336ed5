/** The syntax tree of a query. */
import type { Field } from '../text/messageText.ts';

/** A word or phrase, folded. With `isPrefix` the last word may go on. */
export interface TextTerm {
  readonly kind: 'text';
  /** undefined: any field. */
  readonly field: Field | undefined;
  /** At least one. */
  readonly words: readonly string[];
  readonly isPrefix: boolean;
}

/** A property of a record, which the index of the backup knows. */
export type RecordTerm =
  | { readonly kind: 'mailbox'; readonly pattern: RegExp }
  | { readonly kind: 'flag'; readonly flag: string }
  | { readonly kind: 'deleted'; readonly isDeleted: boolean }
  | { readonly kind: 'size'; readonly isLarger: boolean; readonly bytes: number }
  /** INTERNALDATE is in [from, before), in unix seconds. */
  | { readonly kind: 'date'; readonly from: number; readonly before: number }
  /** A GUID, or a Message-ID. */
  | { readonly kind: 'guid'; readonly guid: string };

export type Node =
  | TextTerm
  | RecordTerm
  | { readonly kind: 'messageId'; readonly id: string }
  | { readonly kind: 'attachment' }
  | { readonly kind: 'and' | 'or'; readonly nodes: readonly Node[] }
  | { readonly kind: 'not'; readonly node: Node };

export interface Query {
  /** An empty `and` matches everything. */
  readonly root: Node;
  /** Unix seconds: searches the mail as it was then. undefined: all that the backup holds. */
  readonly at: number | undefined;
}
