/**
 * One connection to a StrictImap: its commands (RFC 3501 with LITERAL+ and UIDPLUS), and the faults
 * in each.
 */
import type { SocketReader } from './socketReader.ts';
import type { StrictImap, StrictMessage } from './strictImap.ts';

const SYSTEM = '\\Answered \\Flagged \\Deleted \\Seen \\Draft';

export class StrictSession {
  readonly #state: StrictImap;
  readonly #reader: SocketReader;
  #selected: StrictMessage[] = [];
  #appends = 0;

  constructor(state: StrictImap, reader: SocketReader) {
    this.#state = state;
    this.#reader = reader;
  }

  async run(): Promise<void> {
    const { faults } = this.#state;
    if (faults.silentAt === 'GREETING') return;
    await this.#say('* OK [CAPABILITY IMAP4rev1 LITERAL+ UIDPLUS] strict');
    for (;;) {
      const { line, literals } = await this.#command();
      this.#state.commands.push(line);
      const [tag = '', ...words] = line.split(' ');
      const isUid = words[0]?.toUpperCase() === 'UID';
      const name = (isUid ? words[1] : words[0])?.toUpperCase() ?? '';
      if (faults.silentAt === name) return;
      const answer = await this.#answer(name, words.slice(isUid ? 2 : 1).join(' '), literals);
      if (answer === undefined) {
        this.#reader.socket.destroy();
        return;
      }
      await this.#say(`${tag} ${answer}`);
      if (name === 'LOGOUT') {
        this.#reader.socket.end();
        return;
      }
    }
  }

  async #command(): Promise<{ line: string; literals: Buffer[] }> {
    const literals: Buffer[] = [];
    let line = '';
    for (;;) {
      const piece = await this.#reader.line();
      line += piece;
      const literal = /\{(\d+)(\+?)\}$/.exec(piece);
      if (literal === null) return { line, literals };
      if (literal[2] === '') await this.#say('+ go on');
      literals.push(await this.#reader.bytes(Number(literal[1])));
    }
  }

  async #say(line: string | Buffer): Promise<void> {
    await this.#reader.send(line, '\r\n');
  }

  async #answer(name: string, rest: string, literals: readonly Buffer[]): Promise<string | undefined> {
    switch (name) {
      case 'LIST':
      case 'LSUB':
        return this.#list(name, rest);
      case 'CREATE':
        return this.#create(unquoted(rest));
      case 'SELECT':
      case 'EXAMINE':
        return this.#select(unquoted(rest), name === 'SELECT');
      case 'FETCH':
        return this.#fetch(rest);
      case 'STORE':
        return this.#store(rest);
      case 'APPEND':
        return this.#append(rest, literals[0] ?? Buffer.alloc(0));
      case 'SUBSCRIBE':
        this.#state.subscribed.add(unquoted(rest));
        return 'OK done';
      case 'CAPABILITY':
        await this.#say('* CAPABILITY IMAP4rev1 LITERAL+ UIDPLUS');
        return 'OK done';
      default:
        return ['LOGIN', 'NOOP', 'ID', 'ENABLE', 'CLOSE', 'UNSELECT', 'LOGOUT'].includes(name)
          ? 'OK done'
          : 'BAD unknown command';
    }
  }

  async #list(name: string, rest: string): Promise<string> {
    const { faults, folders, subscribed } = this.#state;
    const delimiter = faults.delimiter === undefined ? '/' : faults.delimiter;
    const printed = delimiter === null ? 'NIL' : `"${delimiter}"`;
    if (rest === '"" ""') {
      await this.#say(`* ${name} (\\Noselect) ${printed} ""`);
      return 'OK done';
    }
    const pattern = unquoted(rest.slice(rest.indexOf(' ') + 1));
    for (const path of name === 'LSUB' ? subscribed : folders.keys()) {
      if (pattern === '*' || pattern === path)
        await this.#say(`* ${name} (${faults.listFlags?.(path) ?? ''}) ${printed} "${path}"`);
    }
    return 'OK done';
  }

  #find(path: string): [string, StrictMessage[]] | undefined {
    const isBlind = this.#state.faults.isCaseBlind === true;
    return [...this.#state.folders].find(([name]) =>
      isBlind || name === 'INBOX' ? name.toUpperCase() === path.toUpperCase() : name === path,
    );
  }

  #create(path: string): string {
    if (this.#find(path) !== undefined) return 'NO [ALREADYEXISTS] it is there';
    const why = this.#state.faults.refusesFolder?.(path);
    if (why !== undefined) return why;
    this.#state.folders.set(path, []);
    return 'OK made';
  }

  async #select(path: string, isWritable: boolean): Promise<string> {
    const found = this.#find(path);
    if (found === undefined) return 'NO [NONEXISTENT] no such folder';
    this.#selected = found[1];
    const keywords = this.#state.faults.keywords ?? ' \\*';
    await this.#say(`* ${this.#selected.length} EXISTS`);
    await this.#say('* OK [UIDVALIDITY 7] valid');
    await this.#say(`* OK [UIDNEXT ${(this.#selected.at(-1)?.uid ?? 0) + 1}] next`);
    await this.#say(`* FLAGS (${SYSTEM})`);
    await this.#say(`* OK [PERMANENTFLAGS (${isWritable ? SYSTEM + keywords : ''})] kept`);
    return `OK [${isWritable ? 'READ-WRITE' : 'READ-ONLY'}] selected`;
  }

  async #fetch(rest: string): Promise<string> {
    const [set = '', ...items] = rest.split(' ');
    const hasBody = items.join(' ').includes('BODY');
    for (const [index, message] of this.#selected.entries()) {
      if (!inSet(set, message.uid, this.#selected.at(-1)?.uid ?? 0)) continue;
      if (hasBody && this.#state.faults.unreadable?.has(message.uid) === true)
        return 'NO [SERVERBUG] the message is damaged';
      const size = this.#state.faults.reportedSize?.(message.bytes) ?? message.bytes.length;
      const id = [...message.bytes.toString('latin1').matchAll(/^message-id: *(\S+)/gim)].at(-1)?.[1];
      const envelope = `ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL ${id === undefined ? 'NIL' : `"${id}"`})`;
      const about = `UID ${message.uid} FLAGS (${message.flags.join(' ')}) INTERNALDATE "${message.date}" RFC822.SIZE ${size}`;
      if (!hasBody) {
        await this.#say(`* ${index + 1} FETCH (${about} ${envelope})`);
        continue;
      }
      this.#state.fetchedBodies += 1;
      await this.#say(`* ${index + 1} FETCH (${about} BODY[] {${message.bytes.length}}`);
      await this.#reader.send(message.bytes, ')\r\n');
    }
    return 'OK fetched';
  }

  async #store(rest: string): Promise<string> {
    const [set = '', what = '', ...list] = rest.split(' ');
    const flags = flagsIn(list.join(' '));
    const refusal = this.#refusal(flags);
    if (refusal !== undefined) return refusal;
    for (const [index, message] of this.#selected.entries()) {
      if (!inSet(set, message.uid, 0)) continue;
      message.flags = what.startsWith('+') ? [...new Set([...message.flags, ...flags])] : flags;
      await this.#say(`* ${index + 1} FETCH (UID ${message.uid} FLAGS (${message.flags.join(' ')}))`);
    }
    return 'OK stored';
  }

  async #append(rest: string, bytes: Buffer): Promise<string | undefined> {
    const { faults } = this.#state;
    const match = /^("(?:[^"\\]|\\.)*"|\S+) (?:\(([^)]*)\) )?(?:"([^"]*)" )?\{/.exec(rest);
    const found = this.#find(unquoted(match?.[1] ?? ''));
    this.#appends += 1;
    if (faults.appendsAConnection !== undefined && this.#appends > faults.appendsAConnection) {
      await this.#say('* BYE too many');
      return undefined;
    }
    const drop = faults.dropsAt?.(bytes);
    if (drop === 'before') return undefined;
    if (found === undefined) return 'NO [TRYCREATE] no such folder';
    const flags = flagsIn(match?.[2] ?? '');
    const refusal = this.#refusal(flags);
    if (refusal !== undefined) return refusal;
    const date = faults.ignoresDate === true ? undefined : match?.[3];
    const kept = flags.filter((flag) => faults.forgetsKeyword?.(flag) !== true);
    this.#state.put(found[0], faults.stored?.(bytes) ?? bytes, kept, date);
    if (drop === 'after') return undefined;
    const uid = found[1].at(-1)?.uid ?? 0;
    if (this.#selected === found[1]) await this.#say(`* ${found[1].length} EXISTS`);
    return `OK [APPENDUID 7 ${uid}] appended`;
  }

  #refusal(flags: readonly string[]): string | undefined {
    const system = new Set(SYSTEM.toLowerCase().split(' '));
    const odd = flags.find((flag) => flag.startsWith('\\') && !system.has(flag.toLowerCase()));
    if (odd !== undefined) return `BAD invalid system flag ${odd}`;
    const keywords = flags.filter((flag) => !flag.startsWith('\\'));
    return keywords
      .map((keyword) => this.#state.faults.refusesKeyword?.(keyword))
      .find((why) => why !== undefined);
  }
}

function flagsIn(text: string): string[] {
  return text
    .replaceAll(/[()]/g, '')
    .split(' ')
    .filter((flag) => flag !== '');
}

function unquoted(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replaceAll(/\\(.)/g, '$1') : text;
}

function inSet(set: string, uid: number, last: number): boolean {
  return set.split(',').some((range) => {
    const [from = '', to = from] = range.split(':');
    const number = (text: string): number => (text === '*' ? last : Number(text));
    const [low, high] = [number(from), number(to)].toSorted((a, b) => a - b) as [number, number];
    return uid >= low && uid <= high;
  });
}
