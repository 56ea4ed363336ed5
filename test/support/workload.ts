/**
 * What users and administrators do to a real master, chosen at random from a seed: everything that
 * replication can express. Commands that the master refuses (a folder that is gone by now, a full
 * quota) are part of life and are skipped.
 */
import type { CyrusMaster } from './cyrus.ts';
import { quoted, type ImapClient } from './imapClient.ts';
import { randomFrom } from './random.ts';

const WORDS = ['Archive', 'Work', 'Old Stuff', 'v1.2', 'Grüße', 'Lists', 'Bills', '2024'];
const FLAGS = ['\\Seen', '\\Answered', '\\Flagged', '\\Draft', '$Label1', 'NonJunk', '$Forwarded'];

type Step = (user: string) => Promise<unknown>;
type WeightedStep = readonly [name: string, weight: number, step: Step];

export class Workload {
  readonly #master: CyrusMaster;
  readonly #random: () => number;
  readonly #clients = new Map<string, ImapClient>();
  readonly #users: string[];
  readonly #steps: readonly WeightedStep[];
  readonly #weight: number;
  #number = 0;
  /** For each step, how often it was done, and how often the master refused it. */
  readonly counts = new Map<string, { done: number; refused: number }>();

  constructor(master: CyrusMaster, seed: number, users: readonly string[]) {
    this.#master = master;
    this.#random = randomFrom(seed);
    this.#users = [...users];
    this.#steps = [
      ['append', 30, (user) => this.#append(user)],
      ['flags', 15, (user) => this.#flag(user)],
      ['copy', 6, (user) => this.#transfer(user, 'UID COPY')],
      ['move', 6, (user) => this.#transfer(user, 'UID MOVE')],
      ['expunge', 8, (user) => this.#expunge(user)],
      ['create', 6, async (user) => (await this.#as(user)).command('CREATE', this.#newFolder())],
      ['rename', 4, (user) => this.#renameFolder(user)],
      ['delete', 3, async (user) => (await this.#as(user)).command('DELETE', await this.#folder(user))],
      ['acl', 3, (user) => this.#setAcl(user)],
      ['seen of another', 4, (user) => this.#readAnothers(user)],
      ['quota', 2, (user) => this.#setQuota(user)],
      ['mailbox annotation', 3, (user) => this.#annotateMailbox(user)],
      ['message annotation', 3, (user) => this.#annotateMessage(user)],
      ['sieve', 3, (user) => this.#putScript(user)],
      ['subscription', 4, (user) => this.#subscribe(user)],
      // Deleted mailboxes are not purged: a master does not report the purge if it falls into the
      // same round as the deletion.
      ['expire', 1, () => this.#master.command('cyr_expire', ['-E', '1', '-X', '0'])],
      ['unexpunge', 1, (user) => this.#master.command('unexpunge', ['-a', `user.${user}`])],
      ['user rename', 1, (user) => this.#renameUser(user)],
    ];
    this.#weight = this.#steps.reduce((sum, [, weight]) => sum + weight, 0);
  }

  /** The users, by their present names. */
  get users(): readonly string[] {
    return this.#users;
  }

  async run(untilMs: number): Promise<void> {
    while (Date.now() < untilMs) await this.step();
  }

  async step(): Promise<void> {
    let at = this.#random() * this.#weight;
    const [name, , step] = this.#steps.find(([, weight]) => (at -= weight) < 0) ?? this.#steps[0]!;
    const user = this.#oneOf(this.#users);
    const count = this.counts.get(name) ?? { done: 0, refused: 0 };
    this.counts.set(name, count);
    try {
      await step(user);
      count.done += 1;
    } catch {
      count.refused += 1;
      this.#forget(user);
    }
  }

  close(): void {
    for (const user of this.#clients.keys()) this.#forget(user);
  }

  #oneOf<T>(list: readonly T[]): T {
    const one = list[Math.floor(this.#random() * list.length)];
    if (one === undefined) throw new Error('nothing to choose from');
    return one;
  }

  async #as(user: string): Promise<ImapClient> {
    const known = this.#clients.get(user);
    if (known !== undefined) return known;
    const client = await this.#master.imap(user);
    this.#clients.set(user, client);
    return client;
  }

  #forget(user: string): void {
    this.#clients.get(user)?.close();
    this.#clients.delete(user);
  }

  async #folder(user: string): Promise<string> {
    const names = await (await this.#as(user)).list('INBOX*');
    return quoted(this.#oneOf(names));
  }

  #newFolder(): string {
    const depth = 1 + Math.floor(this.#random() * 3);
    const levels = Array.from({ length: depth }, () => this.#oneOf(WORDS));
    return quoted(`INBOX/${levels.join('/').replace('Grüße', 'Gr&APwA3w-e')}`);
  }

  #message(): Buffer {
    // One in ten is a copy of an earlier message.
    const number = this.#random() < 0.1 ? Math.floor(this.#random() * this.#number) : ++this.#number;
    const size = Math.floor(2 ** (4 + (number % 11)));
    const text = `Line of message ${number}, and nothing else.\r\n`.repeat(1 + size / 40);
    return Buffer.from(`From: Carl <carl@example.com>\r\nSubject: Number ${number}\r\n\r\n${text}`);
  }

  async #append(user: string): Promise<void> {
    const folder = (await this.#folder(user)).slice(1, -1);
    const flags = this.#random() < 0.5 ? this.#oneOf(FLAGS) : '';
    const date = new Date(1_600_000_000_000 + Math.floor(this.#random() * 1e11));
    await (await this.#as(user)).append(folder, this.#message(), { flags, date });
  }

  /** Selects a folder and returns some of its UIDs. */
  async #select(user: string): Promise<string> {
    const client = await this.#as(user);
    await client.command('SELECT', await this.#folder(user));
    const found = await client.command('UID SEARCH', 'ALL');
    const uids = found.flatMap(({ text }) => text.match(/\d+/g) ?? []);
    const first = this.#oneOf(uids);
    return this.#random() < 0.3 ? `${first}:*` : first;
  }

  async #flag(user: string): Promise<void> {
    const uids = await this.#select(user);
    const sign = this.#oneOf(['+', '-', '']);
    await (await this.#as(user)).store(uids, `${sign}FLAGS (${this.#oneOf(FLAGS)} ${this.#oneOf(FLAGS)})`);
  }

  async #transfer(user: string, verb: string): Promise<void> {
    const uids = await this.#select(user);
    await (await this.#as(user)).command(verb, uids, await this.#folder(user));
  }

  async #expunge(user: string): Promise<void> {
    const uids = await this.#select(user);
    const client = await this.#as(user);
    await client.store(uids, '+FLAGS.SILENT (\\Deleted)');
    await client.command('UID EXPUNGE', uids);
  }

  async #renameFolder(user: string): Promise<void> {
    const from = await this.#folder(user);
    if (from === '"INBOX"') return;
    await (await this.#as(user)).command('RENAME', from, this.#newFolder());
  }

  async #setAcl(user: string): Promise<void> {
    const other = this.#oneOf(this.#users);
    const rights = this.#oneOf(['lrs', 'lrswi', 'lrswipkxtecda']);
    await (await this.#as(user)).command('SETACL', await this.#folder(user), other, rights);
  }

  async #readAnothers(user: string): Promise<void> {
    const client = await this.#as(user);
    const folder = this.#oneOf(await client.list('user/*'));
    await client.select(folder);
    await client.store('1:3', '+FLAGS (\\Seen)');
  }

  async #setQuota(user: string): Promise<void> {
    const admin = await this.#master.admin();
    const limits = this.#oneOf(['()', '(STORAGE 900000)', '(STORAGE 500000 MESSAGE 90000)']);
    await admin.command('SETQUOTA', `user/${user}`, limits).finally(() => admin.close());
  }

  async #annotateMailbox(user: string): Promise<void> {
    const value = this.#random() < 0.2 ? 'NIL' : quoted(`comment ${++this.#number}`);
    const entry = this.#oneOf(['/shared/comment', '/private/comment', '/private/vendor/x/colour']);
    const folder = await this.#folder(user);
    await (await this.#as(user)).command('SETMETADATA', folder, `(${entry} ${value})`);
  }

  async #annotateMessage(user: string): Promise<void> {
    const uids = await this.#select(user);
    const value = this.#oneOf(['value.priv', 'value.shared']);
    const of = `(/comment (${value} ${quoted(`note ${++this.#number}`)}))`;
    await (await this.#as(user)).command('UID STORE', uids, 'ANNOTATION', of);
  }

  async #putScript(user: string): Promise<void> {
    const sieve = await this.#master.sieve(user);
    const name = this.#oneOf(['main', 'holiday', 'lists']);
    try {
      await sieve.put(name, `# version ${++this.#number}\r\nkeep;\r\n`);
      if (this.#random() < 0.5) await sieve.activate(this.#oneOf([name, '']));
    } finally {
      sieve.close();
    }
  }

  async #subscribe(user: string): Promise<void> {
    const verb = this.#oneOf(['SUBSCRIBE', 'SUBSCRIBE', 'UNSUBSCRIBE']);
    await (await this.#as(user)).command(verb, await this.#folder(user));
  }

  async #renameUser(user: string): Promise<void> {
    const to = `${user.replace(/-\d+$/, '')}-${++this.#number}`;
    await this.#master.addAccount(to);
    this.close();
    const admin = await this.#master.admin();
    await admin.command('RENAME', `user/${user}`, `user/${to}`).finally(() => admin.close());
    this.#users[this.#users.indexOf(user)] = to;
  }
}
