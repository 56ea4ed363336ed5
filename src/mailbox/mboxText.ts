/** What an mbox has of a message beside its bytes: the From line, and flags as header fields that every reader knows. */
import { splitFlags } from './maildirText.ts';

export const GUID_FIELD = 'X-Cyrus-GUID';

/** Without its line end. In asctime's form and UTC, which readers expect; 45 characters for the years 1000 to 9999. */
export function mboxFromLine(internaldate: number): string {
  const [day, date, month, year, time] = new Date(internaldate * 1000).toUTCString().split(/,? /);
  return `From MAILER-DAEMON ${day} ${month} ${date?.replace(/^0/, ' ')} ${time} ${year}`;
}

/** Header fields, without their line ends. */
export function mboxFields(flags: readonly string[], guid: string): string[] {
  const { letters, keywords } = splitFlags(flags);
  const has = (letter: string): boolean => letters.includes(letter);
  const xStatus = [has('R') ? 'A' : '', has('F') ? 'F' : '', has('D') ? 'T' : '', has('T') ? 'D' : ''].join(
    '',
  );
  const others = [...(has('P') ? ['$Forwarded'] : []), ...keywords];
  return [
    `Status: ${has('S') ? 'R' : ''}O`,
    ...(xStatus === '' ? [] : [`X-Status: ${xStatus}`]),
    ...(others.length === 0 ? [] : [`X-Keywords: ${others.join(' ')}`]),
    `${GUID_FIELD}: ${guid}`,
  ];
}
