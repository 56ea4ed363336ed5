/**
 * `.subscriptions`: the folders to which a user has subscribed, one per line, as paths relative to
 * the user's folder.
 */
import { itemsAt } from '../../../src/index/queries/items.ts';
import { backupUseridOf } from '../../../src/mailbox/names.ts';
import { toPathSegments } from '../../../src/mailbox/path.ts';
import { getString, toKeyValues } from '../../../src/protocol/dlist.ts';
import { parseDlist } from '../../../src/protocol/parseText.ts';
import type { MailView } from '../views/mailView.ts';
import { nameOfUserid } from '../useridName.ts';

/** Returns the list as bytes in latin1. Another user's folder is listed as `../bob/Plans`. */
export function subscriptions(view: MailView): string {
  const { deletedPrefix, time } = view.options;
  const lines = itemsAt(view.reader().index, 'sub', time()).map(({ value }) => {
    const name = getString(toKeyValues(parseDlist(value), 'SUB'), 'MBOXNAME');
    const path = toPathSegments(name, deletedPrefix).join('/');
    const owner = backupUseridOf(name, deletedPrefix);
    return owner === view.user.userid ? path : `../${nameOfUserid(owner)}/${path}`;
  });
  return Buffer.from(lines.map((line) => `${line}\n`).join(''), 'utf8').toString('latin1');
}
