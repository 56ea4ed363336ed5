/**
 * A real Dovecot (Debian's) for a test, in its own folder, on its own port, with STARTTLS and its
 * own certificate. Its IMAP part is only unpacked, because the package conflicts with Cyrus'
 * package.
 *
 * Mail is stored in Maildirs. Every user's password is `secret`. User `full` has a quota of zero.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ImapClient } from './imapClient.ts';
import { Daemon, freePorts, makeFolder, run, waitUntil, type Outcome } from './machine.ts';

const PASSWORD = 'secret';
/** See build/install-debian.sh. */
const DOVECOT_IMAPD = '/usr/local/lib/cyrus-backups-tests/dovecot-imapd/usr/lib/dovecot';
const DOVECOT_CORE = '/usr/lib/dovecot';

export class Dovecot {
  readonly folder: string;
  readonly port: number;
  readonly #daemon: Daemon;

  private constructor(folder: string, port: number, daemon: Daemon) {
    this.folder = folder;
    this.port = port;
    this.#daemon = daemon;
  }

  static async start(): Promise<Dovecot> {
    const folder = makeFolder('dovecot');
    const [port = 0] = await freePorts(1);
    for (const name of ['mail', 'run', 'state']) mkdirSync(join(folder, name));
    const subject = ['-subj', '/CN=dovecot.example', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
    const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...files];
    execFileSync('openssl', request, { stdio: 'ignore' });
    linkAll([DOVECOT_CORE, DOVECOT_IMAPD], join(folder, 'libexec'));
    linkAll([`${DOVECOT_CORE}/modules`, `${DOVECOT_IMAPD}/modules`], join(folder, 'modules'));
    writeFileSync(join(folder, 'password'), `${PASSWORD}\n`);
    writeFileSync(join(folder, 'dovecot.conf'), configuration(folder, port));
    const home = join(folder, 'mail', 'full');
    writeFileSync(
      join(folder, 'users'),
      `full:::::${home}::userdb_uid=nobody userdb_gid=nogroup userdb_quota_rule=*:bytes=100\n`,
    );
    execFileSync('chown', ['-R', 'nobody:nogroup', join(folder, 'mail')]);
    const daemon = new Daemon('/usr/sbin/dovecot', ['-F', '-c', join(folder, 'dovecot.conf')]);
    const dovecot = new Dovecot(folder, port, daemon);
    await waitUntil(
      async () => {
        if (daemon.hasExited) throw new Error(`dovecot: ${daemon.output}`);
        return dovecot.imap('probe').then(
          (client) => (client.close(), true),
          () => false,
        );
      },
      { what: () => `dovecot does not answer:\n${daemon.output}` },
    );
    return dovecot;
  }

  get passwordFile(): string {
    return join(this.folder, 'password');
  }

  get certificate(): string {
    return join(this.folder, 'cert.pem');
  }

  imap(user: string): Promise<ImapClient> {
    return ImapClient.login(this.port, user, PASSWORD);
  }

  /** Runs `doveadm ARGS` with this server's configuration. */
  doveadm(...args: string[]): Promise<Outcome> {
    return run('/usr/bin/doveadm', ['-c', join(this.folder, 'dovecot.conf'), ...args]);
  }

  async stop(): Promise<void> {
    await this.#daemon.stop();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Fills one folder with links to the contents of several. */
function linkAll(from: readonly string[], into: string): void {
  mkdirSync(into);
  for (const folder of from) {
    for (const name of readdirSync(folder)) {
      if (name !== 'modules') symlinkSync(join(folder, name), join(into, name));
    }
  }
}

function configuration(folder: string, port: number): string {
  return `base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = /dev/stderr
libexec_dir = ${folder}/libexec
mail_plugin_dir = ${folder}/modules
protocols = imap
listen = 127.0.0.1
default_internal_user = dovecot
default_login_user = dovenull
first_valid_uid = 1
last_valid_uid = 0
first_valid_gid = 1
ssl = yes
ssl_cert = <${folder}/cert.pem
ssl_key = <${folder}/key.pem
disable_plaintext_auth = no
mail_location = maildir:${folder}/mail/%u
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = maildir:User quota
}
passdb {
  driver = static
  args = password=${PASSWORD}
}
userdb {
  driver = passwd-file
  args = username_format=%u ${folder}/users
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=${folder}/mail/%u
}
service imap-login {
  chroot =
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
`;
}
