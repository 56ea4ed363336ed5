/**
 * A program that mounts the made-up tree as the real command mounts the real one. Tests run it as a
 * process of its own, because a process that accesses its own mount hangs for good.
 */
import { runMount } from '../../src/cli/cyrus-backups/mount.ts';

const [, , ...argv] = process.argv;
const options: unknown = JSON.parse(process.env['MADE_UP_TREE'] ?? '{}');
const module = new URL('./mount-tree.js', import.meta.url).href;

process.exitCode = await runMount(argv, process, () => ({ module, options }));
