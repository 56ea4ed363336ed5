/** The folded words of a message: what the search index stores and what the check compares. */
import type { DocumentWords } from '../store/searchIndex.ts';
import { foldWords } from './fold.ts';
import type { Field, MessageText } from './messageText.ts';

const SEPARATOR = '\n';

/** Returns the words of texts, each between spaces. A phrase does not extend across texts. */
export function joinWords(texts: readonly string[]): string {
  return texts.map((text) => ` ${foldWords(text)} `).join(SEPARATOR);
}

/** Returns what the search index stores of a message. */
export function documentWords(guid: string, text: MessageText, withBody: boolean): DocumentWords {
  const words = (field: Field): string => joinWords(text.fields[field]);
  return {
    guid,
    head: {
      sender: words('from'),
      recipient: words('to'),
      copy: words('cc'),
      subject: words('subject'),
      list: words('list'),
      filename: words('filename'),
      id: joinWords(text.messageIds),
    },
    body: withBody ? words('body') : '',
    hasAttachment: text.hasAttachment,
    isCut: text.isCut,
  };
}
