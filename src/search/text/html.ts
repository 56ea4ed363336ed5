/** The text of an HTML document as a reader sees it: no tags, no scripts, no styles. */
import { Parser } from 'htmlparser2';

const HIDDEN = new Set(['script', 'style', 'template', 'noscript', 'head']);
/** Elements that may stand in the middle of a word. All others part words. */
const INLINE = new Set(
  'a abbr acronym b bdi bdo big cite code dfn em font i ins del kbd label mark nobr o q s samp small span strike strong sub sup tt u var wbr'.split(
    ' ',
  ),
);

/** Returns the text. Never throws; unclosed and misplaced tags are read as browsers do. */
export function htmlText(html: string): string {
  const pieces: string[] = [];
  let hidden = 0;
  const parser = new Parser(
    {
      onopentag(name) {
        if (HIDDEN.has(name)) hidden += 1;
        if (!INLINE.has(name)) pieces.push(' ');
      },
      ontext(text) {
        if (hidden === 0) pieces.push(text);
      },
      onclosetag(name) {
        if (HIDDEN.has(name)) hidden -= 1;
        if (!INLINE.has(name)) pieces.push(' ');
      },
    },
    { decodeEntities: true, lowerCaseTags: true },
  );
  parser.end(html);
  return pieces.join('');
}
