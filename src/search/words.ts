/** The folded words of a message's text: what the search index stores, and what the check compares. */
import type { DocumentWords } from './store/searchIndex.ts';
import { foldWords } from './text/fold.ts';
import type { Field, MessageText } from './text/messageText.ts';

const SEPARATOR = '\n';

/** Returns the words of texts, each between spaces; a phrase does not reach from one text into the next. */
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
