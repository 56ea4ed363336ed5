/** What the search index of a user holds, by backup_search_index and its exceptions. */
import { BackupError } from '../errors.ts';
import type { Config } from './imapdConf.ts';

const SCOPES: Readonly<Record<string, 'no' | 'headers' | 'all'>> = {
  no: 'no',
  headers: 'headers',
  yes: 'all',
};

/** `userid`: as a byte string. Throws 'config' for an exception that makes no sense. */
export function scopeOf(config: Config, userid: string): 'no' | 'headers' | 'all' {
  const exceptions = new Map(config.backup_search_index_for.map((text) => exceptionOf(text, config)));
  const name = Buffer.from(userid, 'latin1').toString('utf8');
  const domain = name.slice(name.lastIndexOf('@'));
  const own = exceptions.get(name) ?? (domain.startsWith('@') ? exceptions.get(domain) : undefined);
  return own ?? SCOPES[config.backup_search_index] ?? 'no';
}

function exceptionOf(text: string, { file }: Config): [name: string, scope: 'no' | 'headers' | 'all'] {
  const at = text.lastIndexOf('=');
  const scope = SCOPES[text.slice(at + 1)];
  if (at > 0 && scope !== undefined) return [text.slice(0, at), scope];
  throw new BackupError(
    'config',
    `${file}: backup_search_index_for: ${text} is not USER=VALUE or @DOMAIN=VALUE, with no, headers or yes`,
    { subject: file },
  );
}
