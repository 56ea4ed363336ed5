/**
 * A disk that stands still when told to: an ext4 image that lies, as a file, in a FUSE file system of ours which does not answer for as
 * long as a gate is closed, behind a loop device. To whoever reads from it it is a disk like any other.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, run } from './machine.ts';
import { MadeUpMount, SMALL } from './mount-made-up.ts';

const SIZE = '64M';

export class GatedDisk {
  /** Where its files are, read-only. */
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

  /** A disk with a copy of what is in a folder. Its gate is open. */
  static async start(content: string): Promise<GatedDisk> {
    const folder = makeFolder('disk');
    const disk = new GatedDisk(folder);
    try {
      mkdirSync(disk.path);
      const image = join(folder, 'image');
      await must('mkfs.ext4', '-q', '-d', content, image, SIZE);
      const made = { ...SMALL, disk: { image, gate: disk.#gate } };
      // What was read once is asked for again.
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
