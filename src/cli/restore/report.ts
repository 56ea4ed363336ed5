/**
 * restore's output:
 * - progress, on a terminal: one line, updated in place, with rate and estimated time left
 * - progress, elsewhere: one line per mailbox
 * - report, at the end: a table or JSON
 *
 * Progress and failures go to standard error, the plan and the report to standard output.
 */
import { countFailures } from '../../restore/report/outcome.ts';
import type { ItemOutcome, MailboxOutcome, UserOutcome } from '../../restore/report/outcome.ts';
import { writeJson } from '../common/json.ts';
import { textOf } from '../common/text.ts';
import type { CliIo } from '../common/io.ts';

const REFRESH_MS = 200;

export class RestoreProgress {
  readonly #io: CliIo;
  readonly #isTerminal: boolean;
  readonly #isQuiet: boolean;
  readonly #startMs = Date.now();
  #expected = 0;
  #finished = 0;
  #finishedBytes = 0;
  #shownMs = 0;
  /** Messages and bytes of the mailboxes being restored, by user and mailbox. */
  readonly #running = new Map<string, { readonly messages: number; readonly bytes: number }>();

  constructor(io: CliIo, options: { readonly isTerminal: boolean; readonly isQuiet: boolean }) {
    this.#io = io;
    this.#isTerminal = options.isTerminal;
    this.#isQuiet = options.isQuiet;
  }

  expect(messages: number): void {
    this.#expected += messages;
  }

  update(userid: string, outcome: MailboxOutcome): void {
    this.#running.set(`${userid} ${outcome.source}`, {
      messages: outcome.added + outcome.skipped,
      bytes: outcome.bytes,
    });
    if (!this.#isTerminal || Date.now() - this.#shownMs < REFRESH_MS) return;
    this.#shownMs = Date.now();
    this.#io.stderr.write(`\r\u001b[K${this.#line(userid, outcome)}`);
  }

  finish(userid: string, outcome: MailboxOutcome): void {
    this.#running.delete(`${userid} ${outcome.source}`);
    this.#finished += outcome.added + outcome.skipped;
    this.#finishedBytes += outcome.bytes;
    const clear = this.#isTerminal ? '\r\u001b[K' : '';
    for (const failure of outcome.failures) {
      this.#io.stderr.write(`${clear}restore: ${textOf(userid)}: ${textOf(outcome.source)}: ${failure}\n`);
    }
    if (this.#isQuiet) return;
    this.#io.stderr.write(`${clear}restore: ${textOf(userid)}: ${mailboxLine(outcome)}\n`);
  }

  end(): void {
    if (this.#isTerminal) this.#io.stderr.write('\r\u001b[K');
  }

  #line(userid: string, outcome: MailboxOutcome): string {
    let messages = this.#finished;
    let bytes = this.#finishedBytes;
    for (const running of this.#running.values()) {
      messages += running.messages;
      bytes += running.bytes;
    }
    const seconds = Math.max(0.1, (Date.now() - this.#startMs) / 1000);
    const left = messages > 0 ? ((this.#expected - messages) / messages) * seconds : 0;
    const rate = `${(bytes / seconds / 1e6).toFixed(1)} MB/s`;
    const count = `${messages}/${Math.max(messages, this.#expected)} messages`;
    return `${textOf(userid)} ${textOf(outcome.target)}: ${count}, ${megabytes(bytes)}, ${rate}, ${clock(left)} left`;
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

function mailboxLine(outcome: MailboxOutcome): string {
  const { source, target, isNew, added, skipped, changed, bytes } = outcome;
  const name = source === target ? textOf(source) : `${textOf(source)} -> ${textOf(target)}`;
  const parts = [
    ...(isNew ? ['created'] : []),
    `${added} added (${megabytes(bytes)})`,
    `${skipped} there already`,
    ...(changed > 0 ? [`${changed} changed`] : []),
    ...(outcome.failures.length > 0 ? [`${outcome.failures.length} failed`] : []),
    ...outcome.notes,
  ];
  return `${name}: ${parts.join(', ')}`;
}

/** Writes the report of all users. A plan (-n) is reported in the same format. */
export function writeReport(
  io: CliIo,
  users: readonly UserOutcome[],
  options: { readonly isPlan: boolean; readonly isJson: boolean; readonly withTable: boolean },
): void {
  if (options.isJson) {
    for (const user of users) writeJson(io, jsonOf(user, options.isPlan));
    return;
  }
  for (const user of users) {
    if (options.withTable) writeTable(io, user);
    for (const failure of user.failures) io.stderr.write(`restore: ${textOf(user.userid)}: ${failure}\n`);
    for (const note of user.notes) io.stderr.write(`restore: ${textOf(user.userid)}: ${textOf(note)}\n`);
    for (const item of user.items) {
      if (item.action === 'failed' || item.action === 'left out')
        io.stderr.write(`restore: ${textOf(user.userid)}: ${itemText(item)}\n`);
    }
  }
  io.stdout.write(`${summary(users, options.isPlan)}\n`);
}

function writeTable(io: CliIo, user: UserOutcome): void {
  io.stdout.write(`${textOf(user.userid)}\n`);
  const row = (cells: readonly (string | number)[]): string =>
    cells.map((cell, index) => (index === 0 ? String(cell).padEnd(8) : String(cell).padStart(8))).join('');
  io.stdout.write(`  ${row(['mailbox', 'added', 'skipped', 'changed'])}  name\n`);
  for (const outcome of user.mailboxes) {
    const { isNew, added, skipped, changed } = outcome;
    const name = textOf(outcome.target);
    const from = outcome.source === outcome.target ? '' : ` (from ${textOf(outcome.source)})`;
    io.stdout.write(`  ${row([isNew ? 'create' : 'keep', added, skipped, changed])}  ${name}${from}\n`);
    for (const note of outcome.notes) io.stdout.write(`  ${''.padEnd(34)}${note}\n`);
  }
  for (const item of user.items) io.stdout.write(`  ${itemText(item)}\n`);
}

function itemText({ kind, name, action, reason }: ItemOutcome): string {
  return `${kind} ${textOf(name)}: ${action}${reason === undefined ? '' : ` (${reason})`}`;
}

function summary(users: readonly UserOutcome[], isPlan: boolean): string {
  const mailboxes = users.flatMap((user) => user.mailboxes);
  const sum = (count: (outcome: MailboxOutcome) => number): number =>
    mailboxes.reduce((total, outcome) => total + count(outcome), 0);
  const items = users.flatMap((user) => user.items);
  const leftOut = items.filter(({ action }) => action === 'left out').length;
  const failures = users.reduce((total, user) => total + countFailures(user), 0);
  const parts = [
    `${users.length} ${users.length === 1 ? 'user' : 'users'}`,
    `${mailboxes.length} mailboxes`,
    `${sum(({ isNew }) => (isNew ? 1 : 0))} created`,
    `${sum(({ added }) => added)} messages added (${megabytes(sum(({ bytes }) => bytes))})`,
    `${sum(({ skipped }) => skipped)} skipped`,
    `${sum(({ changed }) => changed)} changed`,
    `${items.filter(({ action }) => action === 'set').length} settings`,
    ...(leftOut > 0 ? [`${leftOut} left out`] : []),
    `${failures} failed`,
  ];
  return `${isPlan ? 'would restore' : 'restored'}: ${parts.join(', ')}`;
}

function jsonOf(user: UserOutcome, isPlan: boolean): object {
  return {
    userid: textOf(user.userid),
    plan: isPlan,
    mailboxes: user.mailboxes.map((outcome) => ({
      source: textOf(outcome.source),
      target: textOf(outcome.target),
      created: outcome.isNew,
      added: outcome.added,
      skipped: outcome.skipped,
      changed: outcome.changed,
      bytes: outcome.bytes,
      failures: outcome.failures,
      notes: outcome.notes,
    })),
    items: user.items.map((item) => ({ ...item, name: textOf(item.name) })),
    failures: user.failures,
    notes: user.notes.map(textOf),
  };
}
