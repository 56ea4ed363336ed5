/**
 * A disk that stalls on command, and looks like any other disk to its readers. It is an ext4 image
 * attached to a loop device. The image is a file in a FUSE file system of ours, which does not
 * answer while a gate is closed.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, run } from './machine.ts';
import { MadeUpMount, SMALL } from './mount-made-up.ts';

const SIZE = '64M';

export class GatedDisk {
  /** The mount point of its files, read-only. */
  readonly path: string;
  readonly #folder: string;
  readonly #gate: string;
  #below: MadeUpMount | undefined;
  #device: string | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, 'disk');
    this.#gate = join(folder, 'gate');
  }

  /** Makes a disk with a copy of a folder's contents. Its gate is open. */
  static async start(content: string): Promise<GatedDisk> {
    const folder = makeFolder('disk');
    const disk = new GatedDisk(folder);
    try {
      mkdirSync(disk.path);
      const image = join(folder, 'image');
      await must('mkfs.ext4', '-q', '-d', content, image, SIZE);
      const made = { ...SMALL, disk: { image, gate: disk.#gate } };
      // Nothing is cached, so that data that was read once is requested again.
      disk.#below = await new MadeUpMount(made, 'transport=kernel,cache=0').ready();
      const file = join(disk.#below.path, 'disk.img');
      disk.#device = (await must('losetup', '--find', '--show', '--read-only', file)).trim();
      await must('mount', '-t', 'ext4', '-o', 'ro,noload', disk.#device, disk.path);
      return disk;
    } catch (error) {
      await disk.stop();
      throw error;
    }
  }

  close(): void {
    writeFileSync(this.#gate, '');
  }

  open(): void {
    rmSync(this.#gate, { force: true });
  }

  async stop(): Promise<void> {
    this.open();
    await run('umount', [this.path]);
    if (this.#device !== undefined) await run('losetup', ['--detach', this.#device]);
    await this.#below?.clean();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function must(command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}
