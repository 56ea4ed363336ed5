/**
 * The words of messages as another program finds them: Python's email package, html.parser and
 * unicodedata. The tests compare our text extraction with it.
 */
import { spawnSync } from 'node:child_process';

const SCRIPT = String.raw`
import email, email.policy, email.header, html.parser, json, sys, unicodedata, base64
INLINE = set('a abbr acronym b bdi bdo big cite code dfn em font i ins del kbd label mark nobr o q s samp small span strike strong sub sup tt u var wbr'.split())
HIDDEN = {'script', 'style', 'template', 'noscript', 'head'}
class Text(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.out, self.hidden = [], 0
    def handle_starttag(self, tag, attrs):
        if tag in HIDDEN: self.hidden += 1
        if tag not in INLINE: self.out.append(' ')
    def handle_startendtag(self, tag, attrs):
        if tag not in INLINE: self.out.append(' ')
    def handle_endtag(self, tag):
        if tag in HIDDEN: self.hidden = max(0, self.hidden - 1)
        if tag not in INLINE: self.out.append(' ')
    def handle_data(self, data):
        if not self.hidden: self.out.append(data)
def words(text):
    fold = lambda t: ''.join(c for c in unicodedata.normalize('NFKD', t) if unicodedata.category(c)[0] != 'M' and unicodedata.category(c) != 'Cf')
    text = fold(fold(text).upper().lower()).replace('\u03c2', '\u03c3')
    out, word = [], ''
    for c in text:
        name = unicodedata.name(c, '')
        alone = name.startswith(('CJK ', 'HIRAGANA', 'KATAKANA', 'THAI'))
        letter = unicodedata.category(c)[0] in 'LN'
        if letter and not alone: word += c
        else:
            if word: out.append(word)
            word = ''
            if letter: out.append(c)
    if word: out.append(word)
    return out
def charset(name):
    name = (name or '').strip().lower()
    return {'iso-8859-1': 'cp1252', 'latin1': 'cp1252', 'us-ascii': None, '': None, 'gb2312': 'gb18030', 'ks_c_5601-1987': 'cp949', 'shift_jis': 'cp932'}.get(name, name)
def decode(data, name):
    name = charset(name)
    if name:
        try: return data.decode(name, 'replace')
        except LookupError: pass
    try: return data.decode('utf-8')
    except UnicodeDecodeError: return data.decode('cp1252', 'replace')
def header(value):
    pieces = email.header.decode_header(value)
    out = ''
    for data, name in pieces:
        out += data if isinstance(data, str) else decode(data, name)
    return out
for line in sys.stdin:
    raw = base64.b64decode(line)
    message = email.message_from_bytes(raw, policy=email.policy.compat32)
    fields = {name: [] for name in ('from', 'to', 'cc', 'subject', 'filename', 'body')}
    def raws(part, name):
        for key, value in part._headers:
            if key.lower() == name: yield str(value).encode('ascii', 'surrogateescape')
    def text_of(value):
        value = value.replace(b'\r', b'').replace(b'\n', b'')
        try: value.decode('ascii')
        except UnicodeDecodeError: return decode(value, None)
        return header(value.decode('ascii'))
    for name in ('from', 'to', 'cc', 'subject'):
        for value in raws(message, name): fields[name] += words(text_of(value))
    def walk(part):
        name = part.get_filename()
        if name: fields['filename'] += words(header(name))
        if part.get_content_type() == 'message/rfc822' and part.is_multipart():
            for inner in part.get_payload():
                for h in ('from', 'sender', 'reply-to', 'to', 'cc', 'bcc', 'subject'):
                    for value in raws(inner, h): fields['body'] += words(text_of(value))
                walk(inner)
            return
        if part.is_multipart():
            for inner in part.get_payload(): walk(inner)
            return
        if part.get_content_maintype() != 'text': return
        text = decode(part.get_payload(decode=True) or b'', part.get_content_charset())
        if part.get_content_subtype() == 'html':
            parser = Text(); parser.feed(text); parser.close(); text = ''.join(parser.out)
        fields['body'] += words(text)
    walk(message)
    print(json.dumps({name: sorted(set(found)) for name, found in fields.items()}))
`;

export type PythonWords = Readonly<Record<'from' | 'to' | 'cc' | 'subject' | 'filename' | 'body', string[]>>;

/** Returns, for each message, the sorted words of each field as Python finds them. */
export function pythonWords(messages: readonly Buffer[]): PythonWords[] {
  const input = messages.map((message) => `${message.toString('base64')}\n`).join('');
  const result = spawnSync('python3', ['-c', SCRIPT], { input, encoding: 'utf8', maxBuffer: 1 << 30 });
  if (result.status !== 0) throw new Error(result.stderr);
  return result.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as PythonWords);
}
