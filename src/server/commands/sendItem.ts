/**
 * Sends an untagged line in pieces, because the master's requests determine how long a list of
 * MISSING or LSUB is.
 */
import type { Dlist } from '../../protocol/dlist.ts';
import { printItemPieces } from '../../protocol/print.ts';
import type { CommandContext } from './context.ts';

/** The approximate size of a piece. */
const PIECE_CHARS = 32 * 1024;

/** Sends `* NAME dlist`. */
export async function sendItem(
  { send, turn }: Pick<CommandContext, 'send' | 'turn'>,
  name: string,
  value: Dlist,
): Promise<void> {
  let text = '* ';
  for (const piece of printItemPieces(name, value, 'client')) {
    text += piece;
    if (text.length < PIECE_CHARS) continue;
    await send(text);
    await turn();
    text = '';
  }
  await send(`${text}\r\n`);
}
