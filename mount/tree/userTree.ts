/**
 * A user's folder. It shows the mail in the default view. Its hidden names lead to the other views,
 * to past states, and to data that is not mail.
 */
import type { BackupReader } from '../../src/backup/reader.ts';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { VIEW_NAMES } from '../options.ts';
import type { ViewName } from '../options.ts';
import type { Attributes, FolderReference } from '../vfs/tree.ts';
import { AtFolder } from './hidden/atFolder.ts';
import { ChunksFolder } from './hidden/chunksFolder.ts';
import type { Handles } from './backup/handles.ts';
import { MaildirRoot } from './layouts/maildir.ts';
import { MailView } from './views/mailView.ts';
import type { ViewOptions } from './views/mailView.ts';
import { MailboxFolder } from './layouts/mailboxFolder.ts';
import { MboxFolder } from './layouts/mbox.ts';
import { mhSequences } from './layouts/mhSequences.ts';
import { mhNaming, plainNaming } from './layouts/naming.ts';
import type { Owners } from './owner.ts';
import type { Pins } from './backup/pins.ts';
import { SieveFolder } from './hidden/sieveFolder.ts';
import { userStatus } from './hidden/status.ts';
import { subscriptions } from './hidden/subscriptions.ts';
import { nameOfUserid } from './useridName.ts';
import { TextFile } from './textFile.ts';
import type { FixedName, FolderShape } from './treeFolder.ts';
import type { UserBackup } from './backup/userBackup.ts';

/** Settings for the contents and the layout of the tree; see docs/guide/mount.md. */
export interface TreeSettings {
  readonly deletedPrefix: string;
  readonly view: ViewName;
  readonly listsAll: boolean;
  readonly hardlinks: boolean;
  /** The time that the whole mount shows, in unix seconds. */
  readonly at: number | undefined;
  /** Patterns of userids, with * and ?. Empty if all users are shown. */
  readonly users: readonly string[];
  readonly snapshot: boolean;
}

export interface TreeContext {
  readonly settings: TreeSettings;
  readonly catalog: Catalog;
  readonly handles: Handles;
  readonly owners: Owners;
  readonly pins: Pins;
}

/**
 * Reports whether changes in users' folders are invalidated in the kernel. Invalidation is
 * impossible if a folder's list depends on which folders programs have open.
 */
export function isTold({ view, at, snapshot }: TreeSettings): boolean {
  return view === 'plain' && at === undefined && !snapshot;
}

export function userFolder(
  context: TreeContext,
  user: UserBackup,
  parent: FolderReference,
  attributes: () => Attributes,
): FolderReference {
  const { settings, pins } = context;
  const { at } = settings;
  const shape = {
    key: user.userid,
    parent,
    name: nameOfUserid(user.userid),
    attributes,
    opened: () => pins.opened(user),
    released: () => pins.released(user),
  };
  const { deletedPrefix, hardlinks } = settings;
  const options = { part: 'living', salt: '', deletedPrefix, hardlinks } as const;
  if (at !== undefined) return treeAt(context, user, shape, { ...options, time: () => at, changes: 'never' });
  const time = (): number | null => pins.timeOf(user);
  const pinned = (): BackupReader | undefined => pins.readerOf(user);
  const present: ViewOptions = { ...options, time, pinned, changes: 'unnoticed' };
  const living: ViewOptions = { ...present, changes: isTold(settings) ? 'told' : 'unnoticed' };
  return treeAt(context, user, shape, living, () => [
    atName(context, user, options),
    ...presentNames(context, new MailView(user, present)),
  ]);
}

function treeAt(
  context: TreeContext,
  user: UserBackup,
  shape: FolderShape,
  living: ViewOptions,
  more: () => readonly FixedName[] = () => [],
): FolderReference {
  const { settings } = context;
  // Changes are invalidated only in the tree of the default view.
  const changes = living.changes === 'told' ? 'unnoticed' : living.changes;
  const hiddenLiving: ViewOptions = { ...living, changes };
  const deleted: ViewOptions = { ...hiddenLiving, part: 'deleted', salt: `${living.salt}deleted` };
  const view = new MailView(user, hiddenLiving);
  const fixed = (): FixedName[] => [
    ...viewNames(context, user, hiddenLiving),
    hidden(context, '.deleted', (key, parent) =>
      mailRoot(settings.view, { key, parent, fixed: () => viewNames(context, user, deleted) }, user, deleted),
    ),
    hidden(context, '.sieve', (key, parent) => new SieveFolder({ key, parent }, view)),
    hidden(context, '.subscriptions', (key, parent) => {
      return new TextFile(key, parent, view, () => subscriptions(view));
    }),
    ...more(),
  ];
  return mailRoot(settings.view, { ...shape, fixed }, user, living);
}

function hidden(
  { settings }: TreeContext,
  name: string,
  make: (key: string, parent: FolderReference) => ReturnType<FixedName['make']>,
): FixedName {
  return { name, isListed: settings.listsAll, make: (parent) => make(`${parent.key}/${name}`, parent) };
}

/** Returns the names of the views other than the default: `.plain`, `.maildir`, `.mh`, `.mbox`. */
function viewNames(context: TreeContext, user: UserBackup, options: ViewOptions): FixedName[] {
  return VIEW_NAMES.filter((name) => name !== context.settings.view).map((name) =>
    hidden(context, `.${name}`, (key, parent) => {
      return mailRoot(name, { key, parent }, user, { ...options, salt: `${options.salt}.${name}` });
    }),
  );
}

type MailRoot = (shape: FolderShape, view: MailView) => FolderReference;

const mailRoots: Record<ViewName, MailRoot> = {
  plain: (shape, view) => new MailboxFolder(shape, view, { naming: plainNaming, fixed: () => [] }, ''),
  mh: (shape, view) => new MailboxFolder(shape, view, { naming: mhNaming, fixed: mhSequences }, ''),
  maildir: (shape, view) => new MaildirRoot(shape, view),
  mbox: (shape, view) => new MboxFolder(shape, view, ''),
};

function mailRoot(
  name: ViewName,
  shape: FolderShape,
  user: UserBackup,
  options: ViewOptions,
): FolderReference {
  return mailRoots[name](shape, new MailView(user, options));
}

function atName(
  context: TreeContext,
  user: UserBackup,
  options: Pick<ViewOptions, 'part' | 'deletedPrefix' | 'hardlinks'>,
): FixedName {
  return hidden(context, '.at', (key, parent) => {
    const view = new MailView(user, { ...options, time: () => null, salt: '', changes: 'unnoticed' });
    return new AtFolder({ key, parent }, view, (key, parent, time) => {
      const then: ViewOptions = { ...options, time: () => time, salt: `@${time}`, changes: 'never' };
      return treeAt(context, user, { key, parent }, then);
    });
  });
}

/** Returns the names that describe the backup as it is now. They do not exist for a past time. */
function presentNames(context: TreeContext, view: MailView): FixedName[] {
  return [
    hidden(context, '.chunks', (key, parent) => new ChunksFolder({ key, parent }, view)),
    hidden(context, '.status.json', (key, parent) => {
      return new TextFile(key, parent, view, () => userStatus(view));
    }),
  ];
}
