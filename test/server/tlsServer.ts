/** A server with TLS, certificates of its own, and clients: what the tests of TLS share. */
import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionSecurity, Passwords } from '../../src/server/auth/exchange.ts';
import { offeredMechanisms } from '../../src/server/auth/sasl.ts';
import type { MechanismRules } from '../../src/server/auth/sasl.ts';
import { TlsContext } from '../../src/server/tls/tls.ts';
import type { TlsSettings } from '../../src/server/tls/files.ts';
import { Authority } from '../support/certificates.ts';
import type { Certificate } from '../support/certificates.ts';
import { waitUntil } from '../support/machine.ts';
import { TestServer } from './testServer.ts';
import { TlsClient } from './tlsClient.ts';

interface Setup {
  readonly tls?: Partial<TlsSettings>;
  readonly rules?: Partial<MechanismRules>;
  readonly options?: Parameters<typeof TestServer.start>[0];
  /** TLS from the first byte. */
  readonly isTls?: boolean;
}

const RULES: MechanismRules = { mechList: [], allowPlaintext: false, isTlsRequired: false, minimumLayer: 0 };
const PASSWORDS: Passwords = {
  verify: (_user, password) => Promise.resolve(password === 'replpw'),
  scram: () => null,
};

/** A folder with an authority and a server's certificate; remove() takes it away. */
export class Certified {
  readonly folder = mkdtempSync(join(tmpdir(), 'tls-'));
  readonly ca = new Authority(this.folder);
  readonly own: Certificate = this.ca.issue('server', '/CN=localhost');

  settings(changes: Partial<TlsSettings> = {}): TlsSettings {
    return {
      certificateFiles: [this.own.cert],
      keyFiles: [this.own.key],
      clientCaFile: null,
      clientCaDirectory: null,
      clientCertificates: 'optional',
      crlFile: null,
      dhParametersFile: null,
      versions: ['tls1_2', 'tls1_3'],
      ciphers: 'DEFAULT',
      curve: null,
      prefersServerCiphers: false,
      ...changes,
    };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class TlsTestServer {
  readonly context: TlsContext;
  readonly server: TestServer;
  readonly #clients: TlsClient[] = [];

  private constructor(context: TlsContext, server: TestServer) {
    this.context = context;
    this.server = server;
  }

  static async start(certified: Certified, setup: Setup = {}): Promise<TlsTestServer> {
    const context = new TlsContext(certified.settings(setup.tls));
    const rules = { ...RULES, ...setup.rules };
    const options = {
      tls: context,
      passwords: PASSWORDS,
      mechanisms: (security: ConnectionSecurity) => offeredMechanisms(rules, PASSWORDS, security),
      ...setup.options,
    };
    return new TlsTestServer(context, await TestServer.start(options, setup.isTls));
  }

  async open(): Promise<TlsClient> {
    const client = await TlsClient.open(this.server.port);
    this.#clients.push(client);
    return client;
  }

  get warnings(): string[] {
    return this.server.log.filter((line) => line.startsWith('warn '));
  }

  /** Waits for the warning; throws where there is another one. */
  async warned(text: string): Promise<void> {
    await waitUntil(() => this.server.logged(text), { what: () => this.server.log.join('\n') });
    expect(this.warnings, 'said once').to.have.length(1);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.server.stop();
  }
}
