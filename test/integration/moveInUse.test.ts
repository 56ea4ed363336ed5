/** A backup that is moved to and fro while a master replicates into it and programs read it through a mount. */
import { expect } from 'chai';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { run } from '../support/machine.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';
import { SyncConnection } from '../support/syncConnection.ts';
import { apply, guidOf, message, upload } from '../server/made.ts';

const MOVES = 6;

describe('a move of a backup that is in use', function () {
  this.timeout(60_000);

  let backup: BackupServer;
  let mount: MountDaemon | undefined;

  before(async function () {
    needs(this, 'root', '/dev/fuse');
    backup = await BackupServer.start();
  });

  after(async () => {
    await mount?.stop();
    await backup?.stop();
  });

  it('refuses no command of the master, hides nothing from the mount, and loses nothing', async () => {
    mkdirSync(join(backup.folder, 'second'));
    await run('sh', ['-c', `echo backuppartition-second: ${backup.folder}/second >> ${backup.conf}`]);
    const bodies = [message('number 0')];
    const send = async (connection: SyncConnection, command: string | Buffer): Promise<void> => {
      expect((await connection.exchange(command)).reply, backup.log).to.match(/^OK/);
    };
    const connection = await SyncConnection.login(backup.address);
    const addMessage = async (): Promise<void> => {
      await send(connection, upload(bodies.at(-1) ?? ''));
      await send(connection, apply({ name: 'user.anne', bodies }));
      await send(connection, 'RESTART\r\n');
    };
    await addMessage();
    mount = await MountDaemon.start(backup.conf);
    const inbox = join(mount.path, 'anne/INBOX');

    const state = { isMoving: true };
    const replicate = async (): Promise<void> => {
      while (state.isMoving) {
        bodies.push(message(`number ${bodies.length}`));
        await addMessage();
      }
    };
    const look = async (): Promise<string> => {
      let wrong = '';
      while (state.isMoving) {
        const { stdout, stderr } = await run('sh', [
          '-c',
          `sha1sum < ${inbox}/1.eml; ls ${inbox} > /dev/null`,
        ]);
        if (!stdout.startsWith(guidOf(bodies[0] ?? '')) || stderr !== '') wrong += stdout + stderr;
      }
      return wrong;
    };
    const move = async (): Promise<string> => {
      let said = '';
      for (let count = 0; count < MOVES; count += 1) {
        const partition = count % 2 === 0 ? 'second' : 'default';
        const { stdout, stderr } = await runOurs('ctl_backups', [
          '-C',
          backup.conf,
          '-w',
          'move',
          'anne',
          partition,
        ]);
        said += stdout + stderr;
      }
      state.isMoving = false;
      return said;
    };
    const [said, wrong] = await Promise.all([move(), look(), replicate()]);
    connection.close();
    expect(said).to.equal('move anne: ok\n'.repeat(MOVES));
    expect(wrong).to.equal('');
    const { stdout } = await runOurs('ctl_backups', ['-C', backup.conf, '-w', 'verify', 'anne']);
    expect(stdout).to.equal('verify anne: ok\n');
    const listed = await runOurs('cyr_backup', ['-C', backup.conf, 'anne', 'list', 'messages']);
    expect(listed.stdout.trim().split('\n')).to.have.members(bodies.map(guidOf));
  });
});
