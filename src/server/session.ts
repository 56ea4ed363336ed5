/**
 * One connection's session: greeting and login (greeting.ts), compression, then commands until
 * EXIT.
 *
 * Whatever a peer sends, at most the current command fails. If the framing of commands is lost,
 * only this connection ends. However a session ends, it releases everything it holds: locks, staged
 * messages, memory.
 *
 * Over 300 lines because all of that is released in one place.
 */
import { BackupError, messageOf } from '../errors.ts';
import type { EventName, FieldsOf } from '../logging/events.ts';
import { FramingError } from '../protocol/framing.ts';
import { readWireCommand } from '../protocol/driver.ts';
import type { WireCommand } from '../protocol/grammar.ts';
import { takesDlist } from '../protocol/grammar.ts';
import { preAuthLimits } from '../protocol/limits.ts';
import { missingArgument, refusal, responses } from '../protocol/responses.ts';
import { AskedFor } from './askedFor.ts';
import type { Channel } from './connection/channel.ts';
import type { CommandContext } from './commands/context.ts';
import { commands } from './commands/table.ts';
import { Greeting } from './greeting.ts';
import type { Outcome } from './greeting.ts';
import type { Share } from './limits/memory.ts';
import { OpenBackups } from './openBackups.ts';
import type { ServerOptions } from './options.ts';
import { hostNameOf } from './limits/hostLimits.ts';
import { SessionTimeouts } from './limits/sessionTimeouts.ts';
import { MasterSeen } from './masterSeen.ts';
import { Rounds } from './rounds.ts';
import { Uploads } from './uploads.ts';
import { Turns } from './limits/turns.ts';
import type { Upload } from './uploads.ts';
import { Telemetry } from './connection/telemetry.ts';
import { brokenTls } from './tls/tls.ts';

/** How long a peer may take to read an answer when the server stops. */
const STOP_WRITE_TIMEOUT_MS = 2000;
/** Room for keys in addition to a script, which has the limit of a literal. */
const KEPT_BESIDE_BYTES = 64 * 1024;
/** A client needs three or four commands to log in. */
const MOST_COMMANDS_BEFORE_LOGIN = 50;

export class Session {
  readonly #channel: Channel;
  readonly #options: ServerOptions;
  readonly #isTlsFromStart: boolean;
  readonly #backups: OpenBackups;
  readonly #staged: Uploads;
  readonly #context: CommandContext;
  readonly #greeting: Greeting;
  readonly #rounds: Rounds;
  readonly #master: MasterSeen;
  #upload: Upload | null = null;
  #isStopping = false;
  /** The number of untagged lines sent. */
  #sentCount = 0;
  readonly #patience: SessionTimeouts;
  readonly #turns = new Turns();
  readonly #memory: Share;
  readonly #endHold: () => void;
  /** The release of locks that started because of idleness. The next command waits for it. */
  #releasing: Promise<void> = Promise.resolve();
  readonly #counts = { commands: 0, refused: 0, messages: 0, bytes: 0 };

  constructor(channel: Channel, options: ServerOptions, isTlsFromStart = false) {
    this.#channel = channel;
    this.#isTlsFromStart = isTlsFromStart;
    this.#options = options;
    this.#patience = new SessionTimeouts(options, {
      release: () => {
        this.#releasing = this.#safely(this.#backups.release());
      },
      hangUp: (why) => {
        this.#log('timeout', { reason: why });
        channel.destroy();
      },
    });
    this.#master = new MasterSeen(hostNameOf(channel.address), options.status);
    this.#greeting = new Greeting(channel, options, (work) => this.#patience.waiting(work));
    this.#rounds = new Rounds({
      log: {
        synced: (fields) => this.#log('sync', fields),
        failed: (fields) => this.#log('sync-failed', fields),
      },
      status: options.status,
      host: hostNameOf(channel.address),
      missingOf: (userid) => this.#backups.missingCountOf(userid),
      ended: (userid, beganS) => this.#watchLosses(userid, beganS),
    });
    this.#backups = new OpenBackups(options.catalog, options.backups, {
      disk: options.disk,
      notice: (reason) => this.#log('notice', { reason }),
      names: (userid) => this.#rounds.names(userid),
      renamed: (from, to) => this.#rounds.renamed(from, to),
    });
    this.#staged = new Uploads({
      directory: options.backups.stagingDirectory,
      memoryBytes: options.stagingMemoryBytes,
      level: options.backups.compressionLevel,
      shared: {
        take: (bytes) => options.memory.takeForStaging(bytes),
        give: (bytes) => options.memory.give(bytes),
      },
    });
    this.#memory = options.memory.share(() => {
      this.#log('memory-taken', {});
      channel.destroy();
    });
    this.#endHold = options.disk.hold(() => this.#staged.stagedBytes);
    this.#context = {
      backups: this.#backups,
      staged: this.#staged,
      rounds: this.#rounds,
      resending: new Set(),
      now: () => Math.floor(Date.now() / 1000),
      asked: new AskedFor(),
      keptBytes: options.limits.literalBytes + KEPT_BESIDE_BYTES,
      turn: this.#turns.turn,
      send: (text) => {
        this.#sentCount += 1;
        return channel.write(text);
      },
      log: (event, fields) => this.#log(event, fields),
    };
  }

  #watchLosses(userid: string, beganS: number): void {
    const index = this.#backups.indexOf(userid);
    if (index !== undefined)
      this.#options.alarms?.roundEnded(userid, index, { beganS, nowS: this.#context.now() });
  }

  /** Runs until the connection ends. Never rejects. */
  async run(): Promise<void> {
    this.#log('connected', {});
    try {
      let outcome = await this.#greeting.greet(this.#isTlsFromStart);
      while (outcome === 'next') outcome = await this.#turn();
    } catch (error) {
      if (!(error instanceof BackupError)) {
        this.#log('bug', { reason: (error as Error).stack ?? messageOf(error) });
      } else {
        const reason = error.kind === 'closed' ? brokenTls(error.cause) : error.message;
        if (reason !== null) this.#log('connection-lost', { reason });
      }
    } finally {
      this.#patience.end();
      await this.#end();
    }
  }

  /** The logged-in user, or null. */
  get user(): string | null {
    return this.#greeting.user;
  }

  /** Undefined for a unix socket. */
  get address(): string | undefined {
    return this.#channel.address;
  }

  /**
   * Ends the session at once. Use this only for a session without a login whose place another
   * connection needs.
   */
  evict(): void {
    this.#channel.destroy();
  }

  /**
   * Finishes the current command, then says goodbye. A command that has not fully arrived is
   * dropped: without an answer, the peer was promised nothing.
   */
  stop(): void {
    this.#isStopping = true;
    this.#channel.limitWrites(STOP_WRITE_TIMEOUT_MS);
    if (!this.#patience.isWaiting) return;
    // Before the login, a handshake may be in progress, which text would disturb.
    if (this.user === null) this.#channel.destroy();
    else void this.#sayGoodbye().catch(() => this.#channel.destroy());
  }

  async #sayGoodbye(): Promise<void> {
    await this.#answer(responses.shuttingDown);
    await this.#channel.close();
  }

  /** Handles one command. Throws if the session cannot continue with another one. */
  async #turn(): Promise<Outcome> {
    if (this.#isStopping) {
      await this.#answer(responses.shuttingDown);
      return 'end';
    }
    const started = process.hrtime.bigint();
    let command: WireCommand | null = null;
    try {
      command = await this.#read();
      if (command === null) return 'end';
      this.#counts.commands += 1;
      if (this.#greeting.user === null && this.#counts.commands > MOST_COMMANDS_BEFORE_LOGIN) {
        this.#log('too-many-commands', {});
        return 'end';
      }
      return await this.#dispatch(command);
    } catch (error) {
      await this.#refuse(error);
      return 'next';
    } finally {
      this.#upload?.abort();
      this.#upload = null;
      this.#turns.end();
      this.#memory.release();
      this.#rounds.commandEnds();
      if (command !== null) this.#logCommand(command, started);
    }
  }

  async #read(): Promise<WireCommand | null> {
    const { limits, idleTimeoutMs, disk } = this.#options;
    const { source } = this.#channel;
    try {
      const waitedFrom = performance.now();
      await this.#patience.waiting(() => source.waitForInput(), idleTimeoutMs);
      this.#master.waited(performance.now() - waitedFrom);
      this.#rounds.commandBegins();
      await this.#turns.begin();
      return await this.#patience.waiting(() =>
        readWireCommand(source, this.#greeting.user === null ? preAuthLimits : limits, {
          onFile: async (file, source) => {
            this.#patience.again();
            disk.takeMessage(file.size);
            this.#upload ??= this.#staged.begin();
            await this.#upload.add(file, source);
            this.#counts.messages += 1;
            this.#counts.bytes += file.size;
          },
          turn: this.#turns.turn,
          hold: (bytes) => this.#memory.hold(bytes + this.#staged.entriesBytes),
          onSynchronizingLiteral: () => {
            void this.#answer(responses.goAhead).catch(() => this.#channel.destroy());
          },
        }),
      );
    } finally {
      this.#memory.isWhole();
      await this.#releasing;
    }
  }

  async #dispatch(command: WireCommand): Promise<Outcome> {
    const { verb, args } = command;
    if (verb === '') return this.#say(responses.nullCommand);
    if (verb === 'EXIT' || verb === 'LOGOUT') return this.#exit();
    if (verb === 'STARTTLS') return this.#greeting.startTls(args);
    if (verb === 'AUTHENTICATE') return this.#logIn(args);
    if (verb === 'COMPRESS') return this.#compress(args);
    if (verb === 'NOOP') return this.#say(responses.noop);
    if (this.#greeting.user === null) return this.#say(responses.notAuthenticated);
    if (verb === 'RESTART') {
      this.#master.restarts();
      await this.#release();
      return this.#say(responses.restarting);
    }
    if (!takesDlist(verb)) return this.#say(responses.unrecognized);
    await this.#run(command);
    return this.#say(responses.success);
  }

  async #logIn(args: readonly string[]): Promise<Outcome> {
    const before = this.user;
    const outcome = await this.#greeting.authenticate(args);
    if (before !== null || this.user === null) return outcome;
    this.#patience.loggedIn();
    this.#master.loggedIn();
    const telemetry = Telemetry.begin(this.#options.telemetryDirectory, this.user, (error) =>
      this.#log('telemetry-failed', { reason: error.message }),
    );
    if (telemetry !== null) this.#channel.watch(telemetry);
    return outcome;
  }

  async #run({ verb, name, value }: WireCommand): Promise<void> {
    const words = `${verb} ${(name ?? '').replace(/^LOCAL_/, '')}`;
    if (words === 'APPLY MESSAGE') {
      const upload = this.#upload;
      this.#upload = null;
      if (upload !== null) await this.#staged.take(upload);
      if (Array.isArray(value) && value.includes(null)) this.#context.asked.sentNil();
      return;
    }
    const run = commands.get(words);
    if (run === undefined) throw new BackupError('unknown-command', `${verb} ${name} is not served`);
    const sent = this.#sentCount;
    const hasAnswered = (): boolean => this.#sentCount > sent;
    await this.#backups.withSoundIndexes(() => run(this.#context, value ?? null), hasAnswered);
  }

  async #compress(args: readonly string[]): Promise<Outcome> {
    if (args[0]?.toUpperCase() !== 'DEFLATE' || args.length > 1) {
      return this.#say(args.length === 0 ? missingArgument('COMPRESS') : 'NO Unknown COMPRESS algorithm\r\n');
    }
    if (this.#greeting.user === null) return this.#say(responses.notAuthenticated);
    if (this.#channel.isCompressed) return this.#say('NO DEFLATE is active already\r\n');
    await this.#answer(responses.deflateActive);
    this.#channel.startCompression();
    return 'next';
  }

  /** Releases the locks before the answer, so that the next connection does not find them held. */
  async #exit(): Promise<Outcome> {
    await this.#release();
    await this.#answer(responses.finished);
    return 'end';
  }

  async #release(breakage?: string): Promise<void> {
    this.#rounds.endAll(breakage);
    const unclaimed = this.#staged.clear();
    this.#context.resending.clear();
    this.#context.asked.clear();
    if (unclaimed > 0) this.#log('unclaimed', { messages: unclaimed });
    await this.#backups.release();
  }

  /** Logs errors of work that nobody awaits, or that must not stop the caller. */
  #safely(work: Promise<void>): Promise<void> {
    return work.catch((error: unknown) => this.#log('bug', { reason: messageOf(error) }));
  }

  async #refuse(error: unknown): Promise<void> {
    if (error instanceof BackupError && error.kind === 'closed') throw error;
    this.#counts.refused += 1;
    const user = this.#rounds.refused(error);
    if (!(error instanceof BackupError))
      this.#log('bug', { reason: (error as Error).stack ?? messageOf(error) });
    else if (error.kind === 'no-space' && error.subject !== undefined) {
      const { subject } = error;
      const reason = `refused: ${error.message}`;
      this.#log('no-space', { user, reason, ...this.#options.disk.shortageOf(subject) });
    } else this.#log('refused', { kind: error.kind, user, reason: error.message });
    await this.#answer(refusal(error));
    if (error instanceof FramingError) throw error;
  }

  async #say(text: string): Promise<Outcome> {
    await this.#answer(text);
    return 'next';
  }

  async #answer(text: string): Promise<void> {
    await this.#channel.write(text);
    await this.#channel.flush();
  }

  async #end(): Promise<void> {
    await this.#safely(this.#release('the connection ended before RESTART or EXIT'));
    this.#endHold();
    this.#staged.close();
    this.#memory.close();
    await this.#channel.close();
    this.#log('closed', this.#counts);
  }

  #log<E extends EventName>(event: E, fields: FieldsOf<E>): void {
    this.#options.log.write(event, fields, { peer: this.#channel.peer, login: this.user ?? undefined });
  }

  #logCommand({ verb, name, args }: WireCommand, started: bigint): void {
    const ms = Number(process.hrtime.bigint() - started) / 1e6;
    const words = name ?? (verb === 'COMPRESS' ? args[0] : undefined);
    this.#log('command', { command: words === undefined ? verb : `${verb} ${words}`, ms: ms.toFixed(1) });
  }
}
